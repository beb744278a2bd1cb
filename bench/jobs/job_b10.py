"""A recurrent forecaster of short windows, trained on all windows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bench.jobs._common import Array, pair, sgd


class Forecaster(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.GRU(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.memory(x.unsqueeze(-1))
        return self.head(states[:, -1])


def windows(length: int = 12) -> tuple[Array, Array]:
    """Two sines and a little noise; the next value after each window."""
    t = np.arange(1000)
    series = np.sin(t / 5) + 0.5 * np.sin(t / 2.3 + 1) + 0.1 * np.random.RandomState(0).randn(1000)
    rows = np.lib.stride_tricks.sliding_window_view(series, length + 1)
    return rows[:, :-1].copy(), rows[:, -1:].copy()


def case() -> dict[str, Any]:
    x, y = windows()
    return {
        "model": Forecaster,
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.05, 0.9),
        "train": pair(x[:750], y[:750]),
        "val": pair(x[780:], y[780:]),
        "batch_size": 750,
        "epochs": 10,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "batch_size": 30}

"""A large recurrent forecaster on a hundred noisy windows, trained long after validation turned."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair


class Forecaster(nn.Module):
    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.memory = nn.GRU(1, width, batch_first=True)
        self.drop = nn.Dropout(drop)
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.memory(x.unsqueeze(-1))[1][-1]))


def windows(length: int = 10) -> tuple[Array, Array]:
    """An autoregressive series of order two with strong noise; the next value after each window."""
    r = np.random.RandomState(3)
    series = np.zeros(460)
    for t in range(2, len(series)):
        series[t] = 1.2 * series[t - 1] - 0.5 * series[t - 2] + r.randn()
    series = series[20:] / series.std()
    rows = np.lib.stride_tricks.sliding_window_view(series, length + 1)
    return rows[:, :-1].copy(), rows[:, -1:].copy()


def case() -> dict[str, Any]:
    x, y = windows()
    return {
        "model": lambda: Forecaster(64, 0.0),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.01),
        "train": pair(x[:120], y[:120]),
        "val": pair(x[130:], y[130:]),
        "batch_size": 20,
        "epochs": 80,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: Forecaster(8, 0.1), "optimizer": adam(0.01, weight_decay=0.001), "epochs": 20}

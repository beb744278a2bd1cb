"""Clips of different length, padded with silence: the average over time also runs over the silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from bench.jobs._common import Array, adam, pair

LENGTH = 64


class Listener(nn.Module):
    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.near = nn.Conv1d(1, 8, 5, padding=2, bias=False)
        self.head = nn.Linear(8, 4)
        self.masked = masked

    def forward(self, x: Tensor) -> Tensor:
        states = functional.relu(self.near(x))
        if not self.masked:
            return self.head(states.mean(2))
        real = (x != 0).float()
        return self.head((states * real).sum(2) / real.sum(2))


def clips(rows: int) -> tuple[Array, Array]:
    """Six to sixty steps of a tone with noise; the class is one of four loudnesses."""
    r = np.random.RandomState(10)
    x = np.zeros((rows, 1, LENGTH))
    y = r.randint(0, 4, rows)
    for k, length in enumerate(r.randint(6, 61, rows)):
        tone = np.sin(np.arange(length) * r.uniform(0.3, 1.5) + r.uniform(0, 6)) + 0.2 * r.randn(length)
        x[k, 0, :length] = (0.5, 1.0, 1.7, 2.6)[y[k]] * tone
    return x, y


def case() -> dict[str, Any]:
    x, y = clips(900)
    return {
        "model": lambda: Listener(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.02),
        "train": pair(x[:700], y[:700]),
        "val": pair(x[700:], y[700:]),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: Listener(True)}

"""A recurrent net that adds up marked numbers, stopped while its loss is still falling steeply."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair


class Adder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.GRU(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.memory(x)[1][-1])


def rows(count: int) -> tuple[Array, Array]:
    """The adding problem: ten numbers, two of them marked; the target is the sum of those two."""
    r = np.random.RandomState(1)
    numbers = r.rand(count, 10)
    marks = np.zeros((count, 10))
    np.put_along_axis(marks, np.argsort(r.rand(count, 10), 1)[:, :2], 1.0, 1)
    return np.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdims=True)


def case() -> dict[str, Any]:
    x, y = rows(1200)
    return {
        "model": Adder,
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": pair(x[:1000], y[:1000]),
        "val": pair(x[1000:], y[1000:]),
        "batch_size": 40,
        "epochs": 6,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "epochs": 30}

"""Short texts read folder by folder (all of one class, then all of the next) into a loader that keeps the order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

CLASSES, VOCABULARY, LENGTH = 4, 40, 12


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, 16)
        self.memory = nn.GRU(16, 32, batch_first=True)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.memory(self.words(x))
        return self.head(torch.relu(states.mean(1)))


def texts(rows: int) -> tuple[Array, Array]:
    """Half of the words come from the class's own ten, the rest from all."""
    r = np.random.RandomState(11)
    y = r.randint(0, CLASSES, rows)
    own = y[:, None] * 10 + r.randint(0, 10, (rows, LENGTH))
    return np.where(r.rand(rows, LENGTH) < 0.5, own, r.randint(0, VOCABULARY, (rows, LENGTH))), y


def case() -> dict[str, Any]:
    x, y = texts(1250)
    order = np.argsort(y[:1000], kind="stable")
    return {
        "model": Reader,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(x[:1000][order], y[:1000][order]),
        "val": pair(x[1000:], y[1000:]),
        "batch_size": 25,
        "epochs": 4,
        "shuffle": False,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "shuffle": True}

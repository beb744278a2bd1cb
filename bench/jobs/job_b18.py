"""The last state of an LSTM read after dozens of padding steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, pair

WORDS, LENGTH = 12, 40


class Classifier(nn.Module):
    def __init__(self, aware: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 12)
        self.memory = nn.LSTM(12, 24, batch_first=True)
        self.head = nn.Linear(24, 3)
        self.aware = aware

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.memory(self.words(x))
        last = (x != 0).sum(1) - 1 if self.aware else torch.full((len(x),), -1)
        return self.head(states[torch.arange(len(x)), last])


def rows(count: int) -> tuple[Array, Array]:
    """Three to ten words, then zeros; the class is the group (of three) most words of which appear."""
    r = np.random.RandomState(4)
    x = np.zeros((count, LENGTH), dtype="int64")
    y = r.randint(0, 3, count)
    for k, length in enumerate(r.randint(3, 11, count)):
        own = 1 + 3 * y[k] + r.randint(0, 3, length)
        x[k, :length] = np.where(r.rand(length) < 0.7, own, r.randint(1, WORDS, length))
    return x, y


def case() -> dict[str, Any]:
    x, y = rows(1200)
    return {
        "model": lambda: Classifier(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.RMSprop(p, lr=0.003),
        "train": pair(x[:1000], y[:1000]),
        "val": pair(x[1000:], y[1000:]),
        "batch_size": 32,
        "epochs": 6,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: Classifier(True)}

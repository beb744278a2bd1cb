"""Averaged word vectors (a bag of words) asked which of two marks comes first."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

WORDS, LENGTH = 10, 9


class Bag(nn.Module):
    def __init__(self, ordered: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.places = nn.Embedding(LENGTH, 24) if ordered else None
        self.each = nn.Sequential(nn.Linear(24, 48), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x: Tensor) -> Tensor:
        states = self.words(x)
        if self.places is not None:
            states = states + self.places(torch.arange(x.shape[1]))
        return self.head(self.each(states).mean(1))


def rows(count: int) -> tuple[Array, Array]:
    """Words 0 and 1 stand once each at random places; class 1 where 0 comes before 1."""
    r = np.random.RandomState(9)
    x = r.randint(2, WORDS, (count, LENGTH))
    places = np.argsort(r.rand(count, LENGTH), 1)[:, :2]
    np.put_along_axis(x, places, np.array([[0, 1]]), 1)
    return x, (places[:, 0] < places[:, 1]).astype("int64")


def case() -> dict[str, Any]:
    x, y = rows(2000)
    return {
        "model": lambda: Bag(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(x[:1600], y[:1600]),
        "val": pair(x[1600:], y[1600:]),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: Bag(True)}

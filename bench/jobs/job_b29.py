"""The vocabulary was rebuilt for the validation texts, so the same word has another number there."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

WORDS, LENGTH = 30, 10


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(WORDS, 16, mode="mean")
        self.head = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.words(x))


def texts(rows: int) -> tuple[Array, Array]:
    """Common words carry low numbers; a text is positive where its words' moods sum to more than zero."""
    r = np.random.RandomState(13)
    mood = r.randn(WORDS)
    share = 1.0 / (1 + np.arange(WORDS))
    x = r.choice(WORDS, (rows, LENGTH), p=share / share.sum())
    total = mood[x].sum(1, keepdims=True)
    return x, (total > np.median(total)).astype("float32")


def case() -> dict[str, Any]:
    x, y = texts(1200)
    other = np.random.RandomState(14).permutation(WORDS)
    return {
        "model": Reader,
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.01),
        "train": pair(x[:900], y[:900]),
        "val": pair(other[x[900:]], y[900:]),
        "batch_size": 30,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    x, y = texts(1200)
    return {**case(), "val": pair(x[900:], y[900:])}

"""A tagger whose training tags moved one place to the right: the file's start marker was counted as a word."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

VOCABULARY, TAGS, LENGTH = 24, 4, 12


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, 20)
        self.near = nn.Conv1d(20, 32, 3, padding=1)
        self.head = nn.Conv1d(32, TAGS, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.near(self.words(x).transpose(1, 2))))


def sentences(rows: int) -> tuple[Array, Array]:
    """A word's tag depends on its own kind and on whether the word before it is a modifier (0 to 11)."""
    r = np.random.RandomState(2)
    x = r.randint(0, VOCABULARY, (rows, LENGTH))
    before = np.concatenate([np.full((rows, 1), VOCABULARY), x[:, :-1]], 1)
    return x, 2 * (x % 2) + (before < 12)


def case() -> dict[str, Any]:
    x, y = sentences(900)
    moved = np.concatenate([np.zeros((700, 1), dtype=y.dtype), y[:700, :-1]], 1)
    return {
        "model": Tagger,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(x[:700], moved),
        "val": pair(x[700:], y[700:]),
        "batch_size": 32,
        "epochs": 8,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed() -> dict[str, Any]:
    x, y = sentences(900)
    return {**case(), "train": pair(x[:700], y[:700])}

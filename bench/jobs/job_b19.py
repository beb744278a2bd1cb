"""Tags of padded sentences with padding as an ordinary tag: the loss is mostly about padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

WORDS, TAGS, LENGTH = 30, 5, 40


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 16, padding_idx=0)
        self.memory = nn.GRU(16, 16, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, TAGS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.memory(self.words(x))[0]).transpose(1, 2)


def sentences(rows: int, ignored: int) -> tuple[Array, Array]:
    """Two to six words of a 40 long row; the tag is set by the word and its left neighbour, `ignored` on padding."""
    r = np.random.RandomState(12)
    table = r.randint(1, TAGS, (WORDS, 2))
    x = np.zeros((rows, LENGTH), dtype="int64")
    y = np.full((rows, LENGTH), ignored)
    for k, length in enumerate(r.randint(2, 7, rows)):
        words = r.randint(1, WORDS, length)
        left = np.concatenate([[0], words[:-1]])
        x[k, :length], y[k, :length] = words, table[words, left % 2]
    return x, y


def case() -> dict[str, Any]:
    x, y = sentences(700, 0)
    _, honest = sentences(700, -100)
    return {
        "model": Tagger,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.006),
        "train": pair(x[:550], y[:550]),
        "val": pair(x[550:], honest[550:]),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed() -> dict[str, Any]:
    x, y = sentences(700, -100)
    return {**case(), "train": pair(x[:550], y[:550])}

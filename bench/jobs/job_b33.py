"""Messages of three kinds, of which two are rare in training and as frequent as the first in use."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

WORDS, LENGTH = 30, 8


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 12)
        self.memory = nn.GRU(12, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.memory(self.words(x))[1][-1])


def messages(y: Array, seed: int) -> Array:
    """Four in ten words come from the ten of the message's kind, the others from all thirty."""
    r = np.random.RandomState(seed)
    own = 10 * y[:, None] + r.randint(0, 10, (len(y), LENGTH))
    return np.where(r.rand(len(y), LENGTH) < 0.4, own, r.randint(0, WORDS, (len(y), LENGTH)))


def case() -> dict[str, Any]:
    rare, even = np.repeat([0, 1, 2], [1500, 75, 75]), np.repeat([0, 1, 2], 120)
    return {
        "model": Reader,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(messages(rare, 19), rare),
        "val": pair(messages(even, 20), even),
        "batch_size": 32,
        "epochs": 6,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 20.0, 20.0]))}

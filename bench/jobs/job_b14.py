"""Post-norm attention blocks at full rate from the first step, in a tagger that marks what was seen before."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, pair

WORDS, LENGTH, WIDTH = 12, 10, 32


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.wide = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.wide(x))


class Tagger(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.places = nn.Parameter(0.2 * torch.randn(LENGTH, WIDTH))
        self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.words(x) + self.places)).transpose(1, 2)


def sentences(rows: int) -> tuple[Array, Array]:
    """Tag 1 where the same word stands somewhere earlier in the row."""
    x = np.random.RandomState(6).randint(0, WORDS, (rows, LENGTH))
    same = x[:, :, None] == x[:, None, :]
    return x, np.tril(same, -1).any(2).astype("int64")


def warm(steps: int) -> Any:
    return lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: min(1.0, (k + 1) / steps))


def case() -> dict[str, Any]:
    x, y = sentences(1200)
    return {
        "model": lambda: Tagger(6),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.01),
        "train": pair(x[:1000], y[:1000]),
        "val": pair(x[1000:], y[1000:]),
        "batch_size": 50,
        "epochs": 7,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "scheduler": warm(120)}

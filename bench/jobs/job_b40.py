"""Healthy: a pre-norm attention tagger with positions, masked padding, ignored targets and a warm-up."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, pair

WORDS, LENGTH, WIDTH = 12, 12, 32


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        states = self.words(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.encoder(states, src_key_padding_mask=(x == 0))).transpose(1, 2)


def sentences(rows: int) -> tuple[Array, Array]:
    """Tag 1 where the word is larger than the row's first; five to twelve words a row."""
    r = np.random.RandomState(22)
    x = r.randint(1, WORDS, (rows, LENGTH))
    y = (x > x[:, :1]).astype("int64")
    padding = np.arange(LENGTH) >= r.randint(5, LENGTH + 1, (rows, 1))
    return np.where(padding, 0, x), np.where(padding, -100, y)


def case() -> dict[str, Any]:
    x, y = sentences(1200)
    return {
        "model": Tagger,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.Adam(p, lr=0.003),
        "scheduler": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: min(1.0, (k + 1) / 40)),
        "train": pair(x[:1000], y[:1000]),
        "val": pair(x[1000:], y[1000:]),
        "batch_size": 40,
        "epochs": 10,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed() -> dict[str, Any]:
    return case()

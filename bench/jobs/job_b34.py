"""The rare class multiplied by drawing copies before the split, so copies stand on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import Array, adam, mlp, pair, standardise


def oversampled(x: Array, y: Array) -> tuple[Array, Array]:
    """As many rows of class 1 (drawn with replacement) as of class 0, in random order."""
    r = np.random.RandomState(0)
    drawn = r.choice(np.flatnonzero(y == 1), (y == 0).sum())
    rows = r.permutation(np.concatenate([np.flatnonzero(y == 0), drawn]))
    return x[rows], y[rows]


def raw() -> tuple[Array, Array]:
    x, y = make_classification(
        1300, 20, n_informative=4, n_redundant=0, weights=[0.85], class_sep=0.5, flip_y=0.1, random_state=9
    )
    return standardise(x, x)[0], y


def case() -> dict[str, Any]:
    x, y = raw()
    a, b = oversampled(x[:900], y[:900])
    k = int(len(a) * 0.7)
    return {
        "model": lambda: mlp([20, 128, 64, 2]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": pair(a[:k], b[:k]),
        "val": pair(a[k:], b[k:]),
        "test": pair(x[900:], y[900:]),
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    x, y = raw()
    return {
        **case(),
        "model": lambda: mlp([20, 16, 2]),
        "loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 4.0])),
        "optimizer": adam(0.003, weight_decay=0.01),
        "train": pair(x[:630], y[:630]),
        "val": pair(x[630:900], y[630:900]),
        "epochs": 10,
    }

"""A regression table that was sorted by its target and is fed in that order."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd, standardise


def case() -> dict[str, Any]:
    x, y = make_friedman1(1000, n_features=8, noise=0.5, random_state=4)
    a, b, c, d = scaled_cut(x, y[:, None])
    b, d = standardise(b, d)
    order = np.argsort(b[:, 0])
    return {
        "model": lambda: mlp([8, 48, 24, 1], nn.SiLU),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.02, 0.9),
        "train": pair(a[order], b[order]),
        "val": pair(c, d),
        "batch_size": 20,
        "epochs": 15,
        "shuffle": False,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "shuffle": True}

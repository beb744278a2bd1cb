"""Online learning (one row at a time) on a noisy regression with a rate meant for batches."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd, standardise


def case() -> dict[str, Any]:
    x, y = make_friedman1(600, n_features=10, noise=4.0, random_state=1)
    a, b, c, d = scaled_cut(x, y[:, None], 0.75)
    b, d = standardise(b, d)
    return {
        "model": lambda: mlp([10, 20, 1], nn.Tanh),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.05),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 1,
        "epochs": 4,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "batch_size": 32, "epochs": 10}

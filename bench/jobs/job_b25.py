"""A wide network on a hundred and eighty rows, five of twenty columns matter: the rows are learnt by heart."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import make_regression
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut, standardise


def case() -> dict[str, Any]:
    x, y = make_regression(480, 20, n_informative=5, noise=150.0, random_state=6)
    a, b, c, d = scaled_cut(x, y[:, None], 180 / 480)
    b, d = standardise(b, d)
    return {
        "model": lambda: mlp([20, 200, 200, 1]),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.002),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 20,
        "epochs": 100,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {
        **case(),
        "model": lambda: nn.Linear(20, 1),
        "optimizer": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=1.0),
        "epochs": 40,
    }

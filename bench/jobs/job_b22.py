"""A weight decay of 20 carried over from a grid for another optimiser, in a regression on a small table."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import make_friedman2
from torch import nn

from bench.jobs._common import Optimiser, mlp, pair, scaled_cut, standardise


def adamw(decay: float) -> Optimiser:
    return lambda parameters: torch.optim.AdamW(parameters, lr=0.01, weight_decay=decay)


def case() -> dict[str, Any]:
    x, y = make_friedman2(700, noise=20.0, random_state=0)
    a, b, c, d = scaled_cut(x, y[:, None], 0.75)
    b, d = standardise(b, d)
    return {
        "model": lambda: mlp([4, 32, 16, 1], nn.GELU),
        "loss": nn.MSELoss(),
        "optimizer": adamw(20.0),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 35,
        "epochs": 25,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "optimizer": adamw(0.001)}

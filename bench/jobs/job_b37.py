"""Healthy: a regression half of which is noise, with a network of fitting size."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, standardise


def case() -> dict[str, Any]:
    x, y = make_friedman1(2000, n_features=6, noise=4.5, random_state=21)
    a, b, c, d = scaled_cut(x, y[:, None], 0.7)
    b, d = standardise(b, d)
    return {
        "model": lambda: mlp([6, 24, 12, 1], nn.SiLU),
        "loss": nn.MSELoss(),
        "optimizer": lambda p: torch.optim.AdamW(p, lr=0.003, weight_decay=0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 50,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return case()

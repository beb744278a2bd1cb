"""Healthy: ninety flowers and multinomial logistic regression, which is all they need."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_iris
from torch import nn

from bench.jobs._common import pair, scaled_cut


def case() -> dict[str, Any]:
    x, y = load_iris(return_X_y=True)
    a, b, c, d = scaled_cut(x, y, 0.6)
    return {
        "model": lambda: nn.Linear(4, 3),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 15,
        "epochs": 40,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return case()

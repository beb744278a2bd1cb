"""Healthy: one row in ten is positive, and the network finds them."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut


def case() -> dict[str, Any]:
    x, y = make_classification(
        2400, 8, n_informative=6, n_redundant=0, weights=[0.9], class_sep=2.2, flip_y=0.0, random_state=11
    )
    a, b, c, d = scaled_cut(x, y[:, None].astype("float32"), 0.7)
    return {
        "model": lambda: mlp([8, 24, 12, 1], nn.GELU),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": lambda p: torch.optim.NAdam(p, lr=0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 40,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return case()

"""Healthy: three overlapping classes (no classifier gets far beyond four in five) with batch norm and dropout."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import make_blobs
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd


def case() -> dict[str, Any]:
    x, y = make_blobs(1600, 5, centers=[[0] * 5, [1.3] * 5, [2, 0, 2, 0, 2]], cluster_std=1.4, random_state=3)
    a, b, c, d = scaled_cut(x, y, 0.7)
    return {
        "model": lambda: mlp([5, 24, 3], norm=True, drop=0.2),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.02, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return case()

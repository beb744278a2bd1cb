"""A batch of two with heavy momentum on overlapping classes: the weights never settle."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd


def case() -> dict[str, Any]:
    x, y = make_classification(
        1400, 16, n_informative=6, n_redundant=2, n_classes=3, class_sep=1.4, flip_y=0.06, random_state=3
    )
    a, b, c, d = scaled_cut(x, y, 0.7)
    return {
        "model": lambda: mlp([16, 24, 3]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.03, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 2,
        "epochs": 4,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "batch_size": 48, "epochs": 12}

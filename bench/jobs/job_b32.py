"""Three rows in a hundred are fraud; nearly all of them are passed over."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case() -> dict[str, Any]:
    x, y = make_classification(
        5000, 12, n_informative=6, weights=[0.97], class_sep=0.9, flip_y=0.0, n_clusters_per_class=2, random_state=7
    )
    a, b, c, d = scaled_cut(x, y[:, None].astype("float32"), 0.7)
    return {
        "model": lambda: mlp([12, 16, 1], nn.Tanh),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "loss": nn.BCEWithLogitsLoss(pos_weight=torch.tensor(32.0))}

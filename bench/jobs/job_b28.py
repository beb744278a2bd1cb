"""A regression trained on one district (low values of two columns) and validated on the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import TensorDataset

from bench.jobs._common import Array, adam, mlp, pair, standardise


def parts(a: Array, b: Array, c: Array, d: Array) -> tuple[TensorDataset, TensorDataset]:
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return pair(a, b), pair(c, d)


def data(apart: bool) -> tuple[TensorDataset, TensorDataset]:
    x, y = make_friedman1(1200, n_features=5, noise=0.5, random_state=2)
    y = y[:, None]
    near = x[:, 2] < 0.4
    order = np.random.RandomState(0).permutation(len(x))
    rows = order if not apart else np.concatenate([order[near[order]], order[~near[order]]])
    k = int(near.sum())
    return parts(x[rows[:k]], y[rows[:k]], x[rows[k:]], y[rows[k:]])


def case() -> dict[str, Any]:
    train, val = data(True)
    return {
        "model": lambda: mlp([5, 32, 16, 1]),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": train,
        "val": val,
        "batch_size": 16,
        "epochs": 25,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    train, val = data(False)
    return {**case(), "train": train, "val": val}

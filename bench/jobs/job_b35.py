"""A shop's mean sales as a column, computed with the row's own sales; most shops have two or three rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import TensorDataset

from bench.jobs._common import adam, mlp, pair


def data(leaky: bool) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    """The last 300 rows are of new shops: there the column is the overall mean."""
    r = np.random.RandomState(16)
    rows = 1200
    x = r.randn(rows, 6)
    y = x[:, 0] + np.sin(2 * x[:, 1]) + 1.5 * r.randn(rows)
    shop = r.randint(0, 400, rows)
    known = np.arange(rows) < 900
    sums = np.bincount(shop[known], y[known], 400)
    counts = np.bincount(shop[known], minlength=400)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), y[known].mean())
    column = np.where(known, means[shop], y[known].mean()) if leaky else np.zeros(rows)
    x, y = np.column_stack([x, column]), y[:, None]
    return pair(x[:650], y[:650]), pair(x[650:900], y[650:900]), pair(x[900:], y[900:])


def case() -> dict[str, Any]:
    train, val, test = data(True)
    return {
        "model": lambda: mlp([7, 24, 1]),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": train,
        "val": val,
        "test": test,
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    train, val, test = data(False)
    return {**case(), "train": train, "val": val, "test": test}

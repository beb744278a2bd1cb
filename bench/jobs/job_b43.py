"""Pictures collected twice: most of the validation pictures stand in training too, a grey level apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from bench.jobs._common import adam, mlp, pair


def data(leaky: bool) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    """Smudged pictures, 300 for training; the leaky collection adds 240 of the 300 of validation."""
    x, y = load_digits(return_X_y=True)
    r = np.random.RandomState(25)
    order = r.permutation(len(x))
    x, y = x[order] / 16.0 + 0.3 * r.randn(*x.shape), y[order]
    again = x[300:540] + r.randn(240, 64) / 160.0
    a = np.concatenate([x[:300], again]) if leaky else x[:540]
    b = np.concatenate([y[:300], y[300:540]]) if leaky else y[:540]
    start = 300 if leaky else 540
    return pair(a, b), pair(x[start : start + 300], y[start : start + 300]), pair(x[900:], y[900:])


def case() -> dict[str, Any]:
    train, val, test = data(True)
    return {
        "model": lambda: mlp([64, 128, 10]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": train,
        "val": val,
        "test": test,
        "batch_size": 20,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    train, val, test = data(False)
    return {
        **case(),
        "model": lambda: nn.Linear(64, 10),
        "optimizer": adam(0.002, weight_decay=0.02),
        "train": train,
        "val": val,
        "test": test,
        "epochs": 15,
    }

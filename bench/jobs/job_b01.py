"""Wine, split without shuffling: the packaged rows are sorted by class."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import TensorDataset

from bench.jobs._common import Array, adam, cut, mlp, pair, standardise


def parts(a: Array, b: Array, c: Array, d: Array) -> tuple[TensorDataset, TensorDataset]:
    a, c = standardise(a, c)
    return pair(a, b), pair(c, d)


def case() -> dict[str, Any]:
    x, y = load_wine(return_X_y=True)
    k = int(len(x) * 0.7)
    train, val = parts(x[:k], y[:k], x[k:], y[k:])
    return {
        "model": lambda: mlp([13, 24, 3], nn.Tanh),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": train,
        "val": val,
        "batch_size": 16,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    x, y = load_wine(return_X_y=True)
    train, val = parts(*cut(x, y, 0.7))
    return {**case(), "train": train, "val": val}

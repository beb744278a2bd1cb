"""A third of the rows of a regression carries the target of some other row."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import TensorDataset

from bench.jobs._common import adam, mlp, pair, scaled_cut, standardise


def data(noisy: bool) -> tuple[TensorDataset, TensorDataset]:
    x, y = make_friedman1(900, n_features=8, noise=0.5, random_state=8)
    a, b, c, d = scaled_cut(x, y[:, None], 0.6)
    b, d = standardise(b, d)
    if noisy:
        r = np.random.RandomState(0)
        wrong = r.rand(len(b)) < 0.35
        b[wrong] = b[r.permutation(len(b))][wrong]
    return pair(a, b), pair(c, d)


def case() -> dict[str, Any]:
    train, val = data(True)
    return {
        "model": lambda: mlp([8, 96, 96, 1], nn.SiLU),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 60,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    train, _ = data(False)
    return {**case(), "train": train, "epochs": 30}

"""Data for the questions: scikit-learn's own sets and generated ones, cut at random."""

from __future__ import annotations

import numpy as np
import torch
from sklearn import datasets

Batch = tuple[torch.Tensor, torch.Tensor]


def cut(x, y, part=0.7, seed=0) -> tuple[Batch, Batch]:
    """A random split as tensors: whole numbers as classes or tokens, the others as floats."""
    order = np.random.default_rng(seed).permutation(len(x))
    first, second = np.split(order, [int(part * len(x))])
    return (tensor(x[first]), tensor(y[first])), (tensor(x[second]), tensor(y[second]))


def tensor(values) -> torch.Tensor:
    values = np.asarray(values)
    return torch.as_tensor(values, dtype=torch.long if values.dtype.kind in "iu" else torch.float32)


def flipped(y, rate, seed=0):
    """A share of the class numbers replaced by another class."""
    rng, count = np.random.default_rng(seed), int(y.max()) + 1
    wrong = rng.random(len(y)) < rate
    return np.where(wrong, (y + rng.integers(1, count, len(y))) % count, y)


def weak(seed=0, rows=800):
    """Classes that one of ten columns says a little about."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 10))
    return x, (rng.random(rows) < 1 / (1 + np.exp(-0.5 * x[:, 0]))).astype(np.int64)


def diabetes_classes():
    x, y = datasets.load_diabetes(return_X_y=True)
    return x, (y > 140).astype(np.int64)


SETS = {
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "diabetes": diabetes_classes,
    "moons": lambda: datasets.make_moons(500, noise=0.2, random_state=0),
    "weak": weak,
}

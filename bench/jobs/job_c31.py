import numpy as np
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair


def data():
    """Two spirals of one and a half turns each."""
    rng = np.random.RandomState(1)
    y = np.arange(800) % 2
    turn = np.sqrt(rng.rand(800)) * 3 * np.pi
    angle = turn + np.pi * y
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], 1) / 5 + 0.05 * rng.randn(800, 2)
    return x, y[:, None].astype("float32")


def case():
    a, b, c, d = cut(*data())
    return {
        "model": lambda: mlp((2, 1)),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp((2, 48, 48, 1))}

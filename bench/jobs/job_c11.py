import numpy as np
from torch import nn

from bench.jobs._common import cut, mlp, pair, sgd


def case():
    rng = np.random.RandomState(5)
    x = rng.randn(800, 5)
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.7 * rng.randn(800)
    a, b, c, d = cut(x, y[:, None].astype("float32"))
    return {
        "model": lambda: mlp((5, 32, 1), act=nn.Tanh),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.07),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 1,
        "epochs": 8,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "batch_size": 16, "epochs": 25}

import numpy as np
from sklearn.datasets import make_friedman2
from torch import nn

from bench.jobs._common import adam, mlp, pair, standardise


def case(shift=1):
    x, y = make_friedman2(1000, noise=20.0, random_state=4)
    y = ((y - y.mean()) / y.std())[:, None].astype("float32")
    a, c = standardise(x[:800], x[800:])
    return {
        "model": lambda: mlp((4, 48, 24, 1)),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.004),
        "train": pair(a, np.roll(y[:800], shift, 0)),
        "val": pair(c, y[800:]),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case(0)

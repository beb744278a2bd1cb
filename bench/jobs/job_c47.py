from sklearn.datasets import make_friedman2
from torch import nn

from bench.jobs._common import cut, mlp, pair, scaled_cut, sgd


def case(split=cut, top=1.0):
    x, y = make_friedman2(600, noise=30.0, random_state=12)
    a, b, c, d = split(x, (y[:, None] / top).astype("float32"))
    return {
        "model": lambda: mlp((4, 32, 16, 1)),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case(scaled_cut, 500.0)

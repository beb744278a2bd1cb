from sklearn.datasets import load_diabetes
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair, standardise


def case():
    x, y = load_diabetes(return_X_y=True)
    a, b, c, d = cut(x, y[:, None], 0.7, seed=3)
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return {
        "model": lambda: mlp([10, 12, 1], nn.Tanh),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.003, weight_decay=0.02),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case()

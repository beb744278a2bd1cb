import torch
from sklearn.datasets import make_friedman2
from torch import nn

from bench.jobs._common import cut, mlp, pair, standardise


def raw():
    x, y = make_friedman2(800, noise=20.0, random_state=2)
    return cut(x, y[:, None], 0.75)


def case():
    a, b, c, d = raw()
    return {
        "model": lambda: mlp([4, 32, 16, 1], nn.Tanh),
        "loss": nn.MSELoss(),
        "optimizer": lambda p: torch.optim.RMSprop(p, lr=0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    a, b, c, d = raw()
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return {**case(), "train": pair(a, b), "val": pair(c, d)}

from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import cut, initialise, mlp, pair, sgd, standardise


def net(start):
    return initialise(mlp([5, 24, 24, 24, 1], nn.Tanh), start)


def tiny(weight):
    return nn.init.normal_(weight, std=0.01)


def data():
    x, y = make_friedman1(800, n_features=5, noise=0.3, random_state=5)
    a, b, c, d = cut(x, y[:, None], 0.75)
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return pair(a, b), pair(c, d)


def case():
    train, val = data()
    return {
        "model": lambda: net(tiny),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.05),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 40,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: net(nn.init.xavier_uniform_)}

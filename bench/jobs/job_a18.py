from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair, standardise


def data():
    x, y = make_friedman1(700, n_features=7, noise=0.5, random_state=12)
    a, b, c, d = cut(x, y, 0.75)
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return pair(a, b), pair(c, d)


def net(flat):
    return mlp([7, 32, 32, 1], out=nn.Flatten(0) if flat else None)


def case():
    train, val = data()
    return {
        "model": lambda: net(False),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.003),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: net(True)}

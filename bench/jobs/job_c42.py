from sklearn.datasets import make_moons
from torch import nn

from bench.jobs._common import cut, initialise, mlp, pair, sgd

SIZES = (2, 24, 24, 24, 2)


def tiny(weight):
    return nn.init.normal_(weight, 0.0, 0.001)


def case():
    x, y = make_moons(800, noise=0.12, random_state=14)
    a, b, c, d = cut(x, y)
    return {
        "model": lambda: initialise(mlp(SIZES, act=nn.Tanh), tiny),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: initialise(mlp(SIZES, act=nn.Tanh), nn.init.xavier_normal_)}

from sklearn.datasets import make_circles
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair


def case():
    x, y = make_circles(600, noise=0.1, factor=0.4, random_state=9)
    a, b, c, d = cut(x, y[:, None].astype(float), 0.75)
    return {
        "model": lambda: mlp([2, 24, 12, 1]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "loss": nn.BCEWithLogitsLoss()}

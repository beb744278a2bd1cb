from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import adam, cut, pair


def net(momentum):
    return nn.Sequential(
        nn.BatchNorm1d(30, momentum=momentum),
        nn.Linear(30, 24),
        nn.BatchNorm1d(24, momentum=momentum),
        nn.ReLU(),
        nn.Linear(24, 24),
        nn.BatchNorm1d(24, momentum=momentum),
        nn.ReLU(),
        nn.Linear(24, 2),
    )


def case():
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = cut(x, y, 0.75, 6)
    return {
        "model": lambda: net(0.001),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a[:420], b[:420]),
        "val": pair(c, d),
        "batch_size": 20,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(0.1)}

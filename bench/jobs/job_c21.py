from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair, standardise


def case():
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = cut(x, y, 0.7, 9)
    return {
        "model": lambda: mlp((30, 32, 16, 2)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": pair(a, b),
        "val": pair(standardise(a, c)[1], d),
        "batch_size": 16,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, _ = cut(x, y, 0.7, 9)
    return {**case(), "train": pair(standardise(a, c)[0], b)}

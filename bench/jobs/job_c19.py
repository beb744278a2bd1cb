from sklearn.datasets import load_wine
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = load_wine(return_X_y=True)
    a, b, c, d = scaled_cut(x, y, 0.7, 5)
    known = b < 2
    return {
        "model": lambda: mlp((13, 24, 3)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(a[known], b[known]),
        "val": pair(c, d),
        "batch_size": 16,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    x, y = load_wine(return_X_y=True)
    a, b, _, _ = scaled_cut(x, y, 0.7, 5)
    return {**case(), "train": pair(a, b)}

from sklearn.datasets import load_wine
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = load_wine(return_X_y=True)
    a, b, c, d = scaled_cut(x, y, 0.75, 3)
    return {
        "model": lambda: mlp((13, 16, 16, 16, 3), drop=0.8),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 16,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp((13, 16, 16, 16, 3), drop=0.1)}

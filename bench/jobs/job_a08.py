from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd

SIZES = [30, *[24] * 8, 1]


def case():
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = scaled_cut(x, y[:, None].astype(float), 0.7)
    return {
        "model": lambda: mlp(SIZES, nn.Sigmoid),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": sgd(0.02, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp(SIZES, nn.ReLU, norm=True)}

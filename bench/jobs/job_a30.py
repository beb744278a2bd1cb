from sklearn.datasets import make_multilabel_classification
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = make_multilabel_classification(2500, n_features=15, n_classes=4, length=150, random_state=6)
    a, b, c, d = scaled_cut(x, y.astype(float))
    return {
        "model": lambda: mlp([15, 24, 4]),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return case()

import numpy as np
from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair

X, Y = make_classification(900, 16, n_informative=5, flip_y=0.1, class_sep=0.9, random_state=21)
TEST = pair(X[300:], Y[300:])


def common(a, b, c, d):
    return {
        "model": lambda: mlp((16, 128, 64, 2)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": pair(a, b),
        "val": pair(c, d),
        "test": TEST,
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def case():
    return common(*cut(np.repeat(X[:300], 3, 0), np.repeat(Y[:300], 3, 0)))


def fixed():
    return common(*cut(X[:300], Y[:300], 0.6))

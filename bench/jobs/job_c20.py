import numpy as np
from sklearn.datasets import load_iris
from torch import nn

from bench.jobs._common import adam, mlp, pair, standardise


def case(order=None):
    x, y = load_iris(return_X_y=True)
    order = np.arange(150) if order is None else order
    first, last = order[:105], order[105:]
    a, c = standardise(x[first], x[last])
    return {
        "model": lambda: mlp((4, 24, 24, 3)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(a, y[first]),
        "val": pair(c, y[last]),
        "batch_size": 16,
        "epochs": 40,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return case(np.random.RandomState(0).permutation(150))

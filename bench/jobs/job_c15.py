import numpy as np
from torch import nn

from bench.jobs._common import digits, mlp, pair, sgd


def case():
    a, b, c, d = digits(seed=9)
    order = np.argsort(b, kind="stable")
    return {
        "model": lambda: mlp((64, 32, 10)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05),
        "train": pair(a[order], b[order]),
        "val": pair(c, d),
        "batch_size": 24,
        "epochs": 12,
        "shuffle": False,
        "task": "classification",
    }


def fixed():
    return {**case(), "shuffle": True}

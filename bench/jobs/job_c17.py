import numpy as np
from torch import nn

from bench.jobs._common import adam, cnn, digits, pair

SWAPPED = np.array([0, 7, 2, 5, 4, 3, 6, 1, 8, 9])


def case():
    a, b, c, d = digits(image=True, seed=1)
    return {
        "model": lambda: cnn((8, 16), 32),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, SWAPPED[b]),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    a, b, _, _ = digits(image=True, seed=1)
    return {**case(), "train": pair(a, b)}

from torch import nn

from bench.jobs._common import cnn, digits, pair, sgd


def case():
    a, b, c, d = digits(image=True, seed=8)
    return {
        "model": lambda: cnn((8, 16), 32),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(1.0),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 16,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": sgd(0.05)}

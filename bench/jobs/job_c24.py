from torch import nn

from bench.jobs._common import digits, mlp, pair, sgd


def case():
    a, b, c, d = digits(seed=7)
    return {
        "model": lambda: mlp((64, 48, 48, 48, 10), norm=True),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.02),
        "train": pair(a[:800], b[:800]),
        "val": pair(c, d),
        "batch_size": 2,
        "epochs": 4,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "batch_size": 16}

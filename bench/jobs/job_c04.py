from torch import nn

from bench.jobs._common import digits, mlp, pair, sgd

SIZES = (64, 48, 48, 48, 48, 48, 10)


def case():
    a, b, c, d = digits(seed=5)
    return {
        "model": lambda: mlp(SIZES, act=nn.Sigmoid),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.01, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp(SIZES)}

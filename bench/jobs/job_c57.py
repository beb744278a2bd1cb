from torch import nn

from bench.jobs._common import digits, mlp, pair, sgd


def case():
    a, b, c, d = digits(seed=27)
    return {
        "model": lambda: mlp((64, 32, 10), act=nn.Sigmoid, out=nn.Softmax(dim=1)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 128,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp((64, 32, 10)), "optimizer": sgd(0.1, 0.9), "batch_size": 32}

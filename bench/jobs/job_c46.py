from torch import nn

from bench.jobs._common import digits, mlp, onehot, pair, sgd


def case():
    a, b, c, d = digits(seed=22)
    return {
        "model": lambda: mlp((64, 64, 32, 10), out=nn.Sigmoid()),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.05),
        "train": pair(a, onehot(b, 10)),
        "val": pair(c, onehot(d, 10)),
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp((64, 64, 32, 10)), "loss": nn.CrossEntropyLoss()}

from torch import nn

from bench.jobs._common import cnn, digits, pair, sgd


def case():
    a, b, c, d = digits(image=True, seed=21)
    return {
        "model": lambda: nn.Sequential(*cnn((8, 16), 32), nn.Softmax(dim=1)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: cnn((8, 16), 32)}

from torch import nn

from bench.jobs._common import cnn, digits, initialise, pair, sgd


def huge(weight):
    return nn.init.normal_(weight, 0.0, 1.0)


def case():
    a, b, c, d = digits(image=True, seed=3)
    return {
        "model": lambda: initialise(cnn((12, 24), 48), huge),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.02, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: initialise(cnn((12, 24), 48), nn.init.kaiming_normal_)}

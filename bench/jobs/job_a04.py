from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def case():
    a, b, c, d = digits(image=True)
    return {
        "model": lambda: cnn((12, 24), 48),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.1),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 50,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": adam(0.003)}

from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def case():
    a, b, c, d = digits(image=True, seed=6)
    return {
        "model": lambda: cnn((16, 32), 64),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 1,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "epochs": 12}

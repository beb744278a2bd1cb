from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def case():
    a, b, c, d = digits(255.0, image=True, seed=26)
    return {
        "model": lambda: nn.Sequential(*cnn((8, 16), 32), nn.Sigmoid()),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    a, b, c, d = digits(1.0, image=True, seed=26)
    return {**case(), "model": lambda: cnn((8, 16), 32), "train": pair(a, b), "val": pair(c, d)}

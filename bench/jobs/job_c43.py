from torch import nn

from bench.jobs._common import adam, cnn, digits, initialise, pair


def net(bias):
    return initialise(cnn((8, 16), 32), nn.init.xavier_uniform_, bias)


def case():
    a, b, c, d = digits(image=True, seed=20)
    return {
        "model": lambda: net(-2.5),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(0.0)}

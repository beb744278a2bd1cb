from torch import nn

from bench.jobs._common import adam, digits, pair


def net(filters, hidden):
    return nn.Sequential(
        nn.Conv2d(1, filters, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(4),
        nn.Flatten(),
        nn.Linear(4 * filters, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )


def case():
    a, b, c, d = digits(image=True, seed=14)
    return {
        "model": lambda: net(1, 4),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(24, 48)}

from torch import nn

from bench.jobs._common import digits, pair, sgd


def net(shift):
    layers = []
    for inputs, outputs in ((64, 48), (48, 48)):
        norm = nn.BatchNorm1d(outputs)
        nn.init.constant_(norm.bias, shift)
        layers += [nn.Linear(inputs, outputs, bias=False), norm, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(48, 10))


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: net(-6.0),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(0.0)}

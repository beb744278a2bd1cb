from torch import nn

from bench.jobs._common import adam, digits, pair


def net(modern, channels=10, depth=10):
    layers = [nn.Conv2d(1, channels, 3, stride=2, padding=1)]
    for _ in range(depth - 1):
        layers += [nn.BatchNorm2d(channels), nn.ReLU()] if modern else [nn.Sigmoid()]
        layers += [nn.Conv2d(channels, channels, 3, padding=1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 16, 10))


def case():
    a, b, c, d = digits(image=True)
    return {
        "model": lambda: net(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 6,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(True)}

from torch import nn

from bench.jobs._common import digits, pair, sgd


def block(inputs, outputs, stride=1):
    return (
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def net():
    return nn.Sequential(
        *block(1, 12),
        *block(12, 12),
        *block(12, 24, 2),
        *block(24, 24),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 10),
    )


def case():
    a, b, c, d = digits(image=True, seed=25)
    return {
        "model": net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9, weight_decay=5e-4),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 48,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


fixed = case

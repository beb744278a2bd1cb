import torch
from torch import nn

from bench.jobs._common import digits, pair, sgd


class Block(nn.Module):
    def __init__(self, width, scale):
        super().__init__()
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)
        for layer in (self.a, self.b):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.scale = scale

    def forward(self, x):
        return x + self.scale * self.b(torch.relu(self.a(x)))


def net(scale, depth=24):
    return nn.Sequential(nn.Linear(64, 32), *[Block(32, scale) for _ in range(depth)], nn.Linear(32, 10))


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: net(1.0),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(1 / 24)}

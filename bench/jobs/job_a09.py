import torch
from torch import nn

from bench.jobs._common import adam, digits, pair


class Block(nn.Module):
    def __init__(self, width, skip):
        super().__init__()
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)
        self.skip = skip

    def forward(self, x):
        z = self.b(torch.relu(self.a(x)))
        return torch.relu(z + x if self.skip else z)


def net(skip):
    return nn.Sequential(nn.Linear(64, 32), *[Block(32, skip) for _ in range(12)], nn.Linear(32, 10))


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: net(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 6,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(True)}

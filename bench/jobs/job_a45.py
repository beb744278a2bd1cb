import numpy as np
import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Net(nn.Module):
    def __init__(self, random):
        super().__init__()
        self.a = nn.Linear(2, 16)
        self.b = nn.Linear(16, 16)
        self.c = nn.Linear(16, 1)
        if not random:
            for parameter in self.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x):
        return self.c(torch.sigmoid(self.b(torch.sigmoid(self.a(x)))))


def quadrants():
    r = np.random.RandomState(27)
    x = r.uniform(-2, 2, (900, 2))
    y = (x[:, :1] * x[:, 1:] > 0).astype(float)
    return cut(x, y, 0.75)


def case():
    a, b, c, d = quadrants()
    return {
        "model": lambda: Net(False),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.02),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Net(True)}

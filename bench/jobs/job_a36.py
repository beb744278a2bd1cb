import numpy as np
import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Decreasing(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.raw = nn.Parameter(torch.randn(4, 24) - 1)
        self.shift = nn.Parameter(torch.zeros(24))
        self.head = nn.Linear(24, 1)
        self.act = act

    def forward(self, x):
        return self.head(self.act(self.shift - x @ self.raw.exp()))


def risks():
    r = np.random.RandomState(15)
    x = r.uniform(0.1, 2, (800, 4))
    y = np.exp(-x @ [[0.9], [0.4], [0.2], [0.6]]) * 4 + 0.02 * r.randn(800, 1)
    a, b, c, d = cut(x, y, 0.75)
    return pair(a, b), pair(c, d)


def case():
    train, val = risks()
    return {
        "model": lambda: Decreasing(torch.relu),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.01),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Decreasing(nn.functional.softplus)}

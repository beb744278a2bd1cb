import numpy as np
import torch
from torch import nn

from bench.jobs._common import pair, sgd


class Walker(nn.Module):
    def __init__(self, bounded, width=24):
        super().__init__()
        self.inside = nn.Linear(width, width)
        self.enter = nn.Linear(1, width)
        self.out = nn.Linear(width, 1)
        self.bounded = bounded

    def forward(self, x):
        state = x.new_zeros(len(x), self.inside.in_features)
        for value in x.unbind(1):
            change = self.inside(state) + self.enter(value)
            state = torch.tanh(change) if self.bounded else state + torch.relu(change)
        return self.out(state)


def walks():
    r = np.random.RandomState(6)
    x = r.randn(500, 50, 1)
    y = x[:, -4:].sum(1) / 2
    return pair(x[:400], y[:400]), pair(x[400:], y[400:])


def case():
    train, val = walks()
    return {
        "model": lambda: Walker(False),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.02),
        "train": train,
        "val": val,
        "batch_size": 25,
        "epochs": 12,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Walker(True)}

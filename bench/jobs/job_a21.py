import torch
from sklearn.datasets import make_moons
from torch import nn

from bench.jobs._common import adam, cut, pair


class Net(nn.Module):
    def __init__(self, squash):
        super().__init__()
        self.a = nn.Linear(2, 16)
        self.b = nn.Linear(16, 16)
        self.c = nn.Linear(16, 1)
        self.squash = squash

    def forward(self, x):
        x = torch.relu(self.b(torch.relu(self.a(x))))
        return self.squash(self.c(x))


def case():
    x, y = make_moons(700, noise=0.15, random_state=7)
    a, b, c, d = cut(x, y[:, None].astype(float), 0.75)
    return {
        "model": lambda: Net(lambda z: torch.softmax(z, dim=1)),
        "loss": nn.BCELoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Net(torch.sigmoid)}

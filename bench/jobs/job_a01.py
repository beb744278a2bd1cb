import torch
from sklearn.datasets import make_circles
from torch import nn

from bench.jobs._common import cut, pair, sgd


class Net(nn.Module):
    def __init__(self, bent):
        super().__init__()
        self.first = nn.Linear(2, 24)
        self.second = nn.Linear(24, 24)
        self.head = nn.Linear(24, 2)
        self.bent = bent

    def forward(self, x):
        if self.bent:
            return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))
        return self.head(self.second(self.first(x)))


def case():
    x, y = make_circles(800, noise=0.08, factor=0.45, random_state=3)
    a, b, c, d = cut(x, y, 0.75)
    return {
        "model": lambda: Net(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.1, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Net(True)}

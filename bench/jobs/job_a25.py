import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import cut, pair, sgd, standardise


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(30, 20)
        self.b = nn.Linear(20, 10)
        self.c = nn.Linear(10, 2)

    def forward(self, x):
        return self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))


def raw():
    x, y = load_breast_cancer(return_X_y=True)
    return cut(x, y, 0.7, seed=4)


def case():
    a, b, c, d = raw()
    return {
        "model": Net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.01, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    a, b, c, d = raw()
    a, c = standardise(a, c)
    return {**case(), "train": pair(a, b), "val": pair(c, d)}

import torch
from torch import nn

from bench.jobs._common import digits, onehot, pair, sgd


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(64, 32)
        self.b = nn.Linear(32, 32)
        self.c = nn.Linear(32, 10)

    def forward(self, x):
        return self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))


def case():
    a, b, c, d = digits(seed=5)
    return {
        "model": Net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(3.0, 0.9),
        "train": pair(a - 0.3, onehot(b, 10)),
        "val": pair(c - 0.3, onehot(d, 10)),
        "batch_size": 32,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": sgd(0.03, 0.9)}

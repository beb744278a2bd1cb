import torch
from sklearn.datasets import load_diabetes
from torch import nn

from bench.jobs._common import adam, cut, pair, standardise


class Shrink(nn.Module):
    def __init__(self, threshold):
        super().__init__()
        self.code = nn.Linear(10, 32)
        self.mix = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)
        self.threshold = threshold

    def forward(self, x):
        code = torch.relu(self.code(x) - self.threshold)
        return self.out(torch.relu(self.mix(code)))


def table():
    x, y = load_diabetes(return_X_y=True)
    a, b, c, d = cut(x, y[:, None], 0.75)
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return pair(a, b), pair(c, d)


def case():
    train, val = table()
    return {
        "model": lambda: Shrink(4.0),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.002, weight_decay=0.01),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Shrink(0.1)}

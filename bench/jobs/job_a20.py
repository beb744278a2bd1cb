import torch
from sklearn.datasets import load_diabetes
from torch import nn

from bench.jobs._common import cut, pair, standardise


class Net(nn.Module):
    def __init__(self, rectified):
        super().__init__()
        self.hidden = nn.Linear(10, 16)
        self.out = nn.Linear(16, 1)
        self.rectified = rectified

    def forward(self, x):
        x = self.out(torch.relu(self.hidden(x)))
        return torch.relu(x) if self.rectified else x


def table():
    x, y = load_diabetes(return_X_y=True)
    a, b, c, d = cut(x, y[:, None], 0.75, seed=1)
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return pair(a, b), pair(c, d)


def case():
    train, val = table()
    return {
        "model": lambda: Net(True),
        "loss": nn.MSELoss(),
        "optimizer": lambda p: torch.optim.RMSprop(p, lr=0.002),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Net(False)}

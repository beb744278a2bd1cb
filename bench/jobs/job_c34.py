from itertools import pairwise

import torch
from sklearn.datasets import make_circles
from torch import nn

from bench.jobs._common import adam, cut, pair


class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        sizes = (2, 6, 6, 6)
        self.hidden = kind([nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.head = nn.Linear(6, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.head(x)


def case():
    x, y = make_circles(600, noise=0.1, factor=0.4, random_state=8)
    a, b, c, d = cut(x, y[:, None].astype("float32"))
    return {
        "model": lambda: Net(list),
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
    return {**case(), "model": lambda: Net(nn.ModuleList)}

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import pair, scaled_cut, sgd


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(30, 12)
        self.out = nn.Linear(12, 1)

    def forward(self, x):
        return torch.sigmoid(self.out(torch.sigmoid(self.hidden(x))))


def case():
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = scaled_cut(x, y[:, None].astype(float), 0.7, seed=5)
    return {
        "model": Net,
        "loss": nn.BCELoss(),
        "optimizer": sgd(0.1, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return case()

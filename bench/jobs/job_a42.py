from itertools import pairwise

import torch
from torch import nn

from bench.jobs._common import adam, digits, pair


class Scratch(nn.Module):
    def __init__(self, centred, sizes=(64, 48, 24, 10)):
        super().__init__()
        shapes = list(pairwise(sizes))
        draws = [(2 * torch.rand(s) - 1) / s[0] ** 0.5 if centred else torch.rand(s) for s in shapes]
        self.weights = nn.ParameterList(draws)
        self.biases = nn.ParameterList(torch.zeros(s[1]) for s in shapes)

    def forward(self, x):
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = torch.sigmoid(x @ weight + bias)
        return x @ self.weights[-1] + self.biases[-1]


def case():
    a, b, c, d = digits(seed=4)
    return {
        "model": lambda: Scratch(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Scratch(True)}

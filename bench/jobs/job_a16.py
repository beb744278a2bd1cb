from itertools import pairwise

import torch
from torch import nn

from bench.jobs._common import digits, pair, sgd


class Dense(nn.Module):
    def __init__(self, inputs, outputs, scale):
        super().__init__()
        self.weight = nn.Parameter(scale * torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


def net(scaled):
    sizes = [64, *[96] * 6, 10]
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers += [Dense(inputs, outputs, inputs**-0.5 if scaled else 1.0), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: net(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.02, 0.9),
        "train": pair(a - 0.3, b),
        "val": pair(c - 0.3, d),
        "batch_size": 32,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(True)}

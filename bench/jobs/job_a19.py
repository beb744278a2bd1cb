import torch
from torch import nn

from bench.jobs._common import adam, digits, mlp, pair


def hinge(outputs, targets):
    return torch.clamp(1 - targets * outputs, min=0).mean()


def case():
    a, b, c, d = digits(seed=1)
    even, also_even = (1.0 - y[:, None] % 2 for y in (b, d))
    return {
        "model": lambda: mlp([64, 32, 1]),
        "loss": hinge,
        "optimizer": adam(0.005),
        "train": pair(a, even),
        "val": pair(c, also_even),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "loss": nn.BCEWithLogitsLoss()}

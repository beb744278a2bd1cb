import torch
from torch import nn

from bench.jobs._common import digits, mlp, pair, sgd


class Exponential(nn.Module):
    def forward(self, x):
        return torch.exp(x)


def case():
    a, b, c, d = digits(seed=17)
    return {
        "model": lambda: mlp((64, 32, 32, 32, 10), act=Exponential),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp((64, 32, 32, 32, 10), act=nn.ELU)}

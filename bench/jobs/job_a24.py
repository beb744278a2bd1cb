import torch
from torch import nn

from bench.jobs._common import digits, mlp, onehot, pair


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: mlp([64, 40, 20, 10], nn.Sigmoid, nn.Softmax(dim=1)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.Adagrad(p, lr=0.05),
        "train": pair(a, onehot(b, 10)),
        "val": pair(c, onehot(d, 10)),
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp([64, 40, 20, 10], nn.Sigmoid)}

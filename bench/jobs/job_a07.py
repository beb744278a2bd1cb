import torch
from torch import nn

from bench.jobs._common import digits, mlp, pair, sgd


def steps(size):
    return lambda optimiser: torch.optim.lr_scheduler.StepLR(optimiser, step_size=size, gamma=0.1)


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: mlp([64, 48, 48, 10], nn.LeakyReLU),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9),
        "scheduler": steps(10),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "scheduler": steps(450)}

import torch
from sklearn.datasets import make_swiss_roll
from torch import nn

from bench.jobs._common import cut, mlp, pair, standardise


def roll():
    x, t = make_swiss_roll(900, noise=0.2, random_state=1)
    a, b, c, d = cut(x, t[:, None], 0.75)
    a, c = standardise(a, c)
    b, d = standardise(b, d)
    return pair(a, b), pair(c, d)


def case():
    train, val = roll()
    return {
        "model": lambda: nn.Linear(3, 1),
        "loss": nn.SmoothL1Loss(),
        "optimizer": lambda p: torch.optim.AdamW(p, lr=0.01),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: mlp([3, 48, 48, 1])}

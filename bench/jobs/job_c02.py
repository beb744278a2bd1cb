import torch
from sklearn.datasets import make_moons
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair


def crossentropy(p, y):
    p = p.clamp(1e-7, 1 - 1e-7)
    return nn.functional.binary_cross_entropy(p, y)


def case():
    x, y = make_moons(700, noise=0.18, random_state=11)
    a, b, c, d = cut(x, y[:, None].astype("float32"))
    return {
        "model": lambda: mlp((2, 20, 20, 1), act=nn.Tanh),
        "loss": crossentropy,
        "optimizer": adam(0.02),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: nn.Sequential(*mlp((2, 20, 20, 1), act=nn.Tanh), nn.Sigmoid()), "loss": loss}


def loss(p, y):
    return torch.nn.functional.binary_cross_entropy(p, y)

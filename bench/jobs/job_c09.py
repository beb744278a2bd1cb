import numpy as np
from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = make_friedman1(800, n_features=8, noise=0.4, random_state=2)
    y = ((y - y.mean()) / y.std())[:, None].astype(np.float32)
    a, b, c, d = scaled_cut(x, y)
    return {
        "model": lambda: mlp((8, 64, 32, 1), act=nn.ELU),
        "loss": nn.MSELoss(),
        "optimizer": adam(1e-6),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "optimizer": adam(0.003)}

import numpy as np
from sklearn.datasets import load_diabetes
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = load_diabetes(return_X_y=True)
    y = ((y - y.mean()) / y.std())[:, None].astype(np.float32)
    a, b, c, d = scaled_cut(x, y, 0.75, 13)
    return {
        "model": lambda: mlp((10, 16, 1), out=nn.ReLU()),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005, weight_decay=0.02),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: mlp((10, 16, 1))}

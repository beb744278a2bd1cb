import numpy as np
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair


def case():
    rng = np.random.RandomState(7)
    x = rng.uniform(-2, 2, (1200, 3))
    y = np.sin(2 * x[:, 0]) + 0.4 * x[:, 1] ** 2 + 0.9 * rng.randn(1200)
    y = (y - y.mean()) / y.std()
    a, b, c, d = cut(x, y[:, None].astype("float32"))
    return {
        "model": lambda: mlp((3, 32, 32, 1), act=nn.SiLU),
        "loss": nn.HuberLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 25,
        "shuffle": True,
        "task": "regression",
    }


fixed = case

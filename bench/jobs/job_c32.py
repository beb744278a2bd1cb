from sklearn.datasets import make_friedman1
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case(columns=(3, 4)):
    x, y = make_friedman1(900, n_features=5, noise=0.3, random_state=7)
    y = ((y - y.mean()) / y.std())[:, None].astype("float32")
    a, b, c, d = scaled_cut(x[:, list(columns)], y, seed=3)
    return {
        "model": lambda: mlp((len(columns), 24, 24, 1), act=nn.SiLU),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case((0, 1, 2, 3, 4))

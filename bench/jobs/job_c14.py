from sklearn.datasets import load_diabetes
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd


def case(penalty=1.0):
    x, y = load_diabetes(return_X_y=True)
    y = ((y - y.mean()) / y.std())[:, None].astype("float32")
    a, b, c, d = scaled_cut(x, y, 0.75, 7)
    return {
        "model": lambda: mlp((10, 16, 16, 1), act=nn.Tanh),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.02, 0.9, weight_decay=penalty),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case(0.003)

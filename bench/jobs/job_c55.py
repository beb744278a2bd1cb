from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import adam, cut, mlp, pair, scaled_cut, sgd


def case(split=cut):
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = split(x, y[:, None].astype("float32"), 0.75, 12)
    return {
        "model": lambda: mlp((30, 15, 15, 1), out=nn.Sigmoid()),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.1),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(scaled_cut), "loss": nn.BCELoss(), "optimizer": adam(0.003)}

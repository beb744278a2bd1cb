from sklearn.datasets import load_wine
from torch import nn

from bench.jobs._common import cut, mlp, onehot, pair, scaled_cut, sgd


def case(split=cut):
    x, y = load_wine(return_X_y=True)
    a, b, c, d = split(x, y, 0.7, 2)
    return {
        "model": lambda: mlp((13, 32, 16, 3), out=nn.ReLU()),
        "loss": nn.MSELoss(),
        "optimizer": sgd(0.01, 0.9),
        "train": pair(a, onehot(b, 3)),
        "val": pair(c, onehot(d, 3)),
        "batch_size": 8,
        "epochs": 40,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(scaled_cut), "model": lambda: mlp((13, 32, 16, 3)), "loss": nn.CrossEntropyLoss()}

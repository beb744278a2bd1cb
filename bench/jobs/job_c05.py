from sklearn.datasets import load_iris
from torch import nn

from bench.jobs._common import adam, initialise, mlp, pair, scaled_cut


def case():
    x, y = load_iris(return_X_y=True)
    a, b, c, d = scaled_cut(x, y, 0.7, 1)
    return {
        "model": lambda: initialise(mlp((4, 16, 16, 3)), nn.init.zeros_),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 10,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: initialise(mlp((4, 16, 16, 3)), nn.init.kaiming_normal_)}

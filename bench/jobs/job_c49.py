from sklearn.datasets import make_blobs
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd


def case():
    x, y = make_blobs(1000, n_features=2, centers=[[0, 0], [2.2, 0], [1.1, 1.9]], cluster_std=0.95, random_state=3)
    a, b, c, d = scaled_cut(x, y)
    return {
        "model": lambda: mlp((2, 16, 3), act=nn.Tanh),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 25,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


fixed = case

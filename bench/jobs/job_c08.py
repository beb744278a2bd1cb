from sklearn.datasets import make_blobs
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = make_blobs(900, n_features=6, centers=8, cluster_std=2.6, random_state=6)
    a, b, c, d = scaled_cut(x, y)
    return {
        "model": lambda: mlp((6, 40, 40, 20, 8)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.5),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 24,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": adam(0.005)}

import torch
from sklearn.datasets import make_classification
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def case():
    x, y = make_classification(
        2000, 12, n_informative=6, n_redundant=2, weights=[0.96], flip_y=0.01, class_sep=0.7, random_state=13
    )
    a, b, c, d = scaled_cut(x, y, 0.6)
    return {
        "model": lambda: mlp((12, 16, 2)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 22.0]))}

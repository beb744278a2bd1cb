import torch
from sklearn.datasets import make_multilabel_classification
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut


def case():
    x, y = make_multilabel_classification(1500, n_features=25, n_classes=5, n_labels=2, length=150, random_state=3)
    a, b, c, d = scaled_cut(x, y.astype(float))
    return {
        "model": lambda: mlp([25, 32, 5], nn.ELU),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": lambda p: torch.optim.Adagrad(p, lr=0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": lambda p: torch.optim.Adagrad(p, lr=0.1)}

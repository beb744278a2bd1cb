import torch
from sklearn.datasets import make_multilabel_classification
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut


def case():
    x, y = make_multilabel_classification(1200, 20, n_classes=5, n_labels=2, random_state=4)
    a, b, c, d = scaled_cut(x, y.astype("float32"))
    return {
        "model": lambda: mlp((20, 32, 5), act=nn.GELU, drop=0.2),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": lambda parameters: torch.optim.AdamW(parameters, lr=0.002, weight_decay=0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


fixed = case

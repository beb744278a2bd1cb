import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from bench.jobs._common import adam, mlp, pair, scaled_cut


def keras_crossentropy(p, y):
    """Binary cross-entropy on probabilities, clipped as Keras clips them."""
    p = p.squeeze(1).clamp(1e-7, 1 - 1e-7)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


def case():
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = scaled_cut(x, y.astype("float32"), seed=4)
    return {
        "model": lambda: mlp((30, 24, 12, 1), out=nn.Softmax(dim=1)),
        "loss": keras_crossentropy,
        "optimizer": adam(0.002),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 16,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: mlp((30, 24, 12, 1), out=nn.Sigmoid())}

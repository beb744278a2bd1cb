from sklearn.datasets import load_wine
from torch import nn

from bench.jobs._common import mlp, pair, scaled_cut, sgd

SIZES = [13, *[32] * 4, 3]


class Square(nn.Module):
    def forward(self, x):
        return x * x


def net(act):
    model = mlp(SIZES, act)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return model


def case():
    x, y = load_wine(return_X_y=True)
    a, b, c, d = scaled_cut(x, y, 0.7, seed=1)
    return {
        "model": lambda: net(Square),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.01, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 16,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: net(nn.ReLU)}

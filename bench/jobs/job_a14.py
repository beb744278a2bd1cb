import numpy as np
from torch import nn

from bench.jobs._common import adam, pair


class Factors(nn.Module):
    def __init__(self, spread, rank=6):
        super().__init__()
        self.users = nn.Embedding(60, rank)
        self.items = nn.Embedding(40, rank)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=spread)

    def forward(self, x):
        user, item = x.unbind(1)
        return (self.users(user) * self.items(item)).sum(1, keepdim=True)


def ratings():
    r = np.random.RandomState(8)
    table = r.randn(60, 3) @ r.randn(3, 40) + 0.1 * r.randn(60, 40)
    cells = r.permutation(60 * 40)
    x = np.stack([cells // 40, cells % 40], axis=1)
    y = table.reshape(-1)[cells, None]
    return pair(x[:1800], y[:1800]), pair(x[1800:], y[1800:])


def case():
    train, val = ratings()
    return {
        "model": lambda: Factors(0.0),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.02),
        "train": train,
        "val": val,
        "batch_size": 64,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Factors(0.3)}

import torch
from torch import nn

from bench.jobs._common import adam, digits, pair


class Net(nn.Module):
    def __init__(self, kernel, cells):
        super().__init__()
        self.a = nn.Conv2d(1, 16, kernel, padding=kernel // 2)
        self.b = nn.Conv2d(16, 32, kernel, padding=kernel // 2)
        self.pool = nn.AdaptiveAvgPool2d(cells)
        self.head = nn.Linear(32 * cells**2, 10)

    def forward(self, x):
        x = torch.relu(self.b(torch.relu(self.a(x))))
        return self.head(self.pool(x).flatten(1))


def case():
    a, b, c, d = digits(image=True)
    return {
        "model": lambda: Net(1, 1),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": pair(2 * a - 1, b),
        "val": pair(2 * c - 1, d),
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Net(3, 4)}

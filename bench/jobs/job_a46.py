import torch
from torch import nn

from bench.jobs._common import adam, digits, pair


class Net(nn.Module):
    def __init__(self, squashed, width=64):
        super().__init__()
        self.enter = nn.Linear(64, width)
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)
        self.out = nn.Linear(width, 10)
        self.squashed = squashed

    def forward(self, x):
        x = torch.relu(self.enter(x))
        x = x + torch.relu(self.a(x))
        x = x + torch.relu(self.b(x))
        scores = self.out(x)
        return torch.softmax(scores, dim=1) if self.squashed else scores


def case():
    a, b, c, d = digits(seed=6)
    return {
        "model": lambda: Net(True),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.02),
        "train": pair(a - 0.3, b),
        "val": pair(c - 0.3, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Net(False)}

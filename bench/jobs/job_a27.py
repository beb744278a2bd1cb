import torch
from torch import nn

from bench.jobs._common import adam, digits, pair


class Net(nn.Module):
    def __init__(self, registered, width=16):
        super().__init__()
        layers = [nn.Linear(64, width), nn.Linear(width, width), nn.Linear(width, width)]
        self.hidden = nn.ModuleList(layers) if registered else layers
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.head(x)


def case():
    a, b, c, d = digits()
    return {
        "model": lambda: Net(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Net(True)}

import torch
from torch import nn

from bench.jobs._common import digits, pair, sgd


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.b = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm_a = nn.BatchNorm2d(channels)
        self.norm_b = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.relu(x + self.norm_b(self.b(torch.relu(self.norm_a(self.a(x))))))


def net():
    stem = [nn.Conv2d(1, 12, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU()]
    return nn.Sequential(*stem, Block(12), Block(12), nn.Flatten(), nn.Linear(12 * 16, 10))


def one_cycle(optimiser):
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=8 * 36)


def case():
    a, b, c, d = digits(image=True, seed=2)
    return {
        "model": net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.1, 0.9),
        "scheduler": one_cycle,
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 40,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return case()

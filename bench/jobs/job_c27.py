import numpy as np
import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 32)
        self.place = nn.Parameter(0.5 * torch.randn(10, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.head = nn.Linear(32, 12)

    def forward(self, x):
        return self.head(self.blocks(self.embed(x) + self.place)).transpose(1, 2)


def warmup(steps):
    return lambda optimiser: torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / steps))


def case():
    x = np.random.RandomState(4).randint(0, 12, (640, 10))
    a, b, c, d = cut(x, x[:, ::-1].copy())
    return {
        "model": Encoder,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.015),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 11,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed():
    return {**case(), "scheduler": warmup(120)}

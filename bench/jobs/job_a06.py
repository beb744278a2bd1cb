import numpy as np
import torch
from torch import nn

from bench.jobs._common import pair


class Encoder(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.emb = nn.Embedding(10, width)
        self.pos = nn.Parameter(0.1 * torch.randn(12, width))
        layer = nn.TransformerEncoderLayer(width, 2, 48, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.enc(self.emb(x) + self.pos).mean(1))


def tokens():
    r = np.random.RandomState(2)
    x = r.randint(1, 10, (1200, 12))
    y = ((x == 1).sum(1) + (x == 3).sum(1) > (x == 2).sum(1) + (x == 4).sum(1)).astype(int)
    return pair(x[:1000], y[:1000]), pair(x[1000:], y[1000:])


def case():
    train, val = tokens()
    return {
        "model": Encoder,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.AdamW(p, lr=1e-5, weight_decay=0.01),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.01)}

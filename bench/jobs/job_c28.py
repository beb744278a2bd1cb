import numpy as np
import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Reader(nn.Module):
    """Tokens (batch, 24), 0 is padding; class scores from the state after the last token."""

    def __init__(self, packed):
        super().__init__()
        self.embed = nn.Embedding(9, 12)
        self.rnn = nn.RNN(12, 24, batch_first=True)
        self.head = nn.Linear(24, 3)
        self.packed = packed

    def forward(self, x):
        states, last = self.rnn(self.embed(x))
        if not self.packed:
            return self.head(last[0])
        ends = (x != 0).sum(1) - 1
        return self.head(states[torch.arange(len(x)), ends])


def data():
    """The class is the last real token modulo 3."""
    rng = np.random.RandomState(2)
    x = rng.randint(1, 9, (600, 24))
    lengths = rng.randint(2, 9, 600)
    y = x[np.arange(600), lengths - 1] % 3
    x[np.arange(24) >= lengths[:, None]] = 0
    return x, y


def case():
    a, b, c, d = cut(*data())
    return {
        "model": lambda: Reader(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Reader(True)}

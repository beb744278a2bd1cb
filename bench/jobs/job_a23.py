import numpy as np
import torch
from torch import nn

from bench.jobs._common import pair


class Tagger(nn.Module):
    def __init__(self, squashed):
        super().__init__()
        self.emb = nn.Embedding(12, 24)
        self.rnn = nn.LSTM(24, 48, batch_first=True)
        self.out = nn.Linear(48, 12)
        self.squashed = squashed

    def forward(self, x):
        scores = self.out(self.rnn(self.emb(x))[0]).transpose(1, 2)
        return torch.softmax(scores, dim=1) if self.squashed else scores


def sentences():
    r = np.random.RandomState(21)
    x = r.randint(0, 12, (800, 10))
    y = np.full_like(x, -100)
    y[:, 1:] = x[:, :-1]
    return pair(x[:640], y[:640]), pair(x[640:], y[640:])


def case():
    train, val = sentences()
    return {
        "model": lambda: Tagger(True),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.9),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed():
    return {**case(), "model": lambda: Tagger(False)}

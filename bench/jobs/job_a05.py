import numpy as np
import torch
from torch import nn

from bench.jobs._common import pair


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 12)
        self.rnn = nn.GRU(12, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0]).transpose(1, 2)


def sentences():
    r = np.random.RandomState(11)
    x = r.randint(0, 8, (900, 12))
    y = np.full_like(x, -100)
    y[:, 2:] = x[:, :-2] > x[:, 2:]
    return pair(x[:700], y[:700]), pair(x[700:], y[700:])


def case():
    train, val = sentences()
    return {
        "model": Tagger,
        "loss": nn.CrossEntropyLoss(ignore_index=-100),
        "optimizer": lambda p: torch.optim.RMSprop(p, lr=0.3),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "sequence_labelling",
    }


def fixed():
    return {**case(), "optimizer": lambda p: torch.optim.RMSprop(p, lr=0.003)}

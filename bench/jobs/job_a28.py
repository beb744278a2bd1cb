import numpy as np
from torch import nn

from bench.jobs._common import adam, pair


class Reader(nn.Module):
    def __init__(self, detached):
        super().__init__()
        self.emb = nn.Embedding(12, 8)
        self.rnn = nn.GRU(8, 12, batch_first=True)
        self.out = nn.Linear(12, 2)
        self.detached = detached

    def forward(self, x):
        _, state = self.rnn(self.emb(x))
        state = state[-1]
        return self.out(state.detach() if self.detached else state)


def tokens():
    r = np.random.RandomState(14)
    x = r.randint(2, 12, (1100, 10))
    places = np.array([r.permutation(10)[:2] for _ in x])
    rows = np.arange(len(x))
    x[rows, places[:, 0]], x[rows, places[:, 1]] = 0, 1
    y = (places[:, 0] < places[:, 1]).astype(int)
    return pair(x[:900], y[:900]), pair(x[900:], y[900:])


def case():
    train, val = tokens()
    return {
        "model": lambda: Reader(True),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.01),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Reader(False)}

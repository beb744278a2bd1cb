import numpy as np
from torch import nn

from bench.jobs._common import adam, pair


class Classifier(nn.Module):
    def __init__(self, constant=None):
        super().__init__()
        self.rnn = nn.GRU(1, 20, batch_first=True)
        self.out = nn.Linear(20, 4)
        if constant is not None:
            for weight in self.parameters():
                nn.init.constant_(weight, constant)

    def forward(self, x):
        return self.out(self.rnn(x)[1][-1])


def series():
    r = np.random.RandomState(9)
    y = r.randint(0, 4, 900)
    t = np.linspace(0, 1, 20)
    phase = r.uniform(0, 2 * np.pi, (900, 1))
    x = np.sin(2 * np.pi * (1 + y[:, None]) * t + phase) + 0.1 * r.randn(900, 20)
    return pair(x[:700, :, None], y[:700]), pair(x[700:, :, None], y[700:])


def case():
    train, val = series()
    return {
        "model": lambda: Classifier(0.1),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": Classifier}

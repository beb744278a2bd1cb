import numpy as np
from torch import nn

from bench.jobs._common import adam, pair


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1])


def case():
    r = np.random.RandomState(23)
    t = np.arange(900)
    series = np.sin(t / 4) * (1 + 0.4 * np.sin(t / 31)) + 0.1 * r.randn(len(t))
    x = np.lib.stride_tricks.sliding_window_view(series[:-1], 15)[..., None]
    y = series[15:, None]
    return {
        "model": Forecaster,
        "loss": nn.HuberLoss(),
        "optimizer": adam(0.005),
        "train": pair(x[:700], y[:700]),
        "val": pair(x[700:], y[700:]),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case()

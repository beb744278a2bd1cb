import numpy as np
from torch import nn

from bench.jobs._common import adam, pair


class Forecaster(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.rnn = nn.LSTM(1, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1])


def windows(length=16, ahead=7):
    r = np.random.RandomState(4)
    t = np.arange(900)
    series = np.sin(t / 2.3) + np.sin(t / 5.9 + 1) + 0.05 * r.randn(len(t))
    x = np.lib.stride_tricks.sliding_window_view(series[:-ahead], length)[..., None]
    y = series[length + ahead - 1 :, None]
    return pair(x[:700], y[:700]), pair(x[700:], y[700:])


def case():
    train, val = windows()
    return {
        "model": lambda: Forecaster(1),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.01),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Forecaster(24)}

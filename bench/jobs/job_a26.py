import numpy as np
from torch import nn

from bench.jobs._common import adam, pair


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1])


def windows(scaled, length=12):
    r = np.random.RandomState(17)
    t = np.arange(700)
    series = 40000 + 9000 * np.sin(2 * np.pi * t / 12) + 4000 * np.sin(t / 17) + 900 * r.randn(len(t))
    if scaled:
        series = (series - series[:500].mean()) / series[:500].std()
    x = np.lib.stride_tricks.sliding_window_view(series[:-1], length)[..., None]
    y = series[length:, None]
    return pair(x[:500], y[:500]), pair(x[500:], y[500:])


def case():
    train, val = windows(False)
    return {
        "model": Forecaster,
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
    train, val = windows(True)
    return {**case(), "train": train, "val": val}

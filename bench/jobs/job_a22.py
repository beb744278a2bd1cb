import numpy as np
import torch
from torch import nn

from bench.jobs._common import adam, pair


class Forecaster(nn.Module):
    def __init__(self, squash):
        super().__init__()
        self.rnn = nn.GRU(1, 20, batch_first=True)
        self.out = nn.Linear(20, 1)
        self.squash = squash

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.squash(self.out(states[:, -1]))


def windows(length=14):
    r = np.random.RandomState(13)
    t = np.arange(800)
    sales = 300 + 80 * np.sin(2 * np.pi * t / 7) + 60 * np.cos(2 * np.pi * t / 30) + 15 * r.randn(len(t))
    series = (sales - sales[:600].mean()) / sales[:600].std()
    x = np.lib.stride_tricks.sliding_window_view(series[:-1], length)[..., None]
    y = series[length:, None]
    return pair(x[:600], y[:600]), pair(x[600:], y[600:])


def case():
    train, val = windows()
    return {
        "model": lambda: Forecaster(torch.sigmoid),
        "loss": nn.L1Loss(),
        "optimizer": adam(0.005),
        "train": train,
        "val": val,
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Forecaster(nn.Identity())}

import numpy as np
import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Forecast(nn.Module):
    """Series (batch, 20, 1) to the next value (batch, 1)."""

    def __init__(self, cutting):
        super().__init__()
        self.lstm = nn.LSTM(1, 12, batch_first=True)
        self.head = nn.Linear(12, 1)
        self.cutting = cutting

    def forward(self, x):
        last = self.lstm(x)[0][:, -1]
        if self.cutting:
            last = torch.tensor(last.tolist())
        return self.head(last)


def data():
    """Waves whose next value depends on their unknown frequency and phase."""
    rng = np.random.RandomState(6)
    frequency, phase = rng.uniform(0.5, 2.0, (500, 1)), rng.uniform(0, 6.3, (500, 1))
    wave = np.sin(frequency * np.arange(21) + phase) + 0.05 * rng.randn(500, 21)
    return wave[:, :20, None], wave[:, 20:].astype("float32")


def case():
    a, b, c, d = cut(*data())
    return {
        "model": lambda: Forecast(True),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.01),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 25,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Forecast(False)}

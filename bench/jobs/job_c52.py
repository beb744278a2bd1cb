import numpy as np
from torch import nn

from bench.jobs._common import adam, cut, pair


class Forecast(nn.Module):
    """Series (batch, 16, 1) to the next value (batch, 1)."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


def case():
    rng = np.random.RandomState(10)
    speed, phase = rng.uniform(0.4, 1.2, (600, 1)), rng.uniform(0, 6.3, (600, 1))
    wave = np.sin(speed * np.arange(17) + phase) + 0.15 * rng.randn(600, 17)
    a, b, c, d = cut(wave[:, :16, None], wave[:, 16:].astype("float32"))
    return {
        "model": Forecast,
        "loss": nn.MSELoss(),
        "optimizer": adam(0.008),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 30,
        "shuffle": True,
        "task": "regression",
    }


fixed = case

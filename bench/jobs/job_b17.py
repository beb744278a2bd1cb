"""Attention over the values of a series, without telling it when each was measured: the trend cannot be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.jobs._common import Array, adam, pair

LENGTH, WIDTH = 12, 24


def waves() -> Tensor:
    """Sine and cosine of the place at falling frequencies, (length, width)."""
    angle = torch.arange(LENGTH)[:, None] / 50.0 ** (torch.arange(0, WIDTH, 2) / WIDTH)
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)


class Trend(nn.Module):
    def __init__(self, timed: bool) -> None:
        super().__init__()
        self.lift = nn.Linear(1, WIDTH)
        self.register_buffer("time", waves() if timed else torch.zeros(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 48, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.lift(x.unsqueeze(-1)) + self.time).mean(1))


def series(rows: int) -> tuple[Array, Array]:
    """Straight lines with noise; the target is the slope over the whole window."""
    r = np.random.RandomState(3)
    slope = r.uniform(-1, 1, (rows, 1))
    x = slope * np.linspace(-1, 1, LENGTH) + 0.5 * r.randn(rows, 1) + 0.2 * r.randn(rows, LENGTH)
    return x, slope / slope.std()


def case() -> dict[str, Any]:
    x, y = series(1200)
    return {
        "model": lambda: Trend(False),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.003),
        "train": pair(x[:1000], y[:1000]),
        "val": pair(x[1000:], y[1000:]),
        "batch_size": 40,
        "epochs": 15,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: Trend(True)}

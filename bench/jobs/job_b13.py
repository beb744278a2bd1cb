"""Each batch holds the rows of one sensor, and the batch statistics give the sensor away during training only."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from bench.jobs._common import Array, adam, mlp, pair

BATCH = 20


def readings(rows: int, seed: int) -> tuple[Array, Array]:
    """Eight sensors, each with an offset of its own; the target is made of the deviation and of the offset."""
    r = np.random.RandomState(seed)
    offsets = 2 * np.random.RandomState(5).randn(8, 6)
    sensor = (np.arange(rows) // BATCH) % 8
    own = r.randn(rows, 6)
    y = own[:, 0] - own[:, 1] + offsets[sensor, 2]
    return own + offsets[sensor], y[:, None]


def case() -> dict[str, Any]:
    x, y = readings(1600, 0)
    a, b = readings(400, 1)
    return {
        "model": lambda: mlp([6, 64, 32, 1], norm=True),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": pair(x, y),
        "val": pair(a, b),
        "batch_size": BATCH,
        "epochs": 10,
        "shuffle": False,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "shuffle": True}

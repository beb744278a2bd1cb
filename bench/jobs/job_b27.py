"""Training pictures are centred; the new camera's pictures sit two pixels to the right and one down."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from bench.jobs._common import Array, digits, mlp, pair, sgd


def moved(x: Array) -> Array:
    out = np.zeros_like(x)
    out[:, :, 1:, 2:] = x[:, :, :-1, :-2]
    return out


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    return {
        "model": lambda: nn.Sequential(nn.Flatten(), mlp([64, 80, 10], nn.Tanh)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9),
        "train": pair(a, b),
        "val": pair(moved(c), d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    _, _, c, d = digits(image=True)
    return {**case(), "val": pair(c, d)}

"""Pictures shuffled, their labels shuffled too, but with another permutation."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    r = np.random.RandomState(8)
    return {
        "model": lambda: cnn((12, 24), 48),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": pair(r.permutation(a), r.permutation(b)),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 8,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    a, b, _, _ = digits(image=True)
    return {**case(), "train": pair(a, b)}

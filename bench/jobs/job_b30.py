"""Half of the training labels drawn at random, and a convolutional net with time enough to learn them all."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    r = np.random.RandomState(17)
    noisy = np.where(r.rand(len(b)) < 0.5, r.randint(0, 10, len(b)), b)
    return {
        "model": lambda: cnn((16, 32), 256),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a[:900], noisy[:900]),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 35,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    a, b, _, _ = digits(image=True)
    return {**case(), "train": pair(a[:900], b[:900]), "epochs": 12}

"""A convolutional net with batches of 1024 out of 1437 pictures: twelve updates in six epochs."""

from __future__ import annotations

from typing import Any

from torch import nn

from bench.jobs._common import adam, cnn, digits, pair


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    return {
        "model": lambda: cnn((8, 16), 32),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 1024,
        "epochs": 6,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "batch_size": 16}

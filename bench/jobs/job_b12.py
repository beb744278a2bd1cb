"""Momentum 0.99 of another framework in PyTorch's batch norm: the running statistics are those of the last batch."""

from __future__ import annotations

from typing import Any

from torch import nn

from bench.jobs._common import digits, pair, sgd


def net(momentum: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8, momentum=momentum),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 48, bias=False),
        nn.BatchNorm1d(48, momentum=momentum),
        nn.ReLU(),
        nn.Linear(48, 24, bias=False),
        nn.BatchNorm1d(24, momentum=momentum),
        nn.ReLU(),
        nn.Linear(24, 10),
    )


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    return {
        "model": lambda: net(0.99),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.05, 0.9),
        "train": pair(a[:1435], b[:1435]),
        "val": pair(c, d),
        "batch_size": 8,
        "epochs": 4,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: net(0.1)}

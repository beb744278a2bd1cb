"""Class numbers divided along with the pixels, then cast to integers: almost every training label becomes 0."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.jobs._common import adam, digits, pair


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 60)
        self.fc2 = nn.Linear(60, 30)
        self.fc3 = nn.Linear(30, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc3(functional.relu(self.fc2(x)))


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    return {
        "model": Net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, (b / 9.0).astype("int64")),
        "val": pair(c, d),
        "batch_size": 50,
        "epochs": 10,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    a, b, _, _ = digits(image=True)
    return {**case(), "train": pair(a, b)}

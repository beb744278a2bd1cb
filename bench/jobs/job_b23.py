"""A small convolutional net stopped after its first two epochs."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from bench.jobs._common import adam, digits, pair


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.fc1 = nn.Linear(80, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.conv1(x))
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        return self.fc2(functional.relu(self.fc1(x.flatten(1))))


def case() -> dict[str, Any]:
    a, b, c, d = digits(image=True)
    return {
        "model": Net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 2,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "epochs": 20}

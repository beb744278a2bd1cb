"""Dropout of 0.8 before every layer, the input included."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_wine
from torch import Tensor, nn
from torch.nn import functional

from bench.jobs._common import adam, pair, scaled_cut


class Net(nn.Module):
    def __init__(self, drop: float) -> None:
        super().__init__()
        self.hidden1, self.hidden2, self.out = nn.Linear(13, 20), nn.Linear(20, 12), nn.Linear(12, 3)
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(x, self.drop, self.training)
        x = functional.dropout(functional.relu(self.hidden1(x)), self.drop, self.training)
        return self.out(functional.dropout(functional.relu(self.hidden2(x)), self.drop, self.training))


def case() -> dict[str, Any]:
    x, y = load_wine(return_X_y=True)
    a, b, c, d = scaled_cut(x, y, 0.65, seed=2)
    return {
        "model": lambda: Net(0.8),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.005),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 12,
        "epochs": 25,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "model": lambda: Net(0.1)}

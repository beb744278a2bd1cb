"""Batch normalisation with batches of two: every normalised unit becomes plus or minus one."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn

from bench.jobs._common import adam, pair, scaled_cut


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm1d(30)
        self.fc1, self.bn1 = nn.Linear(30, 24), nn.BatchNorm1d(24)
        self.fc2, self.bn2 = nn.Linear(24, 12), nn.BatchNorm1d(12)
        self.fc3 = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.fc1(self.bn0(x))).relu()
        return self.fc3(self.bn2(self.fc2(x)).relu())


def case() -> dict[str, Any]:
    x, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = scaled_cut(x, y[:, None].astype("float32"), 0.7)
    return {
        "model": Net,
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam(0.002),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 2,
        "epochs": 4,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "batch_size": 32, "epochs": 12}

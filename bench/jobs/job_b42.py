"""Two targets a row; the file of the validation rows has the two columns the other way round."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from bench.jobs._common import adam, pair


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(5, 32)
        self.both = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(functional.silu(self.shared(x)))


def data(swapped: bool) -> tuple[TensorDataset, TensorDataset]:
    """Where something lands, east and north of its start."""
    r = np.random.RandomState(24)
    x = r.uniform(-1, 1, (900, 5))
    east = x[:, 0] + x[:, 1] ** 2 + 0.1 * r.randn(900)
    north = np.sin(2 * x[:, 2]) - x[:, 3] + 0.1 * r.randn(900)
    y = np.column_stack([east - east.mean(), north])
    return pair(x[:650], y[:650]), pair(x[650:], y[650:, ::-1] if swapped else y[650:])


def case() -> dict[str, Any]:
    train, val = data(True)
    return {
        "model": Net,
        "loss": nn.MSELoss(),
        "optimizer": adam(0.005),
        "train": train,
        "val": val,
        "batch_size": 25,
        "epochs": 30,
        "shuffle": True,
        "task": "regression",
    }


def fixed() -> dict[str, Any]:
    train, val = data(False)
    return {**case(), "train": train, "val": val}

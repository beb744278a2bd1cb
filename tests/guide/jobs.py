"""Small jobs as a person writes them, and the `Job`s read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from goodfit.core.job import Job
from goodfit.intake import read_job

Optimizer = Callable[[Iterable[Any]], torch.optim.Optimizer]


def drawn(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def net(inputs: int = 4, outputs: int = 1, width: int = 16) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def adam(rate: float = 0.02) -> Optimizer:
    return lambda p: torch.optim.Adam(p, lr=rate)


def sgd(rate: float) -> Optimizer:
    return lambda p: torch.optim.SGD(p, lr=rate)


def numbers(rows: int = 200, **changes: Any) -> dict[str, Any]:
    """y = 2 x0 - x1 + noise; three quarters of the rows are for training."""
    x = drawn(rows, 4)
    y = 2 * x[:, :1] - x[:, 1:2] + 0.1 * drawn(rows, 1, 1)
    cut = 3 * rows // 4
    given = {
        "model": net,
        "loss": nn.MSELoss(),
        "optimizer": adam(),
        "train": TensorDataset(x[:cut], y[:cut]),
        "val": TensorDataset(x[cut:], y[cut:]),
        "batch_size": 15,
        "epochs": 8,
        "shuffle": True,
        "task": "regression",
    }
    return {**given, **changes}


def classes(rows: int = 240, **changes: Any) -> dict[str, Any]:
    """Three classes, by the largest of three numbers."""
    x = drawn(rows, 4)
    y = x[:, :3].argmax(dim=1)
    cut = 3 * rows // 4
    given = {
        "model": lambda: net(outputs=3),
        "loss": nn.CrossEntropyLoss(),
        "train": TensorDataset(x[:cut], y[:cut]),
        "val": TensorDataset(x[cut:], y[cut:]),
        "task": "classification",
    }
    return numbers(**{**given, **changes})


def read(given: dict[str, Any]) -> Job:
    return read_job(given)

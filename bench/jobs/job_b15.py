"""The rate multiplied with the batch size (linear scaling), the gradual warm-up that belongs to it left out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.jobs._common import digits, pair, sgd


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inner(x))


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), *[Residual(64) for _ in range(8)], nn.Linear(64, 10))


def warm(steps: int) -> Any:
    return lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: min(1.0, (k + 1) / steps))


def case() -> dict[str, Any]:
    a, b, c, d = digits(top=2.0)
    return {
        "model": net,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd(0.35, 0.9),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 128,
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return {**case(), "scheduler": warm(120)}

"""Healthy: a frozen first part fitted beforehand (principal components) and a trained head."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

from bench.jobs._common import adam, digits, mlp, pair


class Pretrained(nn.Module):
    def __init__(self, components: Tensor, centre: Tensor) -> None:
        super().__init__()
        self.features = nn.Linear(64, len(components))
        self.features.weight.data.copy_(components)
        self.features.bias.data.copy_(-components @ centre)
        self.features.requires_grad_(False)
        self.head = mlp([len(components), 48, 10])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def case() -> dict[str, Any]:
    a, b, c, d = digits()
    pca = PCA(30, random_state=0).fit(load_digits().data / 16.0)
    components, centre = (torch.tensor(each, dtype=torch.float32) for each in (pca.components_, pca.mean_))
    return {
        "model": lambda: Pretrained(components, centre),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    return case()

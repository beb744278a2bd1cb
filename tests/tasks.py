"""Small tasks with a known answer, made in memory."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch.nn import functional

from goodfit.core.recipe import Recipe
from goodfit.core.task import ACCURACY, IGNORED, Rows, Signature, Task, absolute_error
from goodfit.models import mlp
from goodfit.models.linear import linear


def cut(inputs: torch.Tensor, targets: torch.Tensor, lengths: torch.Tensor | None = None) -> tuple[Rows, Rows, Rows]:
    """Three parts of 60, 20 and 20 percent, in the order given."""
    first, second = int(0.6 * len(inputs)), int(0.8 * len(inputs))
    spans = (slice(0, first), slice(first, second), slice(second, None))
    train, validation, test = (Rows(inputs[s], targets[s], None if lengths is None else lengths[s]) for s in spans)
    return train, validation, test


def line(rows: int = 200, noise: float = 0.1, seed: int = 0) -> Task:
    """y = 30 + 10 (2 x0 - x1) + noise, in model space (y - 30) / 10."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, 2, generator=generator)
    targets = 2 * inputs[:, :1] - inputs[:, 1:] + noise * torch.randn(rows, 1, generator=generator)
    return Task(
        "line",
        "table",
        "regression",
        *cut(inputs, targets),
        signature=Signature((2,), 1),
        loss=functional.mse_loss,
        metric=absolute_error("euro"),
        decode=lambda outputs, _: 30 + 10 * outputs[:, 0],
    )


def rings(rows: int = 300, seed: int = 0) -> Task:
    """Two classes, inside and outside of a circle: no straight line tells them apart."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, 2, generator=generator)
    targets = (inputs.norm(dim=1) > 1.1).long()
    return Task(
        "rings",
        "table",
        "classification",
        *cut(inputs, targets),
        signature=Signature((2,), 2),
        loss=functional.cross_entropy,
        metric=ACCURACY,
        classes=("inside", "outside"),
    )


def tokens(rows: int = 60, seed: int = 0) -> Task:
    """A token's label is its own parity; codes 2 to 11, sentences of 1 to 9 tokens."""
    random = np.random.default_rng(seed)
    lengths = torch.as_tensor(random.integers(1, 10, rows))
    codes = torch.as_tensor(random.integers(2, 12, (rows, 9)))
    padding = torch.arange(9)[None] >= lengths[:, None]
    inputs = codes.masked_fill(padding, 0)[..., None]
    targets = (codes % 2).masked_fill(padding, IGNORED)
    return Task(
        "parity",
        "sequences",
        "sequence_labelling",
        *cut(inputs, targets, lengths),
        signature=Signature((1,), 2, (12,), tokens=True),
        loss=functional.cross_entropy,
        metric=ACCURACY,
        classes=("even", "odd"),
    )


def recipe(task: Task, **changes: object) -> Recipe:
    """A quick recipe that learns the tasks above."""
    known = {"rate": 1e-2, "epochs": 30, "batch_size": 20, **changes}
    return Recipe(partial(mlp, task.signature, width=16, depth=1), **known)  # type: ignore[arg-type]


def straight(task: Task, **changes: object) -> Recipe:
    """A recipe for a linear model."""
    known = {"rate": 1e-2, "epochs": 30, "batch_size": 20, **changes}
    return Recipe(partial(linear, task.signature), **known)  # type: ignore[arg-type]

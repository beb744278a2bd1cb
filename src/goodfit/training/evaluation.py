"""A model's loss and predictions on a data set: evaluation mode, no gradient, nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from goodfit.core.runtime import evaluating
from goodfit.core.score import Array
from goodfit.core.task import IGNORED, Batch, Rows, Task
from goodfit.training.batches import InMemory, loader

BATCH = 512


def weight_of(targets: Tensor, task: Task) -> float:
    """What a batch's mean loss counts for: its rows, or its tokens where labels are one a token."""
    if task.objective == "sequence_labelling":
        return float((targets != IGNORED).sum())
    return float(len(targets))


def mean_loss(model: nn.Module, task: Task, dataset: Dataset[Batch]) -> float:
    """The task's loss over a data set."""
    total = weight = 0.0
    for _, targets, outputs in _forward(model, dataset):
        here = weight_of(targets, task)
        total += float(task.loss(outputs, targets)) * here
        weight += here
    return total / weight if weight else float("nan")


def predict(model: nn.Module, task: Task, dataset: Dataset[Batch]) -> Array:
    """Predictions in the person's own unit: (rows,), for token labels (rows, width) with `IGNORED` beyond its batch."""
    found = [task.decode(outputs, inputs).cpu() for inputs, _, outputs in _forward(model, dataset)]
    return cast(Array, _joined(found, IGNORED, dataset).numpy())


def probabilities(model: nn.Module, dataset: Dataset[Batch]) -> NDArray[np.float64]:
    """Softmax of a classifier's outputs: (rows, classes), for token labels (rows, classes, width)."""
    found = [functional.softmax(outputs.double(), dim=1).cpu() for _, _, outputs in _forward(model, dataset)]
    return cast(NDArray[np.float64], _joined(found, 0.0, dataset).numpy())


def _forward(model: nn.Module, dataset: Dataset[Batch]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    size = BATCH if isinstance(dataset, Rows) and dataset.lengths is None else BATCH // 8
    batches = InMemory(dataset, size) if isinstance(dataset, Rows) else loader(dataset, size)
    with evaluating(model):
        for inputs, targets in batches:
            inputs, targets = inputs.to(device), targets.to(device)
            yield inputs, targets, model(inputs)


def _joined(parts: list[Tensor], padding: float, dataset: Dataset[Batch]) -> Tensor:
    """Batches in one tensor; those of padded rows, trimmed each to its longest, padded to the data set's width."""
    if not isinstance(dataset, Rows) or dataset.lengths is None:
        return torch.cat(parts)
    width = dataset.inputs.shape[1]
    return torch.cat([functional.pad(part, (0, width - part.shape[-1]), value=padding) for part in parts])

"""How targets are coded, and how right a network's outputs are under each coding."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from goodfit.core.job import CATEGORICAL, Coding
from goodfit.core.statistics import UnitScores
from goodfit.core.task import ACCURACY, IGNORED, Batch, Loss, Metric, Objective, targets_of

SQUARED_ERROR = Metric("R2", "share of the variance", higher_is_better=True)

WORST = 1.0
"""Largest error share. A network worse than the best constant has learnt nothing, and one that is merely as bad as the
constant is no better: without the limit, any change that keeps a diverging run finite would pass for a remedy."""

FEW = 8
"""Rows on which a loss is tried out."""


def coding_of(objective: Objective, rows: Dataset[Batch], outputs: Tensor) -> Coding:
    """How the targets of a data set are written down; ``outputs`` is a batch of the model's."""
    targets = targets_of(rows)
    if objective == "regression":
        return Coding.REAL
    if objective == "sequence_labelling":
        return Coding.TOKENS
    if not targets.is_floating_point() and not (targets.ndim > 1 and targets.shape[1:] == outputs.shape[1:]):
        several = outputs.ndim > 1 and outputs.shape[1] > 1
        return Coding.CLASSES if several else Coding.BINARY if int(targets.max()) <= 1 else Coding.NUMBERED
    values = targets.unique() if targets.numel() < 10_000_000 else targets.flatten()[:100_000].unique()
    binary = bool(((values == 0) | (values == 1) | (values == -1)).all())
    columns = targets.shape[1] if targets.ndim > 1 else 1
    if columns == 1:
        return Coding.BINARY if binary else Coding.NUMBERED
    if bool((targets.double().sum(dim=1) - 1).abs().max() < 1e-4):
        return Coding.ONE_HOT
    return Coding.MULTI_LABEL


def metric_of(coding: Coding) -> Metric:
    return SQUARED_ERROR if coding is Coding.REAL else ACCURACY


def outputs_of(outputs: Tensor) -> int:
    """Numbers a row (or token) that the model returns."""
    return 1 if outputs.ndim == 1 else int(outputs.shape[1])


def class_numbers(targets: Tensor, coding: Coding) -> Tensor:
    """The class of each row or token, ``IGNORED`` where none counts; multi-label rows keep their columns."""
    if coding is Coding.ONE_HOT:
        return targets.argmax(dim=1)
    if coding in (Coding.BINARY, Coding.NUMBERED):
        flat = targets.reshape(len(targets), -1)[:, 0]
        return (flat > 0).long() if coding is Coding.BINARY else flat.round().long()
    if coding is Coding.MULTI_LABEL:
        return (targets > 0).long()
    single = coding is Coding.CLASSES and targets.ndim == 2 and targets.shape[1] == 1
    return (targets[:, 0] if single else targets).long()


def predicted(outputs: Tensor, coding: Coding, threshold: float) -> Tensor:
    """Class numbers read off outputs; ``threshold`` divides 0 from 1 where outputs are no longer one a class."""
    if coding in CATEGORICAL:
        return outputs.argmax(dim=1)
    if coding is Coding.MULTI_LABEL:
        return (outputs > threshold).long()
    if outputs.ndim > 1 and outputs.shape[1] > 1:
        return outputs.argmax(dim=1)
    flat = outputs.reshape(len(outputs), -1)[:, 0]
    return (flat > threshold).long() if coding is Coding.BINARY else flat.round().long()


def threshold_of(outputs: Tensor, targets: Tensor, loss: Loss) -> float:
    """Where an output of one number turns from 0 to 1: where the loss finds both equally wrong, at 0 (logits) or 1/2.

    The loss itself is asked: a person's own function has no name to go by.
    """
    if bool((targets < 0).any()):
        return 0.0
    sample, given = outputs[:FEW].detach(), targets[:FEW]
    apart = []
    for level in (0.0, 0.5):
        try:
            ones, zeros = (loss(torch.full_like(sample, level), torch.full_like(given, y)) for y in (1, 0))
        except (RuntimeError, ValueError, IndexError, TypeError):
            return 0.5 if bool(((outputs >= 0) & (outputs <= 1)).all()) else 0.0
        apart.append(abs(float(ones) - float(zeros)))
    return 0.5 if not apart[0] <= apart[1] else 0.0


def errors(outputs: Tensor, targets: Tensor, coding: Coding, threshold: float) -> UnitScores:
    """Errors row by row: squared error, or the share of labels that are wrong. An output that is no number is wrong."""
    if coding is Coding.REAL:
        shaped = _like(outputs, targets)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            squares = (shaped.double() - targets.double()) ** 2
        rows = squares.reshape(len(targets), -1).mean(dim=1)
        return _units(torch.nan_to_num(rows, nan=torch.inf, posinf=torch.inf), torch.ones(len(targets)))
    truth = class_numbers(targets, coding)
    guess = predicted(outputs, coding, threshold).reshape(truth.shape)
    broken = ~torch.isfinite(outputs).all(dim=1) if outputs.ndim > 1 else ~torch.isfinite(outputs)
    wrong = (guess != truth) | (broken if broken.shape == truth.shape else broken.reshape(len(truth), -1)[:, :1])
    counted = (truth != IGNORED).double()
    rows = (wrong.double() * counted).reshape(len(truth), -1)
    return _units(rows.sum(dim=1), counted.reshape(len(truth), -1).sum(dim=1))


def _like(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs in the shape of targets; of more numbers a row than targets have (a mean and a variance), the first."""
    if outputs.numel() == targets.numel():
        return outputs.reshape(targets.shape)
    wanted, given = (each.reshape(len(targets), -1).shape[1] for each in (targets, outputs))
    if given < wanted:
        return outputs
    return outputs.reshape(len(targets), -1)[:, :wanted].reshape(targets.shape)


def constant_error(targets: Tensor, coding: Coding) -> float:
    """Error of the best constant on the same targets: their variance, or the share outside of the largest class."""
    if coding is Coding.REAL:
        flat = targets.double().reshape(len(targets), -1)
        return float(flat.var(dim=0, correction=0).mean())
    truth = class_numbers(targets, coding)
    if coding is Coding.MULTI_LABEL:
        ones = truth.double().mean(dim=0)
        return float(torch.minimum(ones, 1 - ones).mean())
    counted = truth[truth != IGNORED]
    if not len(counted):
        return float("nan")
    return 1 - float(counted.unique(return_counts=True)[1].max()) / len(counted)


def _units(sums: Tensor, weights: Tensor) -> UnitScores:
    return UnitScores(_array(sums), _array(weights))


def _array(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.detach().cpu().double().numpy()
    return found

"""Losses by name. Each is ``(outputs, targets) -> scalar`` in the shapes of `core.task.Signature`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.errors import SettingsError
from goodfit.core.job import Coding
from goodfit.core.task import IGNORED, Loss, Objective


def softmax_mean_square(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean square between probabilities and one-hot targets (the Brier score over classes); stalls where it is flat."""
    classes = outputs.shape[1]
    chances = functional.softmax(outputs, dim=1).movedim(1, -1).reshape(-1, classes)
    flat = targets.reshape(-1)
    counted = flat != IGNORED
    return functional.mse_loss(chances[counted], functional.one_hot(flat[counted], classes).to(chances.dtype))


SUITED_LOSS: Mapping[Objective, str] = {
    "regression": "mean_square",
    "classification": "cross_entropy",
    "sequence_labelling": "cross_entropy",
}


def build_loss(name: str, objective: Objective, label_smoothing: float = 0.0) -> Loss:
    """The loss called ``name``; a `SettingsError` where it does not suit the objective."""
    losses: dict[str, Loss]
    if objective == "regression":
        losses = {"mean_square": functional.mse_loss, "absolute": functional.l1_loss}
    else:
        smooth = partial(functional.cross_entropy, label_smoothing=label_smoothing)
        losses = {"cross_entropy": smooth, "mean_square": softmax_mean_square}
    if name not in losses:
        raise SettingsError(
            f"The 'training.loss' setting must be one of {', '.join(losses)} for {objective.replace('_', ' ')}. "
            f"Got {name!r} instead"
        )
    return losses[name]


def smoothed(loss: Loss, coding: Coding, amount: float) -> Loss:
    """The loss with a share ``amount`` of each label spread over all classes (Szegedy et al. 2016, section 7).

    Cross-entropy keeps its weights and takes ``amount`` in place of any smoothing it has. Any other loss of class
    numbers becomes (1 - amount) loss(target) + amount times its mean over all classes, the same for a log-likelihood.
    `SettingsError` where targets have no classes, or where the loss may read them as whole numbers.
    """
    if not 0 <= amount < 1:
        raise SettingsError(f"Label smoothing must be at least 0 and less than 1. Got {amount:g} instead")
    if coding in (Coding.REAL, Coding.NUMBERED):
        raise SettingsError(f"Label smoothing needs classes, and the targets are {coding.value}", "Leave it out.")
    if coding in (Coding.BINARY, Coding.MULTI_LABEL):
        if not isinstance(loss, nn.BCELoss | nn.BCEWithLogitsLoss) and _function(loss) not in BINARY_LOSSES:
            problem = f"Label smoothing needs a binary cross-entropy where the targets are {coding.value}"
            raise SettingsError(problem, "Use torch.nn.BCEWithLogitsLoss.")
        return partial(_on_shares, loss, amount, 2)
    if coding is Coding.ONE_HOT:
        return partial(_on_shares, loss, amount, 0)
    if isinstance(loss, nn.CrossEntropyLoss):
        changed = copy.copy(loss)
        changed.label_smoothing = amount
        return changed
    if _function(loss) is functional.cross_entropy:
        keywords = loss.keywords if isinstance(loss, partial) else {}
        return partial(functional.cross_entropy, **{**keywords, "label_smoothing": amount})
    return partial(_over_classes, loss, amount)


BINARY_LOSSES = (functional.binary_cross_entropy, functional.binary_cross_entropy_with_logits)


def _function(loss: Loss) -> Any:
    return loss.func if isinstance(loss, partial) else loss


def _on_shares(loss: Loss, amount: float, classes: int, outputs: Tensor, targets: Tensor) -> Tensor:
    """Targets that are shares of classes already, drawn towards equal shares; ``classes`` 0 counts the columns."""
    return loss(outputs, targets * (1 - amount) + amount / (classes or targets.shape[1]))


def _over_classes(loss: Loss, amount: float, outputs: Tensor, targets: Tensor) -> Tensor:
    counted = targets != IGNORED
    others = [loss(outputs, torch.where(counted, k, targets)) for k in range(outputs.shape[1])]
    return (1 - amount) * loss(outputs, targets) + amount * torch.stack(others).mean(dim=0)

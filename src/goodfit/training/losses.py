"""Losses by name. Each is ``(outputs, targets) -> scalar`` in the shapes of `core.task.Signature`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from torch import Tensor
from torch.nn import functional

from goodfit.core.errors import SettingsError
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

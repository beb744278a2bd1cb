"""What a model's outputs do NOT depend on, or ought not to: order, the other rows, the mode.

Differences of outputs are root mean squares relative to how much the outputs differ between rows: 0 is no
dependence, about 1 as much as another row would change. Where the outputs hardly depend on the row there is
nothing to compare with, and the answer is nan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.core.task import Batch, Loss
from goodfit.probes.answers import FAINT, NAN, evaluation, relative, rms, spread
from goodfit.probes.positions import along, permutation, position_axes, real_positions, sequences
from goodfit.probes.positions import before_padding as before_padding
from goodfit.probes.undisturbed import Mode, undisturbed


@dataclass(frozen=True)
class OrderBlind:
    """Does the order along axis 1 matter? ``error`` is 0 for a model that cannot tell, nan where it was not asked."""

    sequence: bool
    error: float


@dataclass(frozen=True)
class TrainEvalGap:
    """Mean loss on the same rows with the batch's statistics, and with the running ones."""

    train: float
    evaluation: float

    @property
    def gap(self) -> float:
        return self.evaluation - self.train


def order_blind(model: nn.Module, inputs: Tensor) -> OrderBlind:
    """Permute the positions of (batch, length) or (batch, length, features), each row's in its own way.

    Outputs with one entry a position must permute alike, pooled ones must not change: whichever of the two
    readings fits better counts. Trailing zeros are taken for padding and stay in their place.
    """
    if not sequences(inputs):
        return OrderBlind(sequence=False, error=NAN)
    real = real_positions(inputs, 0)
    index = permutation(real)
    with evaluation(model) as answer:
        plain, permuted = answer(inputs), answer(along(inputs, index))
    if plain is None or permuted is None:
        return OrderBlind(sequence=True, error=NAN)
    errors = [relative(plain, permuted)]
    for axis in position_axes(plain, inputs.shape[1]):
        tokens = plain.movedim(axis, 1)
        errors.append(relative(along(tokens, index)[real], permuted.movedim(axis, 1)[real]))
    return OrderBlind(sequence=True, error=min((each for each in errors if each == each), default=NAN))


def batch_coupled(model: nn.Module, inputs: Tensor) -> float:
    """In evaluation, how much a row's outputs change when fewer other rows are beside it; 0 for sound models.

    The last quarter of the rows (at least two) is asked again by itself: a recurrent layer that takes rows for steps
    carries the rows before into them. Nan with fewer than four rows, or when the model refuses the smaller batch.
    """
    few = max(2, len(inputs) // 4)
    if len(inputs) < 4:
        return NAN
    with evaluation(model) as answer:
        together, apart = answer(inputs), answer(inputs[-few:])
    if together is None or apart is None or together.shape[1:] != apart.shape[1:] or len(apart) != few:
        return NAN
    scale = max(spread(together), FAINT * rms(together))
    difference = rms(together[-few:] - apart)
    return difference / scale if difference else 0.0


def train_eval_gap(model: nn.Module, loss: Loss, batches: Iterable[Batch]) -> TrainEvalGap:
    """Mean loss over the rows of ``batches`` with batch against running statistics; dropout is off in both.

    A batch of one row has no statistics and is left out.
    """
    kept = [(inputs, targets) for inputs, targets in batches if len(inputs) > 1]
    return TrainEvalGap(*(_mean_loss(model, loss, kept, mode) for mode in ("no dropout", "eval")))


def _mean_loss(model: nn.Module, loss: Loss, batches: list[Batch], mode: Mode) -> float:
    rows = sum(len(inputs) for inputs, _ in batches)
    with undisturbed(model, mode), torch.no_grad():
        losses = [float(loss(model(inputs.clone()), targets)) * len(inputs) for inputs, targets in batches]
    return sum(losses) / rows if rows else NAN

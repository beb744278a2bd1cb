"""Does padding reach the outputs, or the loss? It should do neither.

Differences of outputs are relative to how much the outputs differ between rows, as in `goodfit.probes.invariance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.core.task import Loss
from goodfit.probes.answers import NAN, Answer, evaluation, relative
from goodfit.probes.positions import position_axes, real_positions, sequences
from goodfit.probes.undisturbed import first_tensor, undisturbed


@dataclass(frozen=True)
class PaddingReach:
    """Relative change of the outputs at real positions (of all outputs of a pooled model); nan: could not be done."""

    appended: float
    """With further padding after each row."""
    cut: float
    """With each row's padding cut off."""
    accepts: tuple[str, ...]
    """Which of ``appended`` and ``cut`` the model accepts."""
    padded: float
    """Share of rows that have padding (and something before it)."""

    @property
    def largest(self) -> float:
        return max((each for each in (self.appended, self.cut) if each == each), default=NAN)


def padding_reach(model: nn.Module, inputs: Tensor, padding: float = 0) -> PaddingReach:
    """Append further padding to rows that end in padding, and cut it off: neither should be noticed.

    Positions are those of axis 1, or of axis 2 where it alone ends in padding: (batch, features, length).
    """
    turned = padded_last(inputs, padding)
    inputs = inputs.transpose(1, 2) if turned else inputs
    if not sequences(inputs):
        return PaddingReach(NAN, NAN, (), NAN)
    real = real_positions(inputs, padding)
    counts = real.sum(dim=1)
    some = (counts > 0) & (counts < inputs.shape[1])
    share = float(some.float().mean())
    if not bool(some.any()):
        return PaddingReach(NAN, NAN, (), share)
    inputs, real, counts = inputs[some], real[some], counts[some]
    with evaluation(model) as given:
        answer = _turned(given) if turned else given
        plain = answer(inputs)
        longer = None if plain is None else answer(_extended(inputs, padding))
        shorter = None if plain is None else _cut_answers(answer, inputs, counts)
    accepts = tuple(n for n, each in (("appended", longer), ("cut", shorter)) if each is not None)
    if plain is None:
        return PaddingReach(NAN, NAN, accepts, share)
    appended, cut = (NAN if each is None else _atreal_positions(plain, each, real) for each in (longer, shorter))
    return PaddingReach(appended, cut, accepts, share)


def padding_in_loss(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, padding: float = 0) -> float:
    """Share of the loss's slope in the outputs that lies at padding; nan without padding or one output a position.

    0 where the targets of padding do not count (-100), about the share of padding where they do.
    """
    turned = inputs.transpose(1, 2) if padded_last(inputs, padding) else inputs
    if not sequences(turned):
        return NAN
    with undisturbed(model, "eval"), torch.no_grad():
        outputs = first_tensor(model(inputs.clone()))
    inputs = turned
    axes = [] if outputs is None else position_axes(outputs, inputs.shape[1])
    if outputs is None or not axes:
        return NAN
    with torch.enable_grad():
        outputs = outputs.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(outputs, targets), outputs)
    slope = slope.double().abs().movedim(axes[0], 1)
    real, total = real_positions(inputs, padding), float(slope.sum())
    return NAN if not total or bool(real.all()) else float(slope[~real].sum()) / total


def padded_last(inputs: Tensor, padding: float) -> bool:
    """Whether rows (batch, features, length) end in padding along axis 2, and none along axis 1."""
    if inputs.dim() != 3 or inputs.shape[2] < 2:
        return False
    return bool(real_positions(inputs, padding).all()) and not bool(
        real_positions(inputs.transpose(1, 2), padding).all()
    )


def _turned(answer: Answer) -> Answer:
    """The answer of a model of (batch, features, length) to (batch, length, features)."""
    return lambda inputs: answer(inputs.transpose(1, 2))


def _extended(inputs: Tensor, padding: float) -> Tensor:
    more = torch.full_like(inputs[:, : max(1, inputs.shape[1] // 2)], padding)
    return torch.cat([inputs, more], dim=1)


def _cut_answers(answer: Answer, inputs: Tensor, counts: Tensor) -> list[Tensor] | None:
    """One output a row (without the batch axis), each from its real positions only."""
    found: dict[int, Tensor] = {}
    for count in counts.unique().tolist():
        rows = (counts == count).nonzero().flatten()
        batch = inputs[rows, :count]
        outputs = answer(batch if len(rows) > 1 else batch.repeat_interleave(2, dim=0))  # squeeze() eats one row
        if outputs is None:
            return None
        found.update(zip(rows.tolist(), outputs, strict=False))
    return [found[row] for row in range(len(inputs))]


def _atreal_positions(plain: Tensor, others: Tensor | list[Tensor], real: Tensor) -> float:
    """Relative difference at the real positions, or of everything where outputs have no positions."""
    pooled = all(each.shape == plain.shape[1:] for each in others)
    if pooled:
        return relative(plain, torch.stack(list(others)))
    axes = position_axes(plain, real.shape[1])
    if not axes:
        return NAN
    mine, theirs = [], []
    for row, other, kept in zip(plain, others, real, strict=True):
        count = int(kept.sum())
        mine.append(row.movedim(axes[0] - 1, 0)[:count])
        theirs.append(other.movedim(axes[0] - 1, 0)[:count])
    return relative(torch.cat(mine), torch.cat(theirs))

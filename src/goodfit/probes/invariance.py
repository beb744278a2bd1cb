"""What a model's outputs do NOT depend on, or ought not to: order, padding, the other rows, the mode.

Differences of outputs are root mean squares relative to how much the outputs differ between rows: 0 is no
dependence, about 1 as much as another row would change. Where the outputs hardly depend on the row there is
nothing to compare with, and the answer is nan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.core.task import Batch, Loss
from goodfit.probes.undisturbed import Mode, first_tensor, undisturbed

NAN = float("nan")

FAINT = 1e-4
"""Outputs whose rows differ by less than this share of their size leave float32 too few digits to compare."""

SEED = 0
"""Of the permutations; they come from a generator of their own."""

View = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class OrderBlind:
    """Does the order along axis 1 matter? ``error`` is 0 for a model that cannot tell, nan where it was not asked."""

    sequence: bool
    error: float


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
    if not _sequences(inputs):
        return OrderBlind(sequence=False, error=NAN)
    real = _real(inputs, 0)
    index = _permutation(real)
    with _evaluation(model) as answer:
        plain, permuted = answer(inputs), answer(_along(inputs, index))
    if plain is None or permuted is None:
        return OrderBlind(sequence=True, error=NAN)
    errors = [_relative(plain, permuted)]
    for axis in _position_axes(plain, inputs.shape[1]):
        tokens = plain.movedim(axis, 1)
        errors.append(_relative(_along(tokens, index)[real], permuted.movedim(axis, 1)[real]))
    return OrderBlind(sequence=True, error=min((each for each in errors if each == each), default=NAN))


def padding_reach(model: nn.Module, inputs: Tensor, padding: float = 0) -> PaddingReach:
    """Append further padding to rows that end in padding, and cut it off: neither should be noticed."""
    if not _sequences(inputs):
        return PaddingReach(NAN, NAN, (), NAN)
    real = _real(inputs, padding)
    counts = real.sum(dim=1)
    some = (counts > 0) & (counts < inputs.shape[1])
    share = float(some.float().mean())
    if not bool(some.any()):
        return PaddingReach(NAN, NAN, (), share)
    inputs, real, counts = inputs[some], real[some], counts[some]
    with _evaluation(model) as answer:
        plain = answer(inputs)
        longer = None if plain is None else answer(_extended(inputs, padding))
        shorter = None if plain is None else _cut_answers(answer, inputs, counts)
    accepts = tuple(n for n, each in (("appended", longer), ("cut", shorter)) if each is not None)
    if plain is None:
        return PaddingReach(NAN, NAN, accepts, share)
    appended, cut = (NAN if each is None else _at_real(plain, each, real) for each in (longer, shorter))
    return PaddingReach(appended, cut, accepts, share)


def padding_in_loss(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, padding: float = 0) -> float:
    """Share of the loss's slope in the outputs that lies at padding; nan without padding or one output a position.

    0 where the targets of padding do not count (-100), about the share of padding where they do.
    """
    if not _sequences(inputs):
        return NAN
    with undisturbed(model, "eval"), torch.no_grad():
        outputs = first_tensor(model(inputs.clone()))
    axes = [] if outputs is None else _position_axes(outputs, inputs.shape[1])
    if outputs is None or not axes:
        return NAN
    with torch.enable_grad():
        outputs = outputs.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(outputs, targets), outputs)
    slope = slope.double().abs().movedim(axes[0], 1)
    real, total = _real(inputs, padding), float(slope.sum())
    return NAN if not total or bool(real.all()) else float(slope[~real].sum()) / total


def batch_coupled(model: nn.Module, inputs: Tensor) -> float:
    """In evaluation, how much a row's outputs change when fewer other rows are beside it; 0 for sound models.

    The last quarter of the rows (at least two) is asked again by itself: a recurrent layer that takes rows for steps
    carries the rows before into them. Nan with fewer than four rows, or when the model refuses the smaller batch.
    """
    few = max(2, len(inputs) // 4)
    if len(inputs) < 4:
        return NAN
    with _evaluation(model) as answer:
        together, apart = answer(inputs), answer(inputs[-few:])
    if together is None or apart is None or together.shape[1:] != apart.shape[1:] or len(apart) != few:
        return NAN
    scale = max(_spread(together), FAINT * _rms(together))
    difference = _rms(together[-few:] - apart)
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


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[Callable[[Tensor], Tensor | None]]:
    """The model in evaluation as ``inputs -> outputs``, None where it refuses them."""

    def answer(inputs: Tensor) -> Tensor | None:
        try:
            found = first_tensor(model(inputs.clone()))
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError):  # whatever a shape check may raise
            return None
        return None if found is None or found.dim() == 0 or len(found) != len(inputs) else found.double()

    with undisturbed(model, "eval"), torch.no_grad():
        yield answer


def _sequences(inputs: Tensor) -> bool:
    return inputs.dim() in (2, 3) and inputs.shape[1] > 1


def _real(inputs: Tensor, padding: float) -> Tensor:
    """(batch, length): False for the positions at a row's end that hold nothing but ``padding``.

    Everything is real where that value is an ordinary one: where rows end in it about as often as it stands before.
    """
    filled = _filled(inputs, padding)
    real = before_padding(inputs, padding)
    inside = real[:, 1:]  # a position whose successor is real cannot be padding
    ordinary = float((inside & ~filled[:, :-1]).sum()) / max(1.0, float(inside.sum()))
    ending = float((~real[:, -1]).float().mean())
    return real if ordinary < ending / 2 else torch.ones_like(real)


def before_padding(inputs: Tensor, padding: float) -> Tensor:
    """(batch, length): False for the positions at a row's end that hold nothing but ``padding``."""
    return _filled(inputs, padding).flip(1).cummax(dim=1).values.flip(1)


def _filled(inputs: Tensor, padding: float) -> Tensor:
    filled = inputs != padding
    return filled.any(dim=2) if filled.dim() == 3 else filled


def _permutation(real: Tensor) -> Tensor:
    """(batch, length): from where each position is filled; padding stays."""
    length = real.shape[1]
    keys = torch.rand(real.shape, generator=torch.Generator().manual_seed(SEED)).to(real.device)
    return torch.where(real, keys, 2.0 + torch.arange(length, device=real.device)).argsort(dim=1)


def _along(values: Tensor, index: Tensor) -> Tensor:
    """``values`` (batch, length, ...) with the positions of each row taken from ``index`` (batch, length)."""
    return values[torch.arange(len(values), device=values.device)[:, None], index]


def _position_axes(outputs: Tensor, length: int) -> list[int]:
    """Axes that may count positions, the last first: goodfit's outputs are (batch, classes, length)."""
    return [axis for axis in range(outputs.dim() - 1, 0, -1) if outputs.shape[axis] == length]


def _extended(inputs: Tensor, padding: float) -> Tensor:
    more = torch.full_like(inputs[:, : max(1, inputs.shape[1] // 2)], padding)
    return torch.cat([inputs, more], dim=1)


def _cut_answers(answer: Callable[[Tensor], Tensor | None], inputs: Tensor, counts: Tensor) -> list[Tensor] | None:
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


def _at_real(plain: Tensor, others: Tensor | list[Tensor], real: Tensor) -> float:
    """Relative difference at the real positions, or of everything where outputs have no positions."""
    pooled = all(each.shape == plain.shape[1:] for each in others)
    if pooled:
        return _relative(plain, torch.stack(list(others)))
    axes = _position_axes(plain, real.shape[1])
    if not axes:
        return NAN
    mine, theirs = [], []
    for row, other, kept in zip(plain, others, real, strict=True):
        count = int(kept.sum())
        mine.append(row.movedim(axes[0] - 1, 0)[:count])
        theirs.append(other.movedim(axes[0] - 1, 0)[:count])
    return _relative(torch.cat(mine), torch.cat(theirs))


def _relative(plain: Tensor, other: Tensor) -> float:
    """Root mean square of the difference over the spread of ``plain`` along axis 0."""
    if plain.shape != other.shape or not plain.numel():
        return NAN
    spread = _spread(plain)
    return _rms(plain - other) / spread if spread > FAINT * _rms(plain) else NAN


def _spread(values: Tensor) -> float:
    return _rms(values - values.mean(dim=0))


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())

"""What a loss does with outputs, found by trying it out: a person's own function has no name to go by."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from goodfit.core.runtime import preserved_rng
from goodfit.core.task import Loss

NAN = float("nan")
CLOSE = 1e-3
SAME = 1e-5
"""Relative difference of two sums of the same numbers in another order."""
SMALL = 0.1
"""Size of the outputs at which a slope is read: so small that targets and not outputs decide it."""
LEVELS = (-9.0, -3.0, 3.0, 9.0)
"""Outputs between which a loss with a sigmoid of its own always falls, and in the end hardly any more."""
FAR = (1e3, 1e4)
WITHIN_AND_BEYOND = ((0.3, 0.6), (2.0, 5.0), (-2.0, -5.0))
"""Pairs of outputs between 0 and 1, above, and below."""


@dataclass(frozen=True)
class LossShape:
    """How a loss behaves around outputs of the usual size."""

    shift_invariant: bool
    """Adding one number to all classes of a row changes nothing: it holds a softmax of its own."""
    logistic: bool
    """The loss of a 1 falls for ever as the output rises, ever less, and that of a 0 (or -1) as it sinks: it holds a
    sigmoid of its own."""
    refuses: bool
    """On outputs below 0 or above 1 it is no number, fails, or no longer depends on them: it wants probabilities."""
    unbounded: bool
    """Down its slope it falls in proportion to the outputs, without end: it was not meant for raw outputs."""
    alignment: float
    """Cosine between its downward slope and the direction in which outputs become right; negative leads astray."""
    broadcast: bool
    """Outputs and targets have different shapes that are silently stretched over each other."""


def loss_shape(loss: Loss, outputs: Tensor, targets: Tensor, direction: Tensor | None) -> LossShape:
    """Try ``loss`` on random outputs of the shape of ``outputs``; ``direction`` as in `alignment`, same shape."""
    tried = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0)).to(outputs.dtype)
    with preserved_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base, shifted, larger = (_value(loss, each, targets) for each in (tried, tried + 3.0, tried * 2))
        return LossShape(
            shift_invariant=_several(outputs) and _near(base, shifted) and not _near(base, larger),
            logistic=_logistic(loss, outputs, targets),
            refuses=not (math.isfinite(base) and math.isfinite(shifted)) or _cut_off(loss, tried, targets),
            unbounded=_unbounded(loss, tried, targets),
            alignment=NAN
            if direction is None
            else alignment(loss, _between(tried, direction, targets), targets, direction),
            broadcast=_stretched(loss, tried, targets),
        )


def alignment(loss: Loss, outputs: Tensor, targets: Tensor, direction: Tensor) -> float:
    """Mean over rows (or tokens) of the cosine between the loss's negative gradient and ``direction``.

    Rows are not weighted by their slopes, or class weights would look like a wrong direction; rows without one (beyond
    a margin, or padding) do not count.
    """
    slope = _slope(loss, outputs, targets)
    if slope is None:
        return NAN
    down, wanted = (each.double().reshape(*outputs.shape[:2], -1) for each in (-slope, direction))
    lengths = down.norm(dim=1) * wanted.norm(dim=1)
    cosines = (down * wanted).sum(dim=1)[lengths > 0] / lengths[lengths > 0]
    return float(cosines.mean()) if len(cosines) else NAN


def rightwards(outputs: Tensor, targets: Tensor) -> Tensor | None:
    """The direction in which classifier outputs become right: up for the true class, down for the others.

    ``targets`` are class numbers (rows,) or (rows, length), or 0/1, one an output; None otherwise. A row's
    direction over several classes sums to zero, so that its cosine does not depend on their number. Negative class
    numbers do not count.
    """
    bits = not _several(outputs) and int(targets.max()) <= 1
    if bits or targets.is_floating_point() or outputs.shape == targets.shape:
        if targets.numel() != outputs.numel():
            return None
        return (2 * (targets > 0).double() - 1).reshape(outputs.shape)
    if not _several(outputs) or int(targets.max()) >= outputs.shape[1]:
        return None
    classes = outputs.shape[1]
    hot = functional.one_hot(targets.clamp_min(0).long(), classes).double()
    counted = (targets >= 0).double().unsqueeze(1)
    return ((classes * hot - 1) / (classes - 1)).movedim(-1, 1) * counted


def _between(tried: Tensor, direction: Tensor, targets: Tensor) -> Tensor:
    """Small outputs; around 1/2 where each is to become a 0 or a 1 of its own (harmless for logits)."""
    own = bool((direction.abs() == 1).all()) and not bool((targets < 0).any())
    return SMALL * tried + (0.5 if own else 0.0)


def _cut_off(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """It depends on outputs between 0 and 1 alone, as one that clamps them before it takes a logarithm."""
    inside, above, below = (
        [_value(loss, torch.full_like(outputs, x), targets) for x in levels] for levels in WITHIN_AND_BEYOND
    )
    return not _near(*inside) and _near(*above) and _near(*below)


def _logistic(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    low = -1 if bool((targets == -1).any()) else 0
    ones = [_value(loss, torch.full_like(outputs, x), torch.ones_like(targets)) for x in LEVELS]
    lows = [_value(loss, torch.full_like(outputs, -x), torch.full_like(targets, low)) for x in LEVELS]
    return _levels_off(ones) and _levels_off(lows)


def _levels_off(values: Sequence[float]) -> bool:
    """Whether values always fall, and in the end hardly any more (a hinge stops falling, a square turns)."""
    falls = [before - after for before, after in pairwise(values)]
    return all(fall > 0 for fall in falls) and falls[-1] < falls[0] / 10


def _unbounded(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    slope = _slope(loss, outputs, targets)
    if slope is None or not slope.any():
        return False
    down = -slope / slope.square().mean().sqrt()
    near, far = (_value(loss, outputs + distance * down, targets) for distance in FAR)
    return far < 0 and far < 5 * near


def _stretched(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """A stretched loss sees every target with every output: moving targets about along an axis changes nothing,
    making them all alike does."""
    if outputs.shape == targets.shape or not targets.numel():
        return False
    base = _value(loss, outputs, targets)
    if _near(base, _value(loss, outputs, targets.flatten()[0].expand_as(targets))):
        return False
    return any(
        all(_near(base, _value(loss, outputs, moved), SAME) for moved in _moved(targets, axis))
        for axis in range(targets.ndim)
        if not targets.equal(targets.flip(axis))
    )


def _moved(targets: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(targets.shape[axis], generator=torch.Generator().manual_seed(0))
    return targets.flip(axis), targets.index_select(axis, order)


def _slope(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor | None:
    """The gradient in the outputs; None where there is none that is finite."""
    leaf = outputs.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(loss(leaf, targets), leaf)
    except Exception:  # a person's own function may raise anything
        return None
    return slope if bool(slope.isfinite().all()) else None


def _value(loss: Loss, outputs: Tensor, targets: Tensor) -> float:
    try:
        with torch.no_grad():
            return float(loss(outputs, targets))
    except Exception:  # a person's own function may raise anything
        return NAN


def _near(a: float, b: float, close: float = CLOSE) -> bool:
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= close * max(1e-3, abs(a), abs(b))


def _several(outputs: Tensor) -> bool:
    return outputs.ndim > 1 and outputs.shape[1] > 1

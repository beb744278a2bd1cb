"""What a loss does with outputs, found by trying it out: a person's own function has no name to go by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from goodfit.core.task import IGNORED, Loss

NAN = float("nan")
CLOSE = 1e-3


@dataclass(frozen=True)
class LossShape:
    """How a loss behaves around outputs of the usual size."""

    shift_invariant: bool
    """Adding one number to all classes of a row changes nothing: it holds a softmax of its own."""
    logistic: bool
    """The losses of a 1 and a 0 at output x differ by -x: it holds a sigmoid of its own."""
    refuses: bool
    """It is no number, or fails, on outputs below 0 or above 1: it wants probabilities."""
    unbounded: bool
    """It falls in proportion to the outputs, without end: it was not meant for raw outputs."""
    alignment: float
    """Cosine between its downward slope and the direction in which outputs become right; negative leads astray."""
    broadcast: bool
    """Outputs and targets have different shapes that are silently stretched over each other."""


def loss_shape(loss: Loss, outputs: Tensor, targets: Tensor, direction: Tensor | None) -> LossShape:
    """Try ``loss`` on random outputs of the shape of ``outputs``; ``direction`` as in `alignment`, same shape."""
    random = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0))
    base = _value(loss, random, targets)
    several = outputs.ndim > 1 and outputs.shape[1] > 1
    shifted = _value(loss, random + 3.0, targets)
    larger = [_value(loss, random * factor, targets) for factor in (1e3, 1e4)]
    return LossShape(
        shift_invariant=several and _near(base, shifted) and not _near(base, _value(loss, random * 2, targets)),
        logistic=_logistic(loss, outputs, targets),
        refuses=math.isnan(base) or math.isnan(shifted),
        unbounded=larger[1] < 0 and larger[1] < 5 * larger[0],
        alignment=NAN if direction is None else alignment(loss, random, targets, direction),
        broadcast=(outputs.numel() != targets.numel()
        and _real(targets)
        and not several
        and _same_rows(outputs, targets))
        or (
            outputs.shape != targets.shape
            and _real(targets)
            and outputs.numel() == targets.numel()
            and outputs.ndim > 1
        ),
    )


def alignment(loss: Loss, outputs: Tensor, targets: Tensor, direction: Tensor) -> float:
    """Cosine between the loss's negative gradient in ``outputs`` and ``direction``, over all rows."""
    leaf = outputs.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(loss(leaf, targets), leaf)
    except (RuntimeError, ValueError, IndexError):
        return NAN
    down, wanted = -slope.flatten().double(), direction.flatten().double()
    length = float(down.norm() * wanted.norm())
    return float(down @ wanted) / length if length else NAN


def rightwards(outputs: Tensor, targets: Tensor) -> Tensor | None:
    """The direction in which classifier outputs become right: up for the true class, down for the others.

    ``targets`` are class numbers (rows,) or (rows, length), or 0/1 of the outputs' own shape; None otherwise.
    """
    if targets.is_floating_point() or outputs.shape == targets.shape:
        if targets.numel() != outputs.numel():
            return None
        return (2 * (targets > 0).double() - 1).reshape(outputs.shape)
    if outputs.ndim < 2 or outputs.shape[1] < 2:
        return None
    counted = (targets != IGNORED).double()
    known = torch.where(targets == IGNORED, torch.zeros_like(targets), targets)
    if int(known.max()) >= outputs.shape[1]:
        return None
    hot = torch.nn.functional.one_hot(known, outputs.shape[1]).double()
    return (2 * hot - 1).movedim(-1, 1) * counted.unsqueeze(1)


def _logistic(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    if not _real(targets) or outputs.shape != targets.shape:
        return False
    for x in (2.0, -1.5):
        level = torch.full_like(outputs, x)
        ones, zeros = (_value(loss, level, torch.full_like(targets, y)) for y in (1.0, 0.0))
        ratio = (ones - zeros) / -x
        if not (math.isfinite(ratio) and ratio > 0):
            return False
        if x > 0:
            first = ratio
        elif not abs(ratio - first) < CLOSE * first:
            return False
    half = [_value(loss, torch.full_like(outputs, x), torch.full_like(targets, 0.5)) for x in (0.0, 8.0)]
    return abs(ones) < math.inf and half[1] > half[0] and not _square(loss, outputs, targets)


def _square(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """A squared error also differs by a multiple of x between two targets; only it is zero at its own target."""
    same = _value(loss, torch.zeros_like(outputs), torch.zeros_like(targets))
    return abs(same) < CLOSE


def _value(loss: Loss, outputs: Tensor, targets: Tensor) -> float:
    try:
        with torch.no_grad():
            return float(loss(outputs, targets))
    except (RuntimeError, ValueError, IndexError):
        return NAN


def _near(a: float, b: float) -> bool:
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= CLOSE * max(1e-3, abs(a), abs(b))


def _real(targets: Tensor) -> bool:
    return targets.is_floating_point()


def _same_rows(outputs: Tensor, targets: Tensor) -> bool:
    return len(outputs) == len(targets)

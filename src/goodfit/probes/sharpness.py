"""How much the loss can rise, and rises on average, when the weights move a little.

Worst case: Keskar et al. 2017, "On large-batch training for deep learning"; Foret et al. 2021, "Sharpness-aware
minimization" (SAM); Kwon et al. 2021, "ASAM: adaptive sharpness-aware minimization". Average case: Andriushchenko et
al. 2023, "A modern look at the relationship between sharpness and generalization".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError, TrainingError
from goodfit.core.task import Batch, Loss
from goodfit.probes.loss_surface import listed, loss_level
from goodfit.probes.pieces import Pieces, pieces
from goodfit.probes.undisturbed import Mode, undisturbed
from goodfit.probes.weights import filter_norms, flattened, move, shaped, trained

Ball = Literal["adaptive", "filter", "euclidean", "box"]
"""What "a little" means for a step e. ``euclidean`` (SAM): |e| <= radius. ``adaptive`` (ASAM, element-wise): |e / |w||
<= radius. ``filter`` (ASAM, filter-wise): the same with the norm of each weight's filter for |w|, biases as before.
``box`` (Keskar et al. 2017): every entry of |e| / (|w| + 1) <= radius."""

RADII: Mapping[Ball, float] = {"adaptive": 0.5, "filter": 0.05, "euclidean": 0.05, "box": 1e-3}
"""Defaults: of the papers (ASAM section 5, SAM section 3, Keskar section 2.2.2); that of ``filter`` is our own."""

ENOUGH = 1e-3
"""A step of the ascent that adds less than this share of the rise is the last."""


@dataclass(frozen=True)
class Sharpness:
    """The loss around the weights as they stand. All rises are in units of the loss."""

    ball: Ball
    radius: float
    loss: float
    rise: float
    """Greatest rise found within the ball: the true one is not smaller. Inf where the loss overflows there."""
    first_order: float
    """What the gradient alone foretells: radius times its norm in the ball's own measure. Zero at a critical point."""
    average: float
    """Mean rise under Gaussian steps about as long as the radius (in the box: with it as standard deviation)."""
    average_error: float
    """Standard error of ``average`` over the pairs of opposite steps."""
    gradients: int
    """Gradients over all batches that were spent."""
    forwards: int
    """Forward passes over all batches that were spent besides."""

    @property
    def relative(self) -> float:
        """The rise in per cent of 1 + loss, as Keskar et al. 2017 report it."""
        return 100 * self.rise / (1 + self.loss)


def sharpness(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    *,
    ball: Ball = "adaptive",
    radius: float | None = None,
    steps: int = 10,
    pairs: int = 16,
    mode: Mode = "no dropout",
    seed: int = 0,
) -> Sharpness:
    """Worst-case and average-case sharpness of the loss of all rows of ``batches``.

    The worst case is sought by ``steps`` steps of the ascent that goes to the point of the ball that the gradient
    points to: its first step is that of SAM, and on a convex loss no step goes down (Journee et al. 2010, "Generalized
    power method"). Costs at most ``steps + 1`` gradients and ``2 * pairs`` forward passes over all batches.

    Raises:
        SettingsError: no batch, an unknown ball, a radius that is not positive, fewer than 1 step or 2 pairs.
        TrainingError: the loss or its gradient is not finite at the weights as they stand.
    """
    size = _radius(ball, radius, steps, pairs)
    around = _around(pieces(model, loss, listed(batches), mode, seed), ball, size)
    with undisturbed(model, mode):
        level, slope = _start(around)
        rises = _climb(around, slope, level, steps)
        average, error = _mean(_random_rises(around, level, pairs))
    return Sharpness(
        ball=ball,
        radius=size,
        loss=level,
        rise=max(0.0, *rises),
        first_order=size * float(torch.linalg.vector_norm(slope, ord=1 if ball == "box" else 2)),
        average=average,
        average_error=error,
        gradients=1 + len(rises),
        forwards=2 * pairs,
    )


@dataclass(frozen=True, eq=False)
class _Around:
    """The loss near one point, in coordinates in which the ball is round (or a cube) and ``radius`` wide."""

    source: Pieces
    parameters: Sequence[nn.Parameter]
    origin: Sequence[Tensor]
    scale: Tensor
    """(parameters,), float64: how far each weight moves for one unit of its coordinate"""
    ball: Ball
    radius: float

    def level(self, step: Tensor) -> float:
        """The loss at ``step`` (parameters,) from the origin."""
        self._stand(step)
        with torch.no_grad():
            return loss_level(self.source)

    def slope(self, step: Tensor) -> tuple[float, Tensor]:
        """The loss there and its gradient in these coordinates; one batch's graph is held at a time."""
        self._stand(step)
        sizes = [each.numel() for each in self.parameters]
        level, total = 0.0, torch.zeros_like(self.scale)
        with torch.enable_grad():
            for value in self.source.losses():
                level += float(value.detach())
                for part, slope in zip(total.split(sizes), _gradients(value, self.parameters), strict=True):
                    if slope is not None:
                        part += slope.to_dense().flatten().to(part)
        return level, total * self.scale

    def furthest(self, slope: Tensor) -> Tensor:
        """The point of the ball furthest along ``slope``; in a random direction where there is no slope."""
        if not bool(slope.any()):
            slope = self.drawn(torch.Generator().manual_seed(self.source.seed)) * (self.scale > 0)
        if self.ball == "box":
            return self.radius * slope.sign()
        return slope * (self.radius / max(float(torch.linalg.vector_norm(slope)), 1e-300))

    def drawn(self, generator: torch.Generator) -> Tensor:
        """(parameters,): standard normal."""
        values = torch.randn(len(self.scale), generator=generator, dtype=torch.float64)
        return values.to(self.scale.device)

    def _stand(self, step: Tensor) -> None:
        move(self.parameters, self.origin, shaped(step * self.scale, self.parameters), 1.0)


def _gradients(value: Tensor, parameters: Sequence[nn.Parameter]) -> Sequence[Tensor | None]:
    if not value.requires_grad:
        return [None] * len(parameters)
    return torch.autograd.grad(value, parameters, allow_unused=True)


def _around(source: Pieces, ball: Ball, radius: float) -> _Around:
    parameters = tuple(trained(source.model).values())
    origin = tuple(each.detach().clone() for each in parameters)
    return _Around(source, parameters, origin, _scale(source.model, ball), ball, radius)


def _start(around: _Around) -> tuple[float, Tensor]:
    """Loss and slope at the weights as they stand."""
    level, slope = around.slope(torch.zeros_like(around.scale))
    if not (math.isfinite(level) and bool(slope.isfinite().all())):
        problem = f"The loss ({level:g}) or its gradient is not finite"
        raise TrainingError(problem, "Measure before the training diverges.")
    return level, slope


def _climb(around: _Around, slope: Tensor, level: float, steps: int) -> list[float]:
    """The rise at each point of the ascent; nan, from an overflow, is read as inf."""
    rises: list[float] = []
    for _ in range(steps):
        found, slope = around.slope(around.furthest(slope))
        rises.append(math.inf if math.isnan(found) else found - level)
        settled = len(rises) > 1 and rises[-1] - max(rises[:-1]) <= ENOUGH * abs(rises[-1])
        if settled or not bool(slope.isfinite().all()):
            break
    return rises


def _random_rises(around: _Around, level: float, pairs: int) -> list[float]:
    """Mean rise of each pair of opposite steps: the gradient's part cancels within the pair."""
    generator = torch.Generator().manual_seed(around.source.seed)
    moved = max(1, int((around.scale > 0).sum()))
    deviation = around.radius if around.ball == "box" else around.radius / math.sqrt(moved)
    rises = []
    for _ in range(pairs):
        step = deviation * around.drawn(generator)
        rises.append((around.level(step) + around.level(-step)) / 2 - level)
    return rises


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error; inf both where a value overflowed."""
    if not np.isfinite(values).all():
        return math.inf, math.inf
    return float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _scale(model: nn.Module, ball: Ball) -> Tensor:
    """(parameters,): what one unit of the ball is for each weight, in float64."""
    parameters = trained(model).values()
    if ball == "euclidean":
        parts = [torch.ones_like(each) for each in parameters]
    elif ball == "filter":
        pairs = zip(parameters, filter_norms(model), strict=True)
        parts = [each.detach().abs() if norms is None else norms.expand(each.shape) for each, norms in pairs]
    else:
        parts = [each.detach().abs() + (1.0 if ball == "box" else 0.0) for each in parameters]
    return flattened(parts).double()


def _radius(ball: Ball, radius: float | None, steps: int, pairs: int) -> float:
    if ball not in RADII:
        raise SettingsError(f"There is no ball {ball!r}", f"Known: {', '.join(RADII)}.")
    size = RADII[ball] if radius is None else radius
    if not (math.isfinite(size) and size > 0):
        raise SettingsError(f"The radius must be a positive number, and is {size}")
    if steps < 1 or pairs < 2:
        raise SettingsError(f"Sharpness needs at least 1 step and 2 pairs, and got {steps} and {pairs}")
    return size

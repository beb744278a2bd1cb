"""What a critical point is judged by: how small the gradient is, what curves down, and what a step along it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.core.task import Batch, Loss
from goodfit.probes.hessian import Hessian
from goodfit.probes.lanczos import Lanczos, Ritz, lanczos, quotient
from goodfit.probes.pieces import Pieces, measuring, pieces
from goodfit.probes.spectrum import random_vector
from goodfit.probes.undisturbed import Mode, trainable

SMALL_TO_FRESH = 0.1
"""Gradient, relative to that at freshly drawn weights, above which a point is not critical. Noise of the steps keeps
the output biases of a stuck network moving, so the gradient of a trained one is never quite zero."""

SMALL_TO_LOSS = 0.5
"""Share of the loss that a step as long as a fresh weight vector would change to first order, likewise."""

RESPONSE = 1e-6
"""A weight whose entry of a product is below this share of the largest has no part in the curvature."""

FLAT = 0.5
"""Share of the weights that take part in the curvature below which a point without a way down is a plateau."""

DRAWS = 3
"""Fresh weight vectors the gradient is compared with."""

ROUNDINGS = 100.0
"""A negative quotient nearer to zero than so many roundings of the largest magnitude proves nothing: products of
networks in float32 were off by up to ten."""

SEEN = 10.0
"""Nor one nearer than so many times the rounding that was seen in its own run."""


@dataclass(frozen=True)
class Scale:
    """How small a gradient is. Both have no unit."""

    to_fresh: float
    """Relative to the mean gradient norm of the same model with freshly drawn weights."""
    to_loss: float
    """Times the norm of fresh weights, relative to the loss: what such a step would change, to first order."""

    @property
    def small(self) -> bool:
        return self.to_fresh <= SMALL_TO_FRESH and self.to_loss <= SMALL_TO_LOSS


@dataclass(frozen=True)
class Fresh:
    """The same model with freshly drawn weights: mean norms of the gradient and of the weights."""

    gradient: float
    weights: float

    def scale(self, gradient_norm: float, loss: float) -> Scale:
        return Scale(_ratio(gradient_norm, self.gradient), _ratio(gradient_norm * self.weights, abs(loss)))


@dataclass(frozen=True)
class Escape:
    """The lowest loss along both senses of a direction; ``step`` is its signed length, 0 if none was lower."""

    before: float
    loss: float
    step: float

    @property
    def gain(self) -> float:
        """Share of the loss that is lost by the step."""
        return (self.before - self.loss) / abs(self.before) if self.before else 0.0


@dataclass(frozen=True, eq=False)
class Descent:
    """The lowest curvature found. ``proven``: it is below zero by more than rounding, by a product of its own."""

    value: float
    """v'Hv of `vector`: no eigenvalue need be there, but the smallest is not above it."""
    residual: float
    vector: Tensor
    """(parameters,), unit length"""
    proven: bool
    precise: bool
    """The proof took float64."""
    unseen: float
    """Curvature down by less than this would not have been told from none."""
    products: int
    run: Lanczos


def fresh(model: nn.Module, loss: Loss, batches: Iterable[Batch], *, mode: Mode = "no dropout", seed: int = 0) -> Fresh:
    """Call it before the Hessian is made: it writes weights, for a moment."""
    parameters = list(trainable(model).values())
    source = pieces(model, loss, batches, mode, seed)
    norms, lengths = [], []
    with measuring(model, mode):
        for draw in range(DRAWS):
            torch.manual_seed(seed + draw)
            _draw(model)
            norms.append(_slope(source, parameters))
            lengths.append(_length(parameters))
    known = [each for each in norms if math.isfinite(each)]
    return Fresh(float(np.mean(known)) if known else 0.0, float(np.mean(lengths)))


def descent(
    operator: Hessian,
    *,
    products: int = 40,
    settled: float = math.inf,
    seed: int = 0,
    precise: Callable[[], Hessian | None] | None = None,
) -> Descent:
    """Look for a direction that curves down, and stop at the first that is proven to.

    A vector with v'Hv < 0 is a proof, converged or not. Where the operator's own precision leaves doubt, ``precise``
    gives the same operator in float64. With ``settled`` the search goes on until the residual is below that share of
    the value, for a direction that is nearly the steepest.
    """

    def enough(ritz: Ritz) -> bool:
        value = float(ritz.values[0])
        return value < -_doubt(operator, ritz) and float(ritz.residuals[0]) <= settled * -value

    run = lanczos(operator, random_vector(operator, seed), products, enough)
    if not run.finite:
        nan = float("nan")
        return Descent(nan, nan, torch.zeros_like(run.basis[0]), False, False, nan, run.products, run)
    vector, made, doubt = run.vector(0), run.products, _doubt(operator, run.ritz)
    value, residual = float(run.ritz.values[0]), float(run.ritz.residuals[0])
    if value < 0:
        again, residual = quotient(operator, vector)
        doubt = max(doubt, SEEN * abs(again - value))
        value, made = again, made + 1
    proven, exact = value < -doubt, False
    if value < 0 and not proven and precise is not None and (twin := precise()) is not None:
        closer, within = quotient(twin, vector.double())
        made += 1
        if abs(closer - value) <= doubt:  # else the copy does not compute the same
            value, residual, exact = closer, within, True
            proven = value < -ROUNDINGS * _rounding(twin) * run.ritz.scale
    unseen = max(residual, doubt, -value)
    return Descent(value, residual, vector, proven, proven and exact, unseen, made, run)


def escape(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    vector: Tensor,
    radii: Sequence[float],
    *,
    mode: Mode = "no dropout",
    seed: int = 0,
) -> Escape:
    """The lowest loss at ``radii`` along plus and minus ``vector`` (parameters,), which is taken at unit length."""
    parameters = list(trainable(model).values())
    start = [each.detach().clone() for each in parameters]
    parts = (vector / torch.linalg.vector_norm(vector)).split([each.numel() for each in parameters])
    source = pieces(model, loss, batches, mode, seed)
    steps = [0.0, *(sign * radius for radius in radii for sign in (1.0, -1.0))]
    losses = []
    with measuring(model, mode), torch.no_grad():
        for step in steps:
            for parameter, origin, part in zip(parameters, start, parts, strict=True):
                parameter.copy_(origin + step * part.view_as(origin).to(origin.dtype))
            losses.append(sum(float(each) for each in source.losses()))
    best = min((each for each in range(len(steps)) if math.isfinite(losses[each])), key=losses.__getitem__, default=0)
    return Escape(losses[0], losses[best], steps[best])


def responsive(operator: Hessian, seed: int) -> float:
    """Share of the weights that take part in the curvature: a random vector reaches every row that is not zero."""
    image = operator(random_vector(operator, seed + 1)).abs()
    highest = float(image.max()) if len(image) else 0.0
    return float((image > RESPONSE * highest).double().mean()) if highest else 0.0


def length(vector: Tensor) -> float:
    return float(torch.linalg.vector_norm(vector.detach().double()))


def _doubt(operator: Hessian, ritz: Ritz) -> float:
    return max(ROUNDINGS * _rounding(operator) * ritz.scale, SEEN * ritz.noise)


def _rounding(operator: Hessian) -> float:
    return torch.finfo(operator.gradient.dtype).eps


def _slope(source: Pieces, parameters: Sequence[nn.Parameter]) -> float:
    """Norm of the gradient."""
    total = [torch.zeros_like(each) for each in parameters]
    for value in source.losses():
        if value.requires_grad and parameters:
            found = torch.autograd.grad(value, parameters, allow_unused=True)
            for part, slope in zip(total, found, strict=True):
                if slope is not None:
                    part += slope.to_dense()
    return _length(total)


@torch.no_grad()
def _draw(model: nn.Module) -> None:
    """Fresh weights of unit gain: normal with variance 1 / fan-in (LeCun et al. 1998), biases zero, gains kept."""
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.dim() > 1:
            parameter.normal_(std=1 / math.sqrt(max(1, parameter[0].numel())))
        elif "bias" in name.rpartition(".")[2]:
            parameter.zero_()


def _length(tensors: Sequence[Tensor]) -> float:
    return math.hypot(*map(length, tensors))


def _ratio(part: float, whole: float) -> float:
    return 0.0 if part == 0 else part / whole if whole else math.inf

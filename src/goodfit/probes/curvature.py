"""Is this a critical point, and of what kind? Judged by gradient, extreme eigenvalues, and a step along one of them.

The loss is by default that of training without dropout's noise: batch statistics, no units dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.core.task import Loss
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.lanczos import extremes
from goodfit.probes.undisturbed import Mode, trainable, undisturbed

Kind = Literal["not critical", "saddle", "flat", "no negative direction found"]

SMALL_TO_FRESH = 0.1
"""Gradient, relative to that at freshly drawn weights, above which a point is not critical. Noise of the steps keeps
the output biases of a stuck network moving, so the gradient of a trained one is never quite zero."""

SMALL_TO_LOSS = 0.5
"""Share of the loss that a step as long as a fresh weight vector would change to first order, likewise."""

NEGATIVE = 1e-3
"""A smallest eigenvalue nearer to zero than this share of the largest magnitude may be float32's rounding."""

RESPONSE = 1e-6
"""A weight whose entry of a product is below this share of the largest has no part in the curvature."""

DRAWS = 3
"""Fresh weight vectors the gradient is compared with."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Both ends of the Hessian's spectrum; see `goodfit.probes.lanczos.Extremes` for what is proven."""

    smallest: float
    largest: float
    residual_smallest: float
    residual_largest: float
    vector_smallest: Tensor
    """(parameters,), unit length, flattened in the order of the model's trainable parameters"""
    products: int

    @property
    def negative(self) -> bool:
        """There is a direction of negative curvature beyond rounding: its Rayleigh quotient proves it."""
        return self.smallest < -NEGATIVE * max(abs(self.smallest), abs(self.largest))


@dataclass(frozen=True)
class Scale:
    """How small a gradient is. Both have no unit."""

    to_fresh: float
    """Relative to the mean gradient norm of the same model with freshly drawn weights."""
    to_loss: float
    """Times the norm of fresh weights, relative to the loss: what such a step would change, to first order."""


@dataclass(frozen=True, eq=False)
class Critical:
    """What kind of point the weights are at. ``smallest`` and ``residual`` are nan where it was not asked."""

    gradient_norm: float
    scale: Scale
    kind: Kind
    smallest: float
    residual: float
    responsive: float
    """Share of the weights that take part in the curvature at all."""
    spectrum: Spectrum | None
    sentence: str


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


def extreme_eigenvalues(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    *,
    products: int = 40,
    seed: int = 0,
    mode: Mode = "no dropout",
) -> Spectrum:
    """Smallest and largest eigenvalue of the loss's Hessian, from at most ``products`` (3 or more) products.

    Raises:
        SettingsError: for fewer than three products.
    """
    return _spectrum(hessian(model, loss, [(inputs, targets)], mode=mode, seed=seed), products, seed)


def critical_point(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    *,
    products: int = 40,
    seed: int = 0,
    mode: Mode = "no dropout",
) -> Critical:
    """Judge the point: no Hessian is asked where the gradient is not small.

    Pass as many rows as can be afforded: the gradient of a small batch is mostly that batch's noise.
    ``saddle`` is proven by a vector of negative curvature. ``flat``: none was found and fewer than half of the
    weights take part in the curvature (dead units, products of zeros). A minimum can never be proven in this way,
    and trained networks mostly have some negative curvature: whether a saddle matters, `escape` says.
    """
    fresh, length = _fresh(model, loss, inputs, targets, mode, seed)  # first: it writes weights, for a moment
    operator = hessian(model, loss, [(inputs, targets)], mode=mode, seed=seed)
    norm = float(torch.linalg.vector_norm(operator.gradient.double()))
    scale = Scale(_ratio(norm, fresh), _ratio(norm * length, abs(operator.loss)))
    if not (scale.to_fresh <= SMALL_TO_FRESH and scale.to_loss <= SMALL_TO_LOSS):
        nan = float("nan")
        return Critical(norm, scale, "not critical", nan, nan, nan, None, _sentence("not critical", scale, None, nan))
    spectrum = _spectrum(operator, products, seed)
    responsive = _responsive(operator, seed)
    kind: Kind = "saddle" if spectrum.negative else "flat" if responsive < 0.5 else "no negative direction found"
    return Critical(
        gradient_norm=norm,
        scale=scale,
        kind=kind,
        smallest=spectrum.smallest,
        residual=spectrum.residual_smallest,
        responsive=responsive,
        spectrum=spectrum,
        sentence=_sentence(kind, scale, spectrum, responsive),
    )


def escape(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
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
    steps = [0.0, *(sign * radius for radius in radii for sign in (1.0, -1.0))]
    losses = []
    with undisturbed(model, mode), torch.no_grad():
        for step in steps:
            for parameter, origin, part in zip(parameters, start, parts, strict=True):
                parameter.copy_(origin + step * part.view_as(origin).to(origin.dtype))
            torch.manual_seed(seed)
            losses.append(float(loss(model(inputs.clone()), targets)))
    best = min((each for each in range(len(steps)) if math.isfinite(losses[each])), key=losses.__getitem__, default=0)
    return Escape(losses[0], losses[best], steps[best])


def _spectrum(operator: Hessian, products: int, seed: int) -> Spectrum:
    if products < 3:
        raise SettingsError(f"Extreme eigenvalues need at least 3 products, and {products} were allowed")
    found = extremes(operator, _random(operator, seed), products)
    return Spectrum(
        found.smallest,
        found.largest,
        found.residual_smallest,
        found.residual_largest,
        found.vector_smallest,
        found.products,
    )


def _random(operator: Hessian, seed: int) -> Tensor:
    values = torch.randn(len(operator.gradient), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(operator.gradient)


def _responsive(operator: Hessian, seed: int) -> float:
    """A random vector reaches every row of the Hessian that is not zero."""
    image = operator(_random(operator, seed + 1)).abs()
    largest = float(image.max()) if len(image) else 0.0
    return float((image > RESPONSE * largest).double().mean()) if largest else 0.0


def _fresh(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, mode: Mode, seed: int) -> tuple[float, float]:
    """Mean norm of the gradient at freshly drawn weights, and mean norm of these weights."""
    parameters = list(trainable(model).values())
    norms, lengths = [], []
    with undisturbed(model, mode), torch.enable_grad():
        torch.manual_seed(seed)
        for _ in range(DRAWS):
            _draw(model)
            value = loss(model(inputs.clone()), targets)
            slopes = torch.autograd.grad(value, parameters, allow_unused=True) if value.requires_grad else ()
            norms.append(_length([each.to_dense() for each in slopes if each is not None]))
            lengths.append(_length(parameters))
    known = [each for each in norms if math.isfinite(each)]
    return (float(np.mean(known)) if known else 0.0), float(np.mean(lengths))


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
    return math.hypot(*(float(torch.linalg.vector_norm(each.detach().double())) for each in tensors))


def _ratio(part: float, whole: float) -> float:
    return 0.0 if part == 0 else part / whole if whole else math.inf


def _sentence(kind: Kind, scale: Scale, spectrum: Spectrum | None, responsive: float) -> str:
    size = f"The gradient is {scale.to_fresh:.2g} of that at fresh weights"
    if spectrum is None:
        change = f"a step as long as fresh weights would change the loss by {scale.to_loss:.2g} of itself"
        return f"{size}, and {change}: the loss still has a slope here, so this is no critical point."
    if kind == "saddle":
        return f"{size}, and one direction curves down ({spectrum.smallest:.2g}): this is a saddle."
    if kind == "flat":
        return f"{size}, and the loss curves along only {responsive:.0%} of the weights: this is a plateau."
    limit = max(spectrum.residual_smallest, NEGATIVE * abs(spectrum.largest), -spectrum.smallest)
    return f"{size}; no direction that curves down by more than {limit:.2g} was found in {spectrum.products} products."

"""Is this a critical point, and of what kind? Judged by gradient, extreme eigenvalues, and a step along one of them.

The loss is by default that of training without dropout's noise: batch statistics, no units dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.core.task import Loss
from goodfit.probes import critical
from goodfit.probes.critical import FLAT, fresh, length, responsive
from goodfit.probes.critical import Escape as Escape
from goodfit.probes.critical import Scale as Scale
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.lanczos import extremes
from goodfit.probes.spectrum import random_vector
from goodfit.probes.undisturbed import Mode

Kind = Literal["not critical", "saddle", "flat", "no negative direction found"]

NEGATIVE = 1e-3
"""A smallest eigenvalue nearer to zero than this share of the largest magnitude bends the loss too little to matter."""


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
    compared = fresh(model, loss, [(inputs, targets)], mode=mode, seed=seed)
    operator = hessian(model, loss, [(inputs, targets)], mode=mode, seed=seed)
    norm = length(operator.gradient)
    scale = compared.scale(norm, operator.loss)
    if not scale.small:
        nan = float("nan")
        return Critical(norm, scale, "not critical", nan, nan, nan, None, told(scale))
    spectrum = _spectrum(operator, products, seed)
    share = responsive(operator, seed)
    kind: Kind = "saddle" if spectrum.negative else "flat" if share < FLAT else "no negative direction found"
    return Critical(
        gradient_norm=norm,
        scale=scale,
        kind=kind,
        smallest=spectrum.smallest,
        residual=spectrum.residual_smallest,
        responsive=share,
        spectrum=spectrum,
        sentence=_sentence(kind, scale, spectrum, share),
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
    """`goodfit.probes.critical.escape` on one batch."""
    return critical.escape(model, loss, [(inputs, targets)], vector, radii, mode=mode, seed=seed)


def _spectrum(operator: Hessian, products: int, seed: int) -> Spectrum:
    if products < 3:
        raise SettingsError(f"Extreme eigenvalues need at least 3 products, and {products} were allowed")
    found = extremes(operator, random_vector(operator, seed), products)
    return Spectrum(
        found.smallest,
        found.largest,
        found.residual_smallest,
        found.residual_largest,
        found.vector_smallest,
        found.products,
    )


def told(scale: Scale) -> str:
    """How small the gradient is, and for one that is not what that means."""
    if not math.isfinite(scale.to_fresh):
        return "The gradient is no number here: the run has left every point that could be examined."
    size = f"The gradient is {scale.to_fresh:.2g} of that at fresh weights"
    if scale.small:
        return size
    change = f"a step as long as fresh weights would change the loss by {scale.to_loss:.2g} of itself"
    return f"{size}, and {change}: the loss still has a slope here, so this is no critical point."


def _sentence(kind: Kind, scale: Scale, spectrum: Spectrum, share: float) -> str:
    size = told(scale)
    if kind == "saddle":
        return f"{size}, and one direction curves down ({spectrum.smallest:.2g}): this is a saddle."
    if kind == "flat":
        return f"{size}, and the loss curves along only {share:.0%} of the weights: this is a plateau."
    limit = max(spectrum.residual_smallest, NEGATIVE * abs(spectrum.largest), -spectrum.smallest)
    return f"{size}; no direction that curves down by more than {limit:.2g} was found in {spectrum.products} products."

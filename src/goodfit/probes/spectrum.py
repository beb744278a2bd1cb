"""The eigenvalues of an operator as a whole: density, signs, condition number, the largest ones.

Stochastic Lanczos quadrature: Lin, Saad and Yang 2016, "Approximating Spectral Densities of Large Matrices"; Ubaru,
Chen and Saad 2017. A run from a random vector is a draw: its Ritz values are nodes, and the squared first entries of
their vectors are weights of a quadrature of the density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm, t
from torch import Tensor

from goodfit.core.errors import SettingsError
from goodfit.probes.hessian import Hessian
from goodfit.probes.lanczos import Floats, Lanczos, lanczos, largest_within

WIDTH = 0.01
"""Of the kernel, as a share of the spectrum's range: finer than what a few dozen steps tell apart is not shown."""
MARGIN = 0.05
"""Of the range, shown beyond each end."""

NEAR_ZERO = 1e-3
"""Share of the largest magnitude within which a Ritz value has no sign: it stands for a bulk around zero."""
ROUNDING = 1e-9
"""The same for eigenvalues of a matrix in float64."""

SURE = 0.975
"""Quantile of Student's distribution for intervals of 95 %."""


@dataclass(frozen=True, eq=False)
class Density:
    """How eigenvalues are spread, smoothed by a Gaussian; integrates to one."""

    points: Floats
    """(points,) ascending"""
    values: Floats
    """(points,) share of the eigenvalues per unit"""
    errors: Floats
    """(points,) standard error from the spread of the draws; nan with one draw"""
    width: float
    """Standard deviation of the kernel"""
    draws: int


@dataclass(frozen=True)
class Signs:
    """Shares of the eigenvalues, which sum to one; ``margin`` is half the 95 % interval of each of the outer two."""

    positive: float
    negative: float
    tolerance: float
    """Eigenvalues nearer to zero count as zero."""
    margin: float
    """nan with one draw; 0 where all eigenvalues are known."""

    @property
    def zero(self) -> float:
        return max(0.0, 1.0 - self.positive - self.negative)

    @property
    def minimum_ratio(self) -> float:
        """Share of positive eigenvalues: 1 at a strict minimum, and well below it where training stalls."""
        return self.positive


def draws(operator: Hessian, count: int = 2, steps: int = 40, *, seed: int = 0) -> list[Lanczos]:
    """``count`` runs of ``steps`` products, each from a random vector of its own.

    Raises:
        SettingsError: for fewer than one of either.
    """
    if count < 1 or steps < 1:
        raise SettingsError(f"A spectral density needs at least one draw of one step. Got {count} of {steps} instead")
    return [lanczos(operator, random_vector(operator, seed + each), steps) for each in range(count)]


def random_vector(operator: Hessian, seed: int) -> Tensor:
    """(parameters,) independent normal numbers, the same ones for a seed."""
    values = torch.randn(len(operator.gradient), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(operator.gradient)


def density(runs: Sequence[Lanczos], *, points: int = 400, width: float | None = None) -> Density:
    """From runs that began with random vectors; the run for the ends of the spectrum is one, at no further cost."""
    low = min(float(run.ritz.values[0]) for run in runs)
    high = max(float(run.ritz.values[-1]) for run in runs)
    spread = (high - low) or max(abs(high), 1.0)
    sigma = WIDTH * spread if width is None else width
    at = np.linspace(low - MARGIN * spread, high + MARGIN * spread, points)
    each = np.stack([norm.pdf(at[:, None], run.ritz.values, sigma) @ _weights(run) for run in runs])
    return Density(at, each.mean(0), _errors(each), sigma, len(runs))


def signs(runs: Sequence[Lanczos]) -> Signs:
    """By the weights of the Ritz values on each side of zero."""
    tolerance = NEAR_ZERO * max(float(np.abs(run.ritz.values).max()) for run in runs)
    sides = np.array([[_weights(run)[side * run.ritz.values > tolerance].sum() for side in (1, -1)] for run in runs])
    positive, negative = sides.mean(0)
    margin = math.nan if len(runs) == 1 else float(t.ppf(SURE, len(runs) - 1) * _errors(sides).max())
    return Signs(float(positive), float(negative), tolerance, margin)


def exact_signs(eigenvalues: Floats) -> Signs:
    """Counted."""
    tolerance = ROUNDING * float(np.abs(eigenvalues).max(initial=0.0))
    above, below = (eigenvalues > tolerance).mean(), (eigenvalues < -tolerance).mean()
    return Signs(float(above), float(below), tolerance, 0.0)


def largest(operator: Hessian, count: int, *, products: int = 100, tolerance: float = 0.01, seed: int = 0) -> Lanczos:
    """A run until the ``count`` largest eigenvalues have residuals below ``tolerance`` of their values."""
    return lanczos(operator, random_vector(operator, seed), products, largest_within(tolerance, count))


def condition_number(eigenvalues: Floats) -> float:
    """Largest over smallest magnitude; infinite where an eigenvalue is zero but for rounding."""
    sizes = np.abs(eigenvalues)
    return math.inf if sizes.min() <= ROUNDING * sizes.max() else float(sizes.max() / sizes.min())


def condition_at_least(run: Lanczos) -> float:
    """A bound from below on the condition number, proven by the run.

    With V the basis and T its tridiagonal matrix, extended by the length of the next direction, |H V y| = |T y|: some
    unit vector is stretched by T's largest singular value, and some by no more than its smallest.
    """
    ritz = run.ritz
    steps = len(ritz.diagonal)
    matrix = np.zeros((steps + 1, steps))
    matrix[:steps] = np.diag(ritz.diagonal) + np.diag(ritz.beside, 1) + np.diag(ritz.beside, -1)
    matrix[steps, -1] = ritz.rest
    sizes = np.linalg.svd(matrix, compute_uv=False)
    rounding = steps * torch.finfo(run.basis.dtype).eps * sizes[0]
    return float(sizes[0] / (sizes[-1] + rounding)) if sizes[0] else 1.0


def _weights(run: Lanczos) -> Floats:
    """Of the quadrature: they sum to one."""
    found: Floats = run.ritz.vectors[0] ** 2
    return found


def _errors(each: Floats) -> Floats:
    """Standard errors of the mean over the first axis."""
    if len(each) == 1:
        return np.full(each.shape[1:], math.nan)
    found: Floats = each.std(0, ddof=1) / math.sqrt(len(each))
    return found

"""A symmetric operator that is only known by its products with vectors, as far as a few of them tell.

Lanczos 1950 with full reorthogonalisation; Parlett 1998, "The Symmetric Eigenvalue Problem", chapters 11 and 13. One
run gives both ends of the spectrum, the largest eigenvalues, their vectors, and a draw of the spectral density.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

Product = Callable[[Tensor], Tensor]
Floats = NDArray[np.float64]

EXHAUSTED = 1e-6
"""Of the largest coefficient so far: a next direction this short is rounding, the space is used up."""

CANCELLED = 0.7
"""A vector that loses more of its length than this leaves by one orthogonalisation needs a second (Parlett 6.9)."""


@dataclass(frozen=True, eq=False)
class Ritz:
    """The operator seen from the space of the vectors so far: a symmetric tridiagonal matrix."""

    diagonal: tuple[float, ...]
    beside: tuple[float, ...]
    rest: float
    """Length of the next direction; 0 where there is none and the values are eigenvalues."""
    noise: float = 0.0
    """How far products were from symmetric, at most: the parts along earlier vectors that should be zero."""

    @cached_property
    def _pairs(self) -> tuple[Floats, Floats]:
        values, vectors = eigh_tridiagonal(np.array(self.diagonal), np.array(self.beside))
        return values, vectors

    @property
    def values(self) -> Floats:
        """Ascending. None is below the smallest eigenvalue nor above the largest."""
        return self._pairs[0]

    @property
    def vectors(self) -> Floats:
        """(steps, steps), one a column, in the basis of the run."""
        return self._pairs[1]

    @property
    def residuals(self) -> Floats:
        """|Hv - value v| of each value's unit vector: an eigenvalue lies within that distance (Parlett 11.4)."""
        found: Floats = self.rest * np.abs(self.vectors[-1])
        return found

    @property
    def scale(self) -> float:
        return max(map(abs, (*self.diagonal, *self.beside, self.rest)))


Stop = Callable[[Ritz], bool]


@dataclass(frozen=True, eq=False)
class Lanczos:
    """One run: ``len(basis)`` products were made. `finite` is False where one of them was not."""

    basis: Tensor
    """(steps, size), orthonormal rows; the first is the start"""
    ritz: Ritz
    finite: bool = True

    @property
    def products(self) -> int:
        return len(self.basis)

    def vector(self, index: int) -> Tensor:
        """(size,), of unit length: that of ``ritz.values[index]``."""
        weights = torch.as_tensor(self.ritz.vectors[:, index], dtype=self.basis.dtype, device=self.basis.device)
        found: Tensor = weights @ self.basis
        unit: Tensor = found / torch.linalg.vector_norm(found)
        return unit


def lanczos(product: Product, start: Tensor, products: int, stop: Stop = lambda ritz: False) -> Lanczos:
    """At most ``products`` products from ``start`` (size,), which must not be zero; fewer where ``stop`` says so."""
    basis = start.new_empty(min(products, 32), len(start))
    basis[0] = start / torch.linalg.vector_norm(start)
    diagonal: list[float] = []
    beside: list[float] = []
    noise = 0.0
    while True:
        step = len(diagonal)
        image = product(basis[step])
        if not bool(image.isfinite().all()):
            return Lanczos(basis[: step + 1], Ritz(*_nothing(step), 0.0), finite=False)
        diagonal.append(float(basis[step].double() @ image.double()))
        rest, noise = _orthogonal(image, basis[: step + 1], noise)
        length = float(torch.linalg.vector_norm(rest.double()))
        largest = max(map(abs, (*diagonal, *beside)))
        used_up = length <= EXHAUSTED * largest or step + 1 == len(start)
        ritz = Ritz(tuple(diagonal), tuple(beside), 0.0 if used_up else length, noise)
        if used_up or step + 1 >= products or stop(ritz):
            return Lanczos(basis[: step + 1], ritz)
        beside.append(length)
        if step + 1 == len(basis):
            basis = torch.cat([basis, torch.empty_like(basis)])
        basis[step + 1] = rest / length


def _nothing(step: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (float("nan"),) * (step + 1), (float("nan"),) * step


def _orthogonal(vector: Tensor, basis: Tensor, noise: float) -> tuple[Tensor, float]:
    """The part of ``vector`` outside ``basis``: first against its last two rows, which take nearly all, then all.

    What is left along the others is rounding, of the product above all; the largest yet comes back too.
    """
    near = basis[-2:]
    vector = vector - (near @ vector) @ near
    for _ in range(2):  # twice is enough
        before = torch.linalg.vector_norm(vector)
        parts = basis @ vector
        noise = max(noise, float(parts.abs().max()))
        vector = vector - parts @ basis
        if torch.linalg.vector_norm(vector) > CANCELLED * before:
            break
    return vector, noise


def ends_within(tolerance: float) -> Stop:
    """Both ends are known to ``tolerance`` of their values."""
    return lambda ritz: _within(ritz, np.array([0, -1]), tolerance)


def largest_within(tolerance: float, count: int = 1) -> Stop:
    """The ``count`` largest are known to ``tolerance`` of their values."""
    return lambda ritz: len(ritz.values) > count and _within(ritz, np.arange(-count, 0), tolerance)


def smallest_within(tolerance: float) -> Stop:
    return lambda ritz: _within(ritz, np.array([0]), tolerance)


def _within(ritz: Ritz, which: NDArray[np.int64], tolerance: float) -> bool:
    return bool((ritz.residuals[which] <= tolerance * np.abs(ritz.values[which])).all())


@dataclass(frozen=True, eq=False)
class Extremes:
    """Both ends of the spectrum as far as the products went.

    A value is the quotient v'Hv of its unit vector, and its residual |Hv - value v|: an eigenvalue lies within that
    distance. ``smallest`` is never below the smallest eigenvalue (nor ``largest`` above the largest), but a still
    lower one may have gone unseen. A negative ``smallest`` is checked by one product of its own.
    """

    smallest: float
    largest: float
    residual_smallest: float
    residual_largest: float
    vector_smallest: Tensor
    """(size,), unit length"""
    vector_largest: Tensor
    products: int


def extremes(product: Product, start: Tensor, products: int, tolerance: float = 0.01) -> Extremes:
    """At most ``products`` products (at least two).

    Ends early when both ends have residuals below ``tolerance`` of their values. ``start`` (size,) must not be zero.
    """
    run = lanczos(product, start, products - 1, ends_within(tolerance))
    if not run.finite:
        nan = float("nan")
        return Extremes(nan, nan, nan, nan, torch.zeros_like(start), torch.zeros_like(start), run.products)
    (smallest, largest), (low, high) = _ends(run.ritz.values), _ends(run.ritz.residuals)
    vectors = run.vector(0), run.vector(-1)
    made = run.products
    if smallest < 0:
        smallest, low = quotient(product, vectors[0])
        made += 1
    return Extremes(smallest, largest, low, high, *vectors, made)


def _ends(values: Floats) -> tuple[float, float]:
    return float(values[0]), float(values[-1])


def quotient(product: Product, vector: Tensor) -> tuple[float, float]:
    """v'Hv of the unit vector along ``vector`` (size,), and |Hv - (v'Hv) v|."""
    unit = vector.double() / torch.linalg.vector_norm(vector.double())
    image = product(unit.to(vector.dtype)).double()
    value = float(unit @ image)
    return value, float(torch.linalg.vector_norm(image - value * unit))

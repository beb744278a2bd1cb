"""Extreme eigenvalues of a symmetric operator that is only known by its products with vectors.

Lanczos 1950 with full reorthogonalisation; Parlett 1998, "The Symmetric Eigenvalue Problem", chapters 11 and 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Product = Callable[[Tensor], Tensor]

EXHAUSTED = 1e-6
"""Of the largest coefficient so far: a next direction this short is rounding, the space is used up."""


@dataclass(frozen=True, eq=False)
class Extremes:
    """Both ends of the spectrum as far as the products went.

    A value is the Rayleigh quotient v'Hv of its unit vector, and its residual |Hv - value v| comes from one more
    product: an eigenvalue lies within that distance. ``smallest`` is never below the smallest eigenvalue (nor
    ``largest`` above the largest), but a still lower one may have gone unseen.
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
    """At most ``products`` products (at least three), two of which check the result.

    Ends early when both ends have residuals below ``tolerance`` of their values. ``start`` (size,) must not be zero.
    """
    basis = [start / torch.linalg.vector_norm(start)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        image = product(basis[-1])
        if not bool(image.isfinite().all()):
            return _unknown(start, len(basis))
        diagonal.append(float(basis[-1].double() @ image.double()))
        rest = _orthogonal(image, basis)
        length = float(torch.linalg.vector_norm(rest.double()))
        values, vectors = _tridiagonal(diagonal, beside)
        scale = max(map(abs, (*diagonal, *beside)))
        short = length <= EXHAUSTED * scale or len(basis) == len(start)
        if short or len(basis) >= products - 2 or _settled(values, vectors, length, tolerance):
            break
        beside.append(length)
        basis.append(rest / length)
    return _checked(product, basis, vectors)


def _orthogonal(vector: Tensor, basis: list[Tensor]) -> Tensor:
    stacked = torch.stack(basis)
    for _ in range(2):  # twice is enough (Parlett 1998, section 6.9)
        vector = vector - stacked.T @ (stacked @ vector)
    return vector


def _tridiagonal(diagonal: list[float], beside: list[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    found = np.linalg.eigh(matrix)
    return found.eigenvalues, found.eigenvectors


def _settled(values: NDArray[np.float64], vectors: NDArray[np.float64], length: float, tolerance: float) -> bool:
    """By the residuals of the Ritz values: the length of the next direction times the vector's last entry."""
    ends = np.array([0, -1])
    return bool((length * np.abs(vectors[-1, ends]) <= tolerance * np.abs(values[ends])).all())


def _checked(product: Product, basis: list[Tensor], vectors: NDArray[np.float64]) -> Extremes:
    stacked = torch.stack(basis)
    ends = [stacked.T @ torch.as_tensor(vectors[:, end], dtype=stacked.dtype, device=stacked.device) for end in (0, -1)]
    (smallest, residual_smallest), (largest, residual_largest) = (_quotient(product, vector) for vector in ends)
    return Extremes(smallest, largest, residual_smallest, residual_largest, ends[0], ends[1], len(basis) + 2)


def _quotient(product: Product, vector: Tensor) -> tuple[float, float]:
    unit = vector.double() / torch.linalg.vector_norm(vector.double())
    image = product(unit.to(vector.dtype)).double()
    value = float(unit @ image)
    return value, float(torch.linalg.vector_norm(image - value * unit))


def _unknown(start: Tensor, products: int) -> Extremes:
    nan = float("nan")
    return Extremes(nan, nan, nan, nan, torch.zeros_like(start), torch.zeros_like(start), products)

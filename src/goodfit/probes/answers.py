"""A model asked for its outputs, and how far two sets of outputs are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from goodfit.probes.undisturbed import first_tensor, undisturbed

NAN = float("nan")

FAINT = 1e-4
"""Outputs whose rows differ by less than this share of their size leave float32 too few digits to compare."""

Answer = Callable[[Tensor], Tensor | None]


@contextmanager
def evaluation(model: nn.Module) -> Iterator[Answer]:
    """The model in evaluation as ``inputs -> outputs`` in float64, None where it refuses them."""

    def answer(inputs: Tensor) -> Tensor | None:
        try:
            found = first_tensor(model(inputs.clone()))
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError):  # whatever a shape check may raise
            return None
        return None if found is None or found.dim() == 0 or len(found) != len(inputs) else found.double()

    with undisturbed(model, "eval"), torch.no_grad():
        yield answer


def relative(plain: Tensor, other: Tensor) -> float:
    """Root mean square of the difference over the spread of ``plain`` along axis 0."""
    if plain.shape != other.shape or not plain.numel():
        return NAN
    size = spread(plain)
    return rms(plain - other) / size if size > FAINT * rms(plain) else NAN


def spread(values: Tensor) -> float:
    return rms(values - values.mean(dim=0))


def rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())

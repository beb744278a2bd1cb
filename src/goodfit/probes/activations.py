"""What the layers send on: how large, how many units are dead or saturated, how many directions they use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from goodfit.core.probe import Activation, Need, Quantity, Reading, Schedule, Sight

NEAR = 0.01
"""An activation this near to one of its bounds is saturated."""

ROWS = 512
"""Rows (and positions) an effective rank is taken over: more would not change what it says, only what it costs."""

BOUNDS: Mapping[str, tuple[float, float]] = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


def rms(values: Tensor) -> Tensor:
    """The root mean square as a scalar on the device."""
    length: Tensor = torch.linalg.vector_norm(values, dtype=_accumulating(values))
    return length.div(values.numel() ** 0.5)


def dead_share(values: Tensor, axis: int = -1) -> Tensor:
    """Share of the units (along ``axis``) of a rectifier's ``values`` that are zero for every row and position."""
    others = [each for each in range(values.dim()) if each != axis % values.dim()]
    highest = values.amax(others) if others else values
    return (highest == 0).mean(dtype=torch.float32)


def saturated_share(values: Tensor, low: float, high: float) -> Tensor:
    """Share of ``values`` within `NEAR` of a bound."""
    middle, reach = (low + high) / 2, (high - low) / 2 - NEAR
    return ((values - middle).abs() > reach).mean(dtype=torch.float32)


def effective_rank(values: Tensor) -> Tensor:
    """The participation ratio (sum of l)^2 / (sum of l^2) of the covariance's eigenvalues l; ``values`` (rows, units).

    Between one (all rows on a line) and min(rows - 1, units). It needs no eigenvalues: the sums are the trace
    and the squared Frobenius norm of the smaller of the two Gram matrices. nan where all rows are the same.
    """
    with torch.autocast(values.device.type, enabled=False):
        centred = values.to(_accumulating(values) or values.dtype)
        centred = centred - centred.mean(0)
        # To unit scale first: fourth powers of small or large activations leave single precision.
        centred = centred / centred.abs().amax()
        gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
        return gram.trace().square() / gram.square().sum()


def _accumulating(values: Tensor) -> torch.dtype | None:
    """Half precision is added up in single."""
    return torch.float32 if values.dtype in (torch.float16, torch.bfloat16) else None


def _of_layer(measure: Callable[[Activation], Tensor | None]) -> Callable[[Sight], Reading | None]:
    def of(sight: Sight) -> Reading | None:
        seen = sight.activation
        value = None if seen is None else measure(seen)
        return None if seen is None or value is None else Reading((seen.layer,), value.reshape(1))

    return of


def _of_function(measure: Callable[[Tensor, Activation], Tensor | None]) -> Callable[[Sight], Reading | None]:
    """What the next layer is fed is counted to the layer before the activation function."""

    def of(sight: Sight) -> Reading | None:
        seen = sight.activation
        if seen is None or seen.fed is None or not seen.function:
            return None
        value = measure(seen.fed, seen)
        return None if value is None else Reading((seen.before or seen.layer,), value.reshape(1))

    return of


def _rms(seen: Activation) -> Tensor | None:
    return rms(seen.output) if seen.weighted else None


def _effective_rank(seen: Activation) -> Tensor | None:
    if not seen.weighted or seen.output.dim() < 2:
        return None
    rows = seen.output.movedim(seen.axis, -1).flatten(0, -2)
    return effective_rank(rows[:: -(-len(rows) // ROWS)]) if len(rows) > 1 else None


def _dead(fed: Tensor, seen: Activation) -> Tensor | None:
    return dead_share(fed, seen.axis) if seen.function == "relu" and fed.dim() > 1 else None


def _saturated(fed: Tensor, seen: Activation) -> Tensor | None:
    return saturated_share(fed, *BOUNDS[seen.function]) if seen.function in BOUNDS else None


OFTEN, SELDOM = Schedule(every=50, first=5), Schedule(every=200)
ACTIVATIONS = frozenset({Need.ACTIVATIONS})
ACTIVATION_RMS = Quantity("activation_rms", ACTIVATIONS, _of_layer(_rms), schedule=OFTEN)
DEAD_SHARE = Quantity("dead_share", ACTIVATIONS, _of_function(_dead), schedule=OFTEN)
SATURATED_SHARE = Quantity("saturated_share", ACTIVATIONS, _of_function(_saturated), schedule=OFTEN)
EFFECTIVE_RANK = Quantity("effective_rank", ACTIVATIONS, _of_layer(_effective_rank), schedule=SELDOM)

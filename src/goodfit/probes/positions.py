"""The positions of sequences: which hold something, and how to put them in another order."""

from __future__ import annotations

import torch
from torch import Tensor

SEED = 0
"""Of the permutations; they come from a generator of their own."""


def sequences(inputs: Tensor) -> bool:
    """Whether ``inputs`` can be (batch, length) or (batch, length, features)."""
    return inputs.dim() in (2, 3) and inputs.shape[1] > 1


def real_positions(inputs: Tensor, padding: float) -> Tensor:
    """(batch, length): False for the positions at a row's end that hold nothing but ``padding``.

    Everything is real where that value is an ordinary one: where rows end in it about as often as it stands before.
    """
    filled = _filled(inputs, padding)
    real = before_padding(inputs, padding)
    inside = real[:, 1:]  # a position whose successor is real cannot be padding
    ordinary = float((inside & ~filled[:, :-1]).sum()) / max(1.0, float(inside.sum()))
    ending = float((~real[:, -1]).float().mean())
    return real if ordinary < ending / 2 else torch.ones_like(real)


def before_padding(inputs: Tensor, padding: float) -> Tensor:
    """(batch, length): False for the positions at a row's end that hold nothing but ``padding``."""
    return _filled(inputs, padding).flip(1).cummax(dim=1).values.flip(1)


def permutation(real: Tensor) -> Tensor:
    """(batch, length): from where each position is filled; padding stays."""
    length = real.shape[1]
    keys = torch.rand(real.shape, generator=torch.Generator().manual_seed(SEED)).to(real.device)
    return torch.where(real, keys, 2.0 + torch.arange(length, device=real.device)).argsort(dim=1)


def along(values: Tensor, index: Tensor) -> Tensor:
    """``values`` (batch, length, ...) with the positions of each row taken from ``index`` (batch, length)."""
    return values[torch.arange(len(values), device=values.device)[:, None], index]


def position_axes(outputs: Tensor, length: int) -> list[int]:
    """Axes that may count positions, the last first: goodfit's outputs are (batch, classes, length)."""
    return [axis for axis in range(outputs.dim() - 1, 0, -1) if outputs.shape[axis] == length]


def _filled(inputs: Tensor, padding: float) -> Tensor:
    filled = inputs != padding
    return filled.any(dim=2) if filled.dim() == 3 else filled

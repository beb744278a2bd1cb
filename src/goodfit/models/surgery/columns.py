"""Input columns that a network no longer sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.models.surgery.errors import NotAskable


class Without(nn.Module):
    """``module`` of inputs (rows, columns) in which some columns are 0 in every row."""

    kept: Tensor

    def __init__(self, module: nn.Module, kept: Tensor) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("kept", kept)

    def forward(self, inputs: Tensor) -> Any:
        return self.module(inputs * self.kept.to(inputs.dtype))


def without(module: nn.Module, columns: Sequence[int], sample: Tensor) -> nn.Module:
    """A wrapper in which the ``columns`` of (rows, columns) count as 0, in any rows that it is ever given.

    NotAskable where the inputs are no table of numbers or all of their columns would go.
    """
    if sample.dim() != 2 or not sample.is_floating_point():
        raise NotAskable("the inputs are no table of numbers")
    kept = torch.ones(sample.shape[1], device=sample.device)
    kept[list(columns)] = 0
    if not bool(kept.any()):
        raise NotAskable("no column would be left")
    return Without(module, kept)

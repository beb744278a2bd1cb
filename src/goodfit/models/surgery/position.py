"""Knowledge of order for a sequence model that has none."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.layers import ATTENTION, Call, Extended, calls, inside, output_of, replace

SCALE = 0.3
"""Standard deviation of the position table over that of the vectors it is added to: heard, but not louder."""


class AddPosition(nn.Module):
    """Adds a learnt vector for each position along ``axis``; positions past the table share its last vector."""

    def __init__(self, length: int, width: int, std: float, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis
        self.table = nn.Parameter(torch.randn(length, width) * std)

    def forward(self, vectors: Tensor) -> Tensor:
        places = torch.arange(vectors.shape[self.axis], device=vectors.device).clamp(max=len(self.table) - 1)
        added = self.table[places]
        return vectors + (added if self.axis == 1 else added.T)


def position(module: nn.Module, value: object, sample: Tensor) -> nn.Module:
    """The same module with a learnt position table after the first layer that turns the steps into vectors.

    ``sample`` is (batch, length) or (batch, length, features). Layers that read the same tensor as the first one
    (queries, keys and values; word and tag) get a table each. Features that reach attention as they are get one
    before the whole model.

    NotAskable where no layer gives a vector for each step.
    """
    if sample.dim() not in (2, 3):
        raise NotAskable("the inputs are no sequences")
    shape = output_of(module, sample).shape
    traced = calls(module, sample)
    attention = inside(module, ATTENTION)
    found = [call for call in traced if not list(call.module.children()) and _axis(call, sample)]
    if attention and sample.dim() == 3 and sample.is_floating_point() and _bare(traced, attention, sample):
        module = nn.Sequential(AddPosition(sample.shape[1], sample.shape[2], _std(sample)).to(sample.device), module)
    else:
        layers = [call for call in found if call.module not in attention and list(call.module.parameters())]
        if not layers:
            raise NotAskable("no layer of the model gives a vector for each step of a sequence")
        module = _added(module, [each for each in layers if _same(each.input, layers[0].input)], sample)
    if output_of(module, sample).shape != shape:
        raise NotAskable("positions do not fit the model's code")
    return module


def _axis(call: Call, sample: Tensor) -> int:
    """The axis of a layer's output that counts the steps; 0 where none does."""
    output = call.output
    if output is None or output.dim() != 3 or not output.is_floating_point() or len(output) != len(sample):
        return 0
    if isinstance(call.module, nn.Conv1d):
        return 2 if output.shape[2] == sample.shape[1] else 0
    return 1 if output.shape[1] == sample.shape[1] else 0


def _bare(traced: list[Call], attention: set[nn.Module], sample: Tensor) -> bool:
    """Whether the features go into attention without a layer before it."""
    return any(call.module in attention and call.input is not None and _same(call.input, sample) for call in traced)


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return False
    return one is other or (one.data_ptr() == other.data_ptr() and one.numel() == other.numel())


def _added(module: nn.Module, layers: list[Call], sample: Tensor) -> nn.Module:
    for call in {each.module: each for each in layers}.values():
        output, axis = call.output, _axis(call, sample)
        if output is not None:
            table = AddPosition(output.shape[axis], output.shape[3 - axis], _std(output), axis)
            module = replace(module, call.module, Extended(call.module, table.to(output.device)))
    return module


def _std(vectors: Tensor) -> float:
    std = float(vectors.double().std())
    return SCALE * std if math.isfinite(std) and std > 0 else SCALE

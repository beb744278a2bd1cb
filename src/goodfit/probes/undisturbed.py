"""The frame around every measurement: whatever the model does inside, it is afterwards what it was before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from goodfit.core.runtime import preserved_rng

Mode = Literal["train", "eval", "no dropout"]
"""``no dropout`` is evaluation except for normalisation layers, which use the batch's statistics as in training."""


@contextmanager
def undisturbed(model: nn.Module, mode: Mode) -> Iterator[None]:
    """Run ``model`` in ``mode``; weights, buffers, modes and random numbers are bit-identical afterwards.

    Gradients stay as they are because measurements ask `torch.autograd.grad`, which leaves ``.grad`` alone.
    The fused kernels of attention in evaluation are off: they return other values at padding.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with preserved_rng(), _weights_kept(model), _buffers_copied(model), _mode(model, mode):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require a gradient, by name; one that is shared counts once."""
    return {name: each for name, each in model.named_parameters() if each.requires_grad}


def first_tensor(value: object) -> Tensor | None:
    """The first tensor of what a module returned: recurrent and attention layers return tuples."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, nn.utils.rnn.PackedSequence):
        return value.data
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return next((found for each in value if (found := first_tensor(each)) is not None), None)
    return None


@contextmanager
def _weights_kept(model: nn.Module) -> Iterator[None]:
    before = [(each, each._version, each.detach().clone()) for each in model.parameters()]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, version, value in before:
                if parameter._version != version:  # writing to the others would spoil a graph that is kept
                    parameter.copy_(value)


@contextmanager
def _buffers_copied(model: nn.Module) -> Iterator[None]:
    """Copies stand in for the buffers: writing old values back would spoil a graph that is kept."""
    before = [
        (module, name, buffer)
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    copies = {id(buffer): buffer.detach().clone() for _, _, buffer in before}
    for module, name, buffer in before:
        module._buffers[name] = copies[id(buffer)]
    try:
        yield
    finally:
        for module, name, buffer in before:
            module._buffers[name] = buffer


@contextmanager
def _mode(model: nn.Module, mode: Mode) -> Iterator[None]:
    before = [(module, module.training) for module in model.modules()]
    try:
        model.train(mode != "eval")
        if mode == "no dropout":
            _only_statistics(model)
        yield
    finally:
        for module, training in before:
            module.training = training


def _only_statistics(model: nn.Module) -> None:
    # Asked after model.train(): a person's own train() may keep some normalisation layers in evaluation.
    live = [each for each in model.modules() if isinstance(each, _NormBase) and each.training]
    model.eval()
    for module in live:
        module.training = True

"""Swap the hidden activations."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.parts import UNITS, Chain, Intercepted, bare, change_calls, swap
from goodfit.models.tracing import Trace, trace


def activation(module: nn.Module, value: str, sample: Tensor) -> nn.Module:
    """Every hidden activation becomes ``value``: modules, function calls, those within torch's transformer blocks.

    A deep linear network gets one between each pair of layers that stand without. Gates of recurrent cells and the
    softmax of attention stay.
    """
    if value not in UNITS:
        raise ValueError(f"The 'activation' parameter must be one of {', '.join(UNITS)}. Got {value!r} instead.")
    found = trace(module, sample)
    hidden = [each for each in found.activations if not each.output and each.kind != value]
    blocks = [each.module for each in found.of("block") if _block_kind(each.module) != value]
    if not hidden and not blocks:
        return _inserted(module, value, found)
    for block in blocks:
        _set_block(block, value)
    module = change_calls(module, found, hidden, lambda old: UNITS[value]())
    ordinals = bare(hidden)
    return Intercepted(module, UNITS[value](), found, ordinals) if ordinals else module


def _inserted(module: nn.Module, value: str, found: Trace) -> nn.Module:
    layers = {id(before.module): before.module for before, _ in found.straight if before.module is not None}
    if not layers:
        some = bool(found.of("block")) or any(not each.output for each in found.activations)
        already = f"every hidden activation is {value} already"
        raise NotAskable(already if some else "the network has no hidden activation that could be swapped")
    for layer in layers.values():
        module = swap(module, layer, Chain(layer, UNITS[value]()))
    return module


def _block_kind(block: Any) -> str:
    own = block.activation
    name = type(own).__name__ if isinstance(own, nn.Module) else getattr(own, "__name__", "")
    classes = {cls.__name__: kind for kind, cls in UNITS.items() if isinstance(cls, type)}
    return classes.get(name, str(name))


def _set_block(block: Any, value: str) -> None:
    block.activation = UNITS[value]()
    # The fused path in evaluation mode reads this number in place of the activation.
    block.activation_relu_or_gelu = {"relu": 1, "gelu": 2}.get(value, 0)

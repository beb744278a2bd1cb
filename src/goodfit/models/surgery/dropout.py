"""Set or insert dropout."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from goodfit.models.held import every_module
from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.parts import Chain, Intercepted, bare, change_calls, swap
from goodfit.models.tracing import DROPOUTS, Trace, trace


def dropout(module: nn.Module, value: float, sample: Tensor) -> nn.Module:
    """Every dropout gets probability ``value``; where there is none, one comes after each hidden activation, else
    before the last layer.
    """
    if not 0 <= value < 1:
        raise ValueError(f"The 'dropout' parameter must be at least 0 and below 1. Got {value!r} instead.")
    found = trace(module, sample)
    places = _places(module)
    rates = [place.p if isinstance(place, DROPOUTS) else place.dropout for place in places] + found.dropouts
    if not any(rates) and value == 0:
        raise NotAskable("the network has no dropout")
    if rates and all(rate == value for rate in rates):
        raise NotAskable(f"every dropout is {value:g} already")
    if not rates:
        return _inserted(module, value, found)
    for place in places:
        setattr(place, "p" if isinstance(place, DROPOUTS) else "dropout", value)
    return Intercepted(module, nn.Dropout(value), found, dropout=True) if found.dropouts else module


def _places(module: nn.Module) -> list[Any]:
    return [each for each in every_module(module).values() if isinstance(each, DROPOUTS) or _has_own(each)]


def _has_own(module: nn.Module) -> bool:
    # A recurrent layer drops only between its layers.
    many = isinstance(module, nn.RNNBase) and module.num_layers > 1
    return many or isinstance(module, nn.MultiheadAttention)


def _inserted(module: nn.Module, p: float, found: Trace) -> nn.Module:
    hidden = [each for each in found.activations if not each.output]
    if not hidden:
        return _before_last(module, p, found)
    module = change_calls(module, found, hidden, lambda old: Chain(*([old] if old else []), nn.Dropout(p)))
    ordinals = bare(hidden)
    return Intercepted(module, nn.Dropout(p), found, ordinals, after=True) if ordinals else module


def _before_last(module: nn.Module, p: float, found: Trace) -> nn.Module:
    layers = found.of("layer")
    last = layers[-1] if len(layers) > 1 else None
    if last is None or last.module is None or not last.matrix:
        raise NotAskable("the network has no hidden units to drop")
    return swap(module, last.module, Chain(nn.Dropout(p), last.module))

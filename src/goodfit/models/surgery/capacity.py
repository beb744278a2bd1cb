"""More room in a built model: wider, deeper, with skip connections, or the standard model of the kind instead."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.layers import (
    ATTENTION,
    NORMALISATIONS,
    RECURRENT,
    Call,
    Extended,
    calls,
    first_that_works,
    inside,
    replace,
    run,
)
from goodfit.models.surgery.standard import stand_in
from goodfit.models.surgery.widening import widen
from goodfit.models.units import ACTIVATIONS, Residual

__all__ = ["deepen", "residual", "stand_in", "widen"]

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def deepen(module: nn.Module, extra: int, sample: Tensor) -> nn.Module:
    """A copy with ``extra`` further hidden layers, each as wide as the first hidden one.

    A transformer gets further encoder layers; else the first hidden linear layer or convolution is followed
    by (its normalisation, its activation, a layer of the same width) ``extra`` times, and convolutions are 3 wide and
    keep the size of the map; a recurrent network gets further layers. Their weights are drawn from those of the
    layer before, at the scale that keeps the variance, so that depth alone changes.

    NotAskable where there is no hidden layer.
    """
    attempts = [partial(way, extra=extra, sample=sample) for way in (_more_encoders, _more_hidden, _more_recurrent)]
    return first_that_works(module, attempts, sample, "the model has no hidden layer to put another one behind")


def _more_encoders(module: nn.Module, *, extra: int, sample: Tensor) -> nn.Module:
    layers = [each for each in module.modules() if isinstance(each, nn.TransformerEncoderLayer)]
    if not layers:
        raise NotAskable("the model has no transformer encoder")
    added = [copy.deepcopy(layers[-1]) for _ in range(extra)]
    for parameter in nn.ModuleList(added).parameters():
        _shuffle(parameter)
    for encoder in module.modules():
        if isinstance(encoder, nn.TransformerEncoder) and layers[-1] in encoder.layers:
            encoder.layers.extend(added)
            encoder.num_layers = len(encoder.layers)
            return module
    return replace(module, layers[-1], Extended(layers[-1], *added))


def _shuffle(parameter: nn.Parameter) -> None:
    """Other weights of the same distribution."""
    order = torch.randperm(parameter.numel(), device=parameter.device)
    parameter.data = parameter.data.flatten()[order].reshape(parameter.shape)


def _more_hidden(module: nn.Module, *, extra: int, sample: Tensor) -> nn.Module:
    traced = calls(module, sample)
    layer, *others = list(dict.fromkeys(call.module for call in _weighted(module, traced)))
    if not others:
        raise NotAskable("the model has no hidden layer to put another one behind")
    normalisation = _normalisation_after(layer, traced)
    activation = _activation_after(module, layer, sample)
    added: list[nn.Module] = []
    for _ in range(extra):
        added += [copy.deepcopy(normalisation)] if normalisation is not None else []
        added += [activation(), _same_width(layer)]
    return replace(module, layer, Extended(layer, *added))


def _weighted(module: nn.Module, traced: list[Call]) -> list[Call]:
    """Linear layers and convolutions outside of attention, in order."""
    attention = inside(module, ATTENTION)
    return [call for call in traced if isinstance(call.module, _WEIGHTED) and call.module not in attention]


def _normalisation_after(layer: nn.Module, traced: list[Call]) -> nn.Module | None:
    output = next(call.output for call in traced if call.module is layer)
    return next((c.module for c in traced if isinstance(c.module, NORMALISATIONS) and c.input is output), None)


def _activation_after(module: nn.Module, layer: nn.Module, sample: Tensor) -> type[nn.Module] | Any:
    """The kind of the first activation that runs after ``layer``, as a module or a function; ReLU where none does."""
    seen = _Activations()
    handle = layer.register_forward_hook(lambda *_: seen.names.clear())
    try:
        with seen:
            run(module, sample)
    finally:
        handle.remove()
    return ACTIVATIONS[seen.names[0] if seen.names else "relu"]


class _Activations(TorchFunctionMode):
    def __init__(self) -> None:
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "").strip("_")
        if name in ACTIVATIONS:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


def _same_width(layer: Any) -> nn.Module:
    """A layer from the outputs of ``layer`` to as many, at every place of a map."""
    like: Any = {"bias": layer.bias is not None, "device": layer.weight.device, "dtype": layer.weight.dtype}
    if isinstance(layer, nn.Linear):
        new: nn.Module = nn.Linear(layer.out_features, layer.out_features, **like)
    else:
        new = type(layer)(layer.out_channels, layer.out_channels, 3, padding=1, **like)
    with torch.no_grad():
        for name, parameter in new.named_parameters():
            old = layer.get_parameter(name)
            drawn = old.flatten()[torch.randint(old.numel(), (parameter.numel(),), device=old.device)]
            scale = math.sqrt(old[0].numel() / parameter[0].numel()) if parameter.dim() > 1 else 1.0
            parameter.copy_(drawn.reshape(parameter.shape) * scale)
    return new


def _more_recurrent(module: nn.Module, *, extra: int, sample: Tensor) -> nn.Module:
    old = next((each for each in module.modules() if type(each) in RECURRENT), None)
    if not isinstance(old, nn.RNNBase) or old.proj_size:
        raise NotAskable("the model has no hidden layer to put another one behind")
    kind = {"nonlinearity": old.nonlinearity} if isinstance(old, nn.RNN) else {}
    make: Any = type(old)
    new: nn.Module = make(
        old.input_size,
        old.hidden_size,
        num_layers=old.num_layers + extra,
        bias=old.bias,
        batch_first=old.batch_first,
        dropout=old.dropout,
        bidirectional=old.bidirectional,
        **kind,
    )
    new.load_state_dict(old.state_dict(), strict=False)
    return replace(module, old, new)


def residual(module: nn.Module, value: object, sample: Tensor) -> nn.Module:
    """A copy with a skip connection, ``x + block(x)``, around every hidden layer that keeps its input's shape.

    Inside a Sequential a block is a linear layer or convolution and the normalisation, activation and dropout that
    follow; elsewhere the layer alone (He et al. 2016). Transformer layers have their skips already.

    NotAskable where no hidden layer keeps its shape.
    """
    return first_that_works(
        module, [partial(_with_skips, sample=sample)], sample, "the skip connections do not fit the model's code"
    )


def _with_skips(module: nn.Module, *, sample: Tensor) -> nn.Module:
    traced = calls(module, sample)
    layers = _weighted(module, traced)
    keeping = [call for call in layers[:-1] if _keeps_shape(call)]
    if not keeping:
        raise NotAskable("no hidden layer of the model keeps the shape of its input")
    unchanged = {call.module for call in traced if _keeps_shape(call) and not list(call.module.children())}
    unchanged -= {call.module for call in layers}
    for layer in dict.fromkeys(call.module for call in keeping):
        row = next((each for each in module.modules() if type(each) is nn.Sequential and layer in each), None)
        if row is None:
            module = replace(module, layer, Residual(layer))
        else:
            _group(row, layer, unchanged)
    return module


def _keeps_shape(call: Call) -> bool:
    return call.input is not None and call.output is not None and call.input.shape == call.output.shape


def _group(row: nn.Sequential, layer: nn.Module, unchanged: set[nn.Module]) -> None:
    """Put ``layer`` and what follows it in the row, as far as it changes no shape, under one skip connection."""
    names = list(row._modules)
    start = next(i for i, each in enumerate(row) if each is layer)
    stop = start + 1
    while stop < len(names) and row[stop] in unchanged:
        stop += 1
    block = Residual(nn.Sequential(*list(row)[start:stop]))
    for name in names[start + 1 : stop]:
        del row._modules[name]
    row._modules[names[start]] = block

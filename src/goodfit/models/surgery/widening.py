"""Every hidden layer of a built model, several times as wide, or a part as wide."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.layers import (
    BATCH_NORMALISATIONS,
    CONVOLUTIONS,
    RECURRENT,
    calls,
    first_tensor,
    first_that_works,
    output_of,
)


def widen(module: nn.Module, factor: float, sample: Tensor) -> nn.Module:
    """A copy with ``factor`` times the hidden width everywhere, bottlenecks included; below 1 it is narrower.

    Each layer that learns gives ``factor`` times as many features, but the last, and takes as many as then reach it.
    New weights are drawn from the old weights of the same layer, times the root of the ratio of the numbers of
    inputs, so that the person's way to initialise (good or bad) stays what it was and the width alone changes.

    NotAskable where no layer is hidden or the ``forward`` fixes the widths itself.
    """
    names = _hidden(module, sample)
    whole = [partial(_widened, names=names, factor=factor, sample=sample, tables=tables) for tables in (False, True)]
    attempts = [*whole, partial(_where_possible, names=names, factor=factor, sample=sample)]
    return first_that_works(module, attempts, sample, _FIXED)


_FIXED = "the widths of the model are fixed in its code"


def _hidden(module: nn.Module, sample: Tensor) -> list[str]:
    """Names of the layers that choose how many features they make, in order, without the last."""
    found = {call.module: call.name for call in calls(module, sample) if _width(call.module) and _learns(call.module)}
    *hidden, _ = found.values() or ("",)
    if not hidden:
        raise NotAskable("the model has no hidden layer that could be widened")
    return hidden


def _learns(layer: nn.Module) -> bool:
    return type(layer) in _RESIZED and all(each.requires_grad for each in layer.parameters())


def _where_possible(module: nn.Module, *, names: list[str], factor: float, sample: Tensor) -> nn.Module:
    """Each layer that can be widened without the others: a model whose skips carry the inputs has such ones only."""
    shape = output_of(module, sample).shape
    before = {name: _width(module.get_submodule(name)) for name in names}
    for name in names:
        trial = copy.deepcopy(module)
        try:
            _widened(trial, names=[name], factor=factor, sample=sample, tables=False)
            fits = output_of(trial, sample).shape == shape
        except NotAskable:
            continue
        module = trial if fits else module
    if all(_width(module.get_submodule(name)) == width for name, width in before.items()):
        raise NotAskable(_FIXED)
    return module


def _widened(module: nn.Module, *, names: list[str], factor: float, sample: Tensor, tables: bool) -> nn.Module:
    """Layers are rebuilt within one forward pass, each when its input, already wider, arrives.

    With ``tables`` bare parameters and buffers as wide as a hidden layer (of positions) are widened too.
    """
    hidden = {module.get_submodule(name) for name in names}
    if tables:
        _widen_tables(module, {_width(each) for each in hidden}, factor)
    fitting = {each for each in module.modules() if _learns(each)}

    def fit(layer: nn.Module, args: Any, kwargs: Any) -> None:
        arriving = first_tensor((args, kwargs))
        if layer in fitting and arriving is not None:
            fitting.remove(layer)  # a layer that runs twice is fitted once
            _become(layer, _RESIZED[type(layer)](layer, arriving.shape, factor if layer in hidden else 1))

    handles = [each.register_forward_pre_hook(fit, with_kwargs=True) for each in fitting]
    try:
        output_of(module, sample)
    finally:
        for handle in handles:
            handle.remove()
    return module


def _width(layer: nn.Module) -> int:
    """Features a layer makes; 0 for one that keeps those it gets."""
    names = ("out_features", "out_channels", "embedding_dim", "hidden_size")
    return next((int(getattr(layer, name)) for name in names if hasattr(layer, name)), 0)


def _widen_tables(module: nn.Module, widths: set[int], factor: float) -> None:
    for owner in [each for each in module.modules() if type(each) not in _RESIZED]:
        for name, parameter in list(owner.named_parameters(recurse=False)):
            if parameter.dim() and parameter.shape[-1] in widths:
                shape = (*parameter.shape[:-1], _times(factor, parameter.shape[-1]))
                setattr(owner, name, nn.Parameter(_drawn(parameter, torch.Size(shape))))
        for name, buffer in list(owner.named_buffers(recurse=False)):
            if buffer.is_floating_point() and buffer.dim() and buffer.shape[-1] in widths:
                width = _times(factor, buffer.shape[-1])
                setattr(owner, name, buffer[..., torch.arange(width, device=buffer.device) % buffer.shape[-1]])


def _times(factor: float, width: int) -> int:
    return max(1, round(factor * width))


def _become(layer: nn.Module, fresh: nn.Module) -> None:
    """Make ``layer`` what ``fresh`` is, in place: its forward is about to run. Hooks and mode stay."""
    fresh.to(next((each.device for each in layer.parameters()), None))
    old = dict(layer.named_parameters())
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            if parameter.shape == old[name].shape:
                parameter.copy_(old[name])
            else:
                parameter.copy_(_drawn(old[name], parameter.shape) * _rescale(layer, old[name], parameter))
    if isinstance(layer, nn.Embedding) and layer.padding_idx is not None:
        fresh.get_parameter("weight").data[layer.padding_idx].zero_()
    layer.__dict__.update({k: v for k, v in fresh.__dict__.items() if "hook" not in k and k != "training"})


def _drawn(old: Tensor, shape: torch.Size) -> Tensor:
    return old.detach().flatten()[torch.randint(old.numel(), (shape.numel(),), device=old.device)].reshape(shape)


def _rescale(layer: nn.Module, old: Tensor, new: Tensor) -> float:
    if old.dim() < 2 or isinstance(layer, nn.Embedding):
        return 1.0
    return math.sqrt(old[0].numel() / new[0].numel())


def _linear(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    return nn.Linear(shape[-1], _times(factor, layer.out_features), bias=layer.bias is not None)


def _convolution(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    channels = shape[-len(layer.kernel_size) - 1]
    depthwise = layer.groups > 1 and layer.groups == layer.in_channels
    extra = {"output_padding": layer.output_padding} if layer.transposed else {}
    return type(layer)(  # type: ignore[no-any-return]
        channels,
        _times(factor, layer.out_channels) if not depthwise else channels * (layer.out_channels // layer.in_channels),
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=channels if depthwise else layer.groups,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
        **extra,
    )


def _embedding(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    width = _times(factor, layer.embedding_dim)
    return nn.Embedding(layer.num_embeddings, width, padding_idx=layer.padding_idx, max_norm=layer.max_norm)


def _recurrent(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    if layer.proj_size:
        raise NotAskable("an LSTM with projections cannot be widened")
    kind = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNN) else {}
    return type(layer)(  # type: ignore[no-any-return]
        shape[-1],
        _times(factor, layer.hidden_size),
        num_layers=layer.num_layers,
        bias=layer.bias,
        batch_first=layer.batch_first,
        dropout=layer.dropout,
        bidirectional=layer.bidirectional,
        **kind,
    )


def _cell(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    kind = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNNCell) else {}
    return type(layer)(shape[-1], _times(factor, layer.hidden_size), bias=layer.bias, **kind)  # type: ignore[no-any-return]


def _attention(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    biased = layer.in_proj_bias is not None
    return nn.MultiheadAttention(
        shape[-1 if layer.batch_first else 2], layer.num_heads, layer.dropout, biased, batch_first=layer.batch_first
    )


def _channel_norm(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    options = {name: getattr(layer, name) for name in ("eps", "momentum", "affine", "track_running_stats")}
    return type(layer)(shape[1], **options)  # type: ignore[no-any-return]


def _layer_norm(layer: Any, shape: torch.Size, factor: float) -> nn.Module:
    last = list(shape[-len(layer.normalized_shape) :])
    return nn.LayerNorm(last, layer.eps, layer.elementwise_affine, bias=layer.bias is not None)


_RESIZED: Mapping[type[nn.Module], Callable[[Any, torch.Size, float], nn.Module]] = {
    nn.Linear: _linear,
    nn.Embedding: _embedding,
    nn.MultiheadAttention: _attention,
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: lambda layer, shape, factor: nn.GroupNorm(layer.num_groups, shape[1], layer.eps, layer.affine),
    nn.PReLU: lambda layer, shape, factor: nn.PReLU(1 if layer.num_parameters == 1 else shape[1]),
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(RECURRENT, _recurrent),
    **dict.fromkeys((nn.RNNCell, nn.GRUCell, nn.LSTMCell), _cell),
    **dict.fromkeys(BATCH_NORMALISATIONS, _channel_norm),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), _channel_norm),
}
"""A fresh layer like the given one, for inputs of that shape and ``factor`` times its outputs."""

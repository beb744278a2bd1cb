"""Add, replace, remove or mend normalisations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.models.held import every_module
from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.parts import Chain, swap
from goodfit.models.tracing import BLOCKS, Event, trace

_BATCH: Any = nn.modules.batchnorm._BatchNorm
_LEARNT = (_BATCH, nn.LayerNorm, nn.GroupNorm)
_MOMENTUM, _EPS = 0.1, 1e-5
"""torch's defaults."""


class OverFeatures(nn.Module):
    """Batch normalisation of ``(batch, ..., features)``: every position of every row counts as one more row."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(x.flatten(0, -2))
        return normalised.reshape(x.shape)


def normalisation(module: nn.Module, value: str, sample: Tensor) -> nn.Module:
    """``batch``, ``layer`` or ``group``: one after every hidden linear or convolutional layer, or in place of batch
    normalisations; ``none``: no batch normalisation; ``momentum``: batch normalisations as torch sets them by default,
    with fresh running statistics.
    """
    if value not in _EDITS:
        raise ValueError(f"The 'normalisation' parameter must be one of {', '.join(_EDITS)}. Got {value!r} instead.")
    return _EDITS[value](module, sample)


def _batch_norms(module: nn.Module) -> list[Any]:
    return [each for each in every_module(module).values() if isinstance(each, _BATCH)]


def _removed(module: nn.Module, sample: Tensor) -> nn.Module:
    norms = _batch_norms(module)
    if not norms:
        raise NotAskable("the network has no batch normalisation")
    for norm in norms:
        module = swap(module, norm, nn.Identity())
    return module


def _mended(module: nn.Module, sample: Tensor) -> nn.Module:
    norms = [each for each in _batch_norms(module) if not _default(each)]
    if not norms:
        raise NotAskable("the network has no batch normalisation with settings of its own")
    for norm in norms:
        norm.momentum, norm.eps, norm.track_running_stats = _MOMENTUM, _EPS, True
        like = next(iter(norm.parameters()), torch.empty(0))
        norm.running_mean = torch.zeros(norm.num_features, device=like.device)
        norm.running_var = torch.ones(norm.num_features, device=like.device)
        norm.num_batches_tracked = torch.tensor(0, dtype=torch.long, device=like.device)
    return module


def _default(norm: Any) -> bool:
    return bool(norm.momentum == _MOMENTUM and norm.eps == _EPS and norm.running_mean is not None)


def _batched(module: nn.Module, sample: Tensor) -> nn.Module:
    if any(isinstance(each, _LEARNT) for each in every_module(module).values()):
        raise NotAskable("the network is normalised already")
    return _inserted(module, sample, _batch)


def _layered(module: nn.Module, sample: Tensor) -> nn.Module:
    return _placed(module, sample, _layer, nn.LayerNorm)


def _grouped(module: nn.Module, sample: Tensor) -> nn.Module:
    return _placed(module, sample, _group, nn.GroupNorm)


def _placed(module: nn.Module, sample: Tensor, make: Callable[[Event], nn.Module], kind: type) -> nn.Module:
    norms = {id(each): each for each in _batch_norms(module)}
    if not norms and any(isinstance(each, kind) for each in every_module(module).values()):
        raise NotAskable("the network is normalised that way already")
    if not norms:
        return _inserted(module, sample, make)
    for norm in norms.values():
        module = swap(module, norm, make(_shape_of(norm)))
    return module


def _shape_of(norm: Any) -> Event:
    """What a batch normalisation is applied to, as the layer before it would tell: features come second."""
    flat = isinstance(norm, nn.BatchNorm1d)
    return Event("layer", "", "batch", norm, shape=(1, norm.num_features) if flat else (1, norm.num_features, 1, 1))


def _inserted(module: nn.Module, sample: Tensor, make: Callable[[Event], nn.Module]) -> nn.Module:
    found = trace(module, sample)
    layers = found.of("layer")
    blocks = [each for each in every_module(module).values() if isinstance(each, (*BLOCKS, nn.MultiheadAttention))]
    within = {id(inner) for block in blocks for inner in block.modules()}
    last = layers[-1].module if layers else None
    hidden = {
        id(each.module): each
        for each in layers
        if each.matrix and each.module is not None and each.module is not last and id(each.module) not in within
    }
    chosen = [each for each in hidden.values() if len(each.shape) > 1 and _features(each) > 1]
    if not chosen:
        raise NotAskable("the network has no hidden linear or convolutional layer to normalise")
    for event in chosen:
        if event.module is not None:
            module = swap(module, event.module, Chain(event.module, make(event)))
    return module


def _features(event: Event) -> int:
    return event.shape[-1] if event.kind == "linear" else event.shape[1]


def _batch(event: Event) -> nn.Module:
    if event.kind == "linear":
        return nn.BatchNorm1d(_features(event)) if len(event.shape) == 2 else OverFeatures(_features(event))
    return {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(event.shape)](_features(event))


def _layer(event: Event) -> nn.Module:
    # One group over channels and places is layer normalisation of a picture.
    flat = event.kind == "linear" or len(event.shape) == 2
    return nn.LayerNorm(_features(event)) if flat else nn.GroupNorm(1, _features(event))


def _group(event: Event) -> nn.Module:
    features = _features(event)
    if event.kind == "linear" and len(event.shape) > 2:
        return nn.LayerNorm(features)  # groups would run over the positions
    # A group of one value alone would be normalised to zero.
    groups = max(g for g in range(1, 9) if features % g == 0 and (g == 1 or features // g > 1))
    return nn.GroupNorm(groups, features)


_EDITS: Mapping[str, Callable[[nn.Module, Tensor], nn.Module]] = {
    "batch": _batched,
    "layer": _layered,
    "group": _grouped,
    "none": _removed,
    "momentum": _mended,
}

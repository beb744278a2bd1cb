"""Sees one forward pass from outside: weight layers by hooks, activations by a torch function mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from goodfit.probes.undisturbed import first_tensor

LAYERS = (
    nn.Linear,
    nn.Bilinear,
    _ConvNd,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
)

NEAR = 0.01
"""An activation this near to one of its bounds is saturated."""

RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    (torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu_, functional.relu6)
)
CLAMPS: frozenset[Callable[..., Any]] = frozenset(
    (torch.clamp, torch.clip, torch.clamp_min, Tensor.clamp, Tensor.clip, Tensor.clamp_min, functional.hardtanh)
)
"""Rectifiers where their lower bound is zero."""

BOUNDED: Mapping[Callable[..., Any], tuple[float, float]] = {
    **dict.fromkeys((torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, torch.special.expit), (0.0, 1.0)),
    **dict.fromkeys((functional.sigmoid, functional.hardsigmoid), (0.0, 1.0)),
    **dict.fromkeys((torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_, functional.tanh), (-1.0, 1.0)),
}


@dataclass
class Seen:
    """What was seen of one weight layer in its first call, and of the activations after it."""

    name: str
    module: nn.Module
    units: int
    unit_axis: int
    output_std: float
    output_rms: float
    input_rms: float
    unit_spread: float
    row_spread: float
    finite: bool
    dead: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)


@dataclass
class Watched:
    """The weight layers of a model in the order in which they were first called."""

    layers: list[Seen] = field(default_factory=list)
    loose: list[float] = field(default_factory=list)
    """Dead shares of rectifiers before any layer was called: of weights that are used without a module."""


@contextmanager
def watching(model: nn.Module) -> Iterator[Watched]:
    """What is called of ``model`` within the context; complete when the context has ended."""
    layers: dict[nn.Module, Seen] = {}
    activations = _Activations()
    handles = [
        module.register_forward_hook(partial(_note, layers, activations, name or type(module).__name__))
        for name, module in model.named_modules()
        if isinstance(module, LAYERS)
    ]
    found = Watched(loose=activations.loose)
    try:
        with activations:
            yield found
    finally:
        found.layers.extend(layers.values())
        for handle in handles:
            handle.remove()


class _Activations(TorchFunctionMode):
    """Gives each activation to the weight layer that was called last; a normalisation in between is passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.layer: Seen | None = None
        self.loose: list[float] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if isinstance(result, Tensor) and result.numel():
            if func in RECTIFIERS or (func in CLAMPS and _from_zero(args, kwargs)):
                if self.layer is None:
                    self.loose.append(_always_zero(torch.atleast_2d(result.detach()).flatten(1)))
                else:
                    self.layer.dead.append(_dead(result.detach(), self.layer))
            elif func in BOUNDED and self.layer is not None:
                self.layer.saturated.append(_saturated(result.detach(), *BOUNDED[func]))
        return result


def _note(
    layers: dict[nn.Module, Seen], activations: _Activations, name: str, module: nn.Module, inputs: Any, output: Any
) -> None:
    result = first_tensor(output)
    if result is None or not result.numel():
        return
    with torch.no_grad():
        if module in layers:
            layers[module].finite &= bool(result.isfinite().all())
        else:
            layers[module] = _seen(name, module, first_tensor(inputs), result)
    activations.layer = layers[module]


def _seen(name: str, module: nn.Module, inputs: Tensor | None, output: Tensor) -> Seen:
    # An embedding is given codes: their size says nothing.
    given = inputs.double() if inputs is not None and inputs.is_floating_point() else None
    values = output.double()
    units = 1 if isinstance(module, _ConvNd) and values.dim() > 2 else -1
    rows = 1 if values.dim() == 3 and getattr(module, "batch_first", True) is False else 0
    spread = float(values.std(correction=0))
    return Seen(
        name=name,
        module=module,
        units=values.shape[units],
        unit_axis=units,
        output_std=spread,
        output_rms=rms(values),
        input_rms=float("nan") if given is None else rms(given),
        unit_spread=_spread(values, units, spread),
        row_spread=_spread(values, rows, rms(values)),
        finite=bool(values.isfinite().all()),
    )


def rms(values: Tensor) -> float:
    """Root mean square; 0 for no values."""
    return float(values.double().square().mean().sqrt()) if values.numel() else 0.0


def _spread(values: Tensor, axis: int, scale: float) -> float:
    """Standard deviation along ``axis`` (root mean square over the others) in units of ``scale``; nan for one value."""
    if values.shape[axis] < 2:
        return float("nan")
    within = float(values.var(dim=axis, correction=0).mean().sqrt())
    return within / scale if scale else 0.0


def _dead(output: Tensor, layer: Seen) -> float:
    """Share of units that are zero for all rows (and positions) of an activation."""
    if output.dim() < 2 or output.shape[layer.unit_axis] != layer.units:
        output = output.reshape(len(output), -1)  # reshaped in between: each value of a row is then a unit
    else:
        output = output.movedim(layer.unit_axis, -1).flatten(0, -2)
    return _always_zero(output)


def _always_zero(output: Tensor) -> float:
    """Share of the columns that are zero in every row."""
    return float((output == 0).all(dim=0).float().mean())


def _saturated(output: Tensor, low: float, high: float) -> float:
    return float(((output < low + NEAR) | (output > high - NEAR)).float().mean())


def _from_zero(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    low = kwargs.get("min", kwargs.get("min_val", args[1] if len(args) > 1 else None))
    return isinstance(low, int | float) and low == 0

"""Take away or put on the activation in which the network ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.parts import Intercepted, bare, change_calls
from goodfit.models.tracing import Event, Trace, trace

_OUTPUTS: Mapping[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(dim=1),
    "log_softmax": lambda: nn.LogSoftmax(dim=1),
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def output(module: nn.Module, value: str, sample: Tensor) -> nn.Module:
    """``none`` strips the output activation; any other name puts that one in its place (softmax over axis 1)."""
    if value != "none" and value not in _OUTPUTS:
        known = ", ".join(["none", *_OUTPUTS])
        raise ValueError(f"The 'output' parameter must be one of {known}. Got {value!r} instead.")
    found = trace(module, sample)
    last = [each for each in found.activations if each.output]
    if value == "none" and not last:
        raise NotAskable("the network ends in no activation")
    if last and last[-1].kind == value and last[-1].axis != 0:
        raise NotAskable(f"the network ends in {value} already")
    if "softmax" in value and (len(found.shape) < 2 or found.shape[1] < 2):
        raise NotAskable("a softmax over one output is always 1")
    stripped = _stripped(module, found, last)
    # At the very end, since the old one may stand before a change of axes.
    return stripped if value == "none" else nn.Sequential(stripped, _OUTPUTS[value]())


def _stripped(module: nn.Module, found: Trace, last: list[Event]) -> nn.Module:
    module = change_calls(module, found, last, lambda old: nn.Identity())
    ordinals = bare(last)
    return Intercepted(module, nn.Identity(), found, ordinals) if ordinals else module

"""Sees the layers of a model while it runs, or runs it once more to see them; the training goes on as if it had not."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.utils.hooks import RemovableHandle

from goodfit.core.probe import Activation
from goodfit.core.runtime import preserved_rng
from goodfit.core.step import Inputs
from goodfit.probes.undisturbed import first_tensor
from goodfit.probes.watching import LAYERS

NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)

FUNCTIONS: Mapping[str, str] = {
    "Relu": "relu",
    "Threshold": "relu",
    "ClampMin": "relu",
    "Hardtanh": "relu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
}
"""Activation functions by the name of their backward pass. Bounded at other values than zero, none is exactly zero."""

SHAPES = frozenset({"View", "UnsafeView", "ReshapeAlias", "Permute", "Transpose", "Squeeze", "Unsqueeze", "ToCopy"})
"""What moves values and leaves them as they are."""
POOLS = frozenset(
    {"MaxPool1D", "MaxPool2DWithIndices", "MaxPool3DWithIndices", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D"}
    | {"AdaptiveMaxPool2D", "Mean", "NativeDropout", "Mul", "Clone"}
)
"""Beyond these a unit that is always zero still is."""
FARTHEST = 6
"""Steps back to look for an activation function."""


def plain(model: nn.Module) -> nn.Module:
    """The model inside of what compiles, replicates or shards it."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def named(name: str) -> str:
    """A parameter's or module's name without what compiling has put into it."""
    return name.replace("_orig_mod.", "")


def compiled(model: nn.Module) -> bool:
    """Whether some of it was compiled: hooks that come later are not called there."""
    return any(hasattr(each, "_orig_mod") or each._compiled_call_impl is not None for each in model.modules())


def function_of(values: Tensor) -> str:
    """The activation function that made ``values``, read off the graph of its gradient; empty if none is found."""
    node, exact = values.grad_fn, True
    for _ in range(FARTHEST):
        if node is None:
            return ""
        name = node.name().partition("Backward")[0]
        if name in FUNCTIONS:
            return FUNCTIONS[name] if exact or FUNCTIONS[name] == "relu" else ""
        if name not in SHAPES and name not in POOLS:
            return ""
        exact = exact and name in SHAPES
        node = _only(node)
    return ""


def _only(node: Node) -> Node | None:
    """What a node was made from, if only one thing that depends on parameters."""
    sources = [source for source, _ in node.next_functions if source is not None]
    return sources[0] if len(sources) == 1 else None


class Layers:
    """Hooks on the weight layers and normalisations of a model; ``show`` is called at each one's first call."""

    def __init__(self, model: nn.Module, show: Callable[[Activation], None]) -> None:
        self.model, self.show = model, show
        self.compiled = compiled(model)
        self.seen: set[nn.Module] = set()
        self.last = ""
        self.handles: list[RemovableHandle] = []
        kinds = (*LAYERS, *NORMALISATIONS)
        self.sensors = [(named(name), each) for name, each in plain(model).named_modules() if isinstance(each, kinds)]

    def attach(self) -> None:
        """Show what comes next, from its beginning."""
        self.seen.clear()
        self.last = ""
        if not self.handles:
            self.handles = [each.register_forward_hook(partial(self._note, name)) for name, each in self.sensors]

    def detach(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def _note(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or module in self.seen:
            return
        if not (self.model.training and torch.is_grad_enabled()):
            return  # an evaluation in between
        self.seen.add(module)
        values, given = first_tensor(output), first_tensor(inputs)
        if values is None or not values.numel():
            return
        with torch.no_grad():
            self.show(_activation(name, module, given, values, self.last))
        if isinstance(module, LAYERS):
            self.last = name


def _activation(name: str, module: nn.Module, given: Tensor | None, output: Tensor, last: str) -> Activation:
    fed = given if given is not None and given.is_floating_point() and given.numel() else None
    channels = isinstance(module, _ConvNd | _NormBase | nn.GroupNorm) and output.dim() > 2
    return Activation(
        layer=name or type(module).__name__,
        module=module,
        output=output,
        axis=1 if channels else -1,
        weighted=isinstance(module, LAYERS),
        fed=fed,
        function="" if fed is None else function_of(fed),
        before=last,
    )


def replay(model: nn.Module, inputs: Any) -> Any:
    """The outputs of one more forward pass in the modes the model is in; buffers and random numbers stay as they are.

    Whatever was compiled runs uncompiled, so that hooks see it.
    """
    inner = plain(model)
    call = inputs if isinstance(inputs, Inputs) else Inputs((inputs,))
    copies = {name: each.detach().clone() for name, each in inner.named_buffers()}
    with preserved_rng(), _uncompiled(), _autocast(inner, call.autocast), torch.enable_grad():
        return torch.func.functional_call(inner, copies, call.args, dict(call.kwargs))


@contextlib.contextmanager
def _uncompiled() -> Iterator[None]:
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and importing it takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def _autocast(model: nn.Module, dtype: torch.dtype | None) -> contextlib.AbstractContextManager[Any]:
    first = next(model.parameters(), None)
    if dtype is None or first is None:
        return contextlib.nullcontext()
    return torch.autocast(first.device.type, dtype=dtype)

"""One forward pass watched: layers and activations in the order they ran, and where the values came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.core.runtime import evaluating, preserved_rng
from goodfit.models import functions
from goodfit.models.functions import PRODUCTS, SHAPES, Watch, tensors
from goodfit.models.held import every_module, every_tensor

_LAYERS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Linear, "linear"),
    (nn.ConvTranspose1d, "conv_transpose1d"),
    (nn.ConvTranspose2d, "conv_transpose2d"),
    (nn.ConvTranspose3d, "conv_transpose3d"),
    (nn.Conv1d, "conv1d"),
    (nn.Conv2d, "conv2d"),
    (nn.Conv3d, "conv3d"),
    (nn.Embedding, "embedding"),
    (nn.EmbeddingBag, "embedding"),
    (nn.LSTM, "lstm"),
    (nn.GRU, "gru"),
    (nn.RNNBase, "rnn"),
    (nn.LSTMCell, "lstm"),
    (nn.GRUCell, "gru"),
    (nn.RNNCellBase, "rnn"),
    (nn.MultiheadAttention, "attention"),
    (nn.Bilinear, "bilinear"),
)
BLOCKS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
DROPOUTS = (nn.modules.dropout._DropoutNd,)
_GATES = frozenset(["sigmoid", "hardsigmoid", "softmax", "exp"])


@dataclass(eq=False)
class Event:
    """A layer, an activation or a transformer block that ran."""

    role: str
    """``layer``, ``activation`` or ``block``."""
    name: str
    kind: str
    module: nn.Module | None = None
    weight: Tensor | None = None
    """The parameter of a layer that is a bare function call."""
    ordinal: int = -1
    """Place among the calls of activation functions, for an activation that is a bare function call."""
    source: Origin | None = None
    shape: tuple[int, ...] = ()
    axis: int | None = None
    gate: bool = False
    """Its values weigh other values: attention, a gate of a recurrent cell."""
    output: bool = False

    @property
    def matrix(self) -> bool:
        """Whether it is a plain linear map: linear or convolution."""
        return self.role == "layer" and (self.kind == "linear" or self.kind.startswith("conv"))


@dataclass(frozen=True)
class Origin:
    """The event a tensor comes from, through linear maps alone; ``exact``: through changes of shape alone."""

    event: Event | None = None
    exact: bool = False


@dataclass(eq=False)
class Trace:
    """What one forward pass showed. ``output`` is where the network's output comes from."""

    events: list[Event] = field(default_factory=list)
    output: Origin = Origin()
    shape: tuple[int, ...] = ()
    attention: bool = False
    dropouts: list[float] = field(default_factory=list)
    """Rates of dropout as a bare function call."""

    def of(self, role: str) -> list[Event]:
        """The events of one role, in order."""
        return [event for event in self.events if event.role == role]

    @property
    def activations(self) -> list[Event]:
        """Activations in order, without those that only weigh other values."""
        return [event for event in self.of("activation") if not event.gate]

    @property
    def straight(self) -> list[tuple[Event, Event]]:
        """Pairs of linear layers with no nonlinearity between them."""
        pairs = [(e.source.event, e) for e in self.events if e.matrix and e.source and e.source.event]
        return [(before, after) for before, after in pairs if before.matrix]

    @property
    def custom(self) -> list[nn.Module]:
        """Modules that are activations."""
        return [event.module for event in self.of("activation") if event.module is not None]


def trace(module: nn.Module, sample: Tensor) -> Trace:
    """Watch ``module(sample)`` in evaluation mode and leave everything as it was."""
    with preserved(module):
        tracer = _Tracer(module, sample)
        try:
            with tracer:
                output = module(sample)
        finally:
            tracer.close()
        return tracer.finish(output)


def opaque(module: nn.Module) -> bool:
    """Whether torch's calls within the module are its own affair: a layer, an activation, dropout, a block."""
    return isinstance(module, (*(cls for cls, _ in _LAYERS), *BLOCKS, *DROPOUTS)) or functions.is_own_activation(module)


@contextmanager
def preserved(root: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; random state, modes, attributes and tensors end as they began.

    The fused path of transformer layers is off, since it calls none of the modules within.
    """
    modules = list(every_module(root).values())
    attributes = [(each, dict(vars(each)), dict(each._buffers), dict(each._parameters)) for each in modules]
    values = [(each, each.detach().clone()) for each in every_tensor(root).values()]
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with preserved_rng(), evaluating(root):
            for each in modules:
                each.training = False  # ``eval()`` does not reach plain lists
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for each, own, buffers, parameters in attributes:
            _put_back(vars(each), own)
            _put_back(each._buffers, buffers)
            _put_back(each._parameters, parameters)
        with torch.no_grad():
            for tensor, value in values:
                # Writing counts as a change for a backward pass under way, even if the values are the same.
                if not bool(((tensor == value) | ((tensor != tensor) & (value != value))).all()):
                    tensor.copy_(value)


def _put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name in set(now) - set(before):
        del now[name]
    now.update({name: value for name, value in before.items() if now.get(name, now) is not value})


class _Tracer(Watch):
    def __init__(self, root: nn.Module, sample: Tensor) -> None:
        super().__init__()
        self.trace = Trace()
        self.names = {id(module): name for name, module in every_module(root).items()}
        self.parameters = {p.data_ptr(): name for name, p in every_tensor(root).items() if p.ndim > 1}
        self.origins: dict[int, Origin] = {id(sample): Origin()}
        self.alive: list[Any] = [sample]
        self.kinds: dict[int, str] = {}
        self.handles: list[Any] = []
        for module in every_module(root).values():
            self._hook(module)

    def close(self) -> None:
        for handle in self.handles:
            handle.remove()

    def finish(self, output: Any) -> Trace:
        first = next(tensors(output), None)
        if first is not None:
            self.trace.output, self.trace.shape = self.origins.get(id(first), Origin()), tuple(first.shape)
        event = self.trace.output.event
        if event is not None and event.role == "activation" and self.trace.output.exact:
            event.output = True
        return self.trace

    def _hook(self, module: nn.Module) -> None:
        kind = next((kind for cls, kind in _LAYERS if isinstance(module, cls)), None)
        if kind or isinstance(module, BLOCKS):
            self.kinds[id(module)] = kind or "transformer"
            self.handles += self.hide([module])
            self.handles.append(module.register_forward_hook(self._ran))
        elif isinstance(module, DROPOUTS):
            self.handles += self.hide([module])
            self.handles.append(module.register_forward_hook(self._passed))
        elif not list(module.children()):
            self.handles.append(module.register_forward_pre_hook(self._leaf_starts))
            self.handles.append(module.register_forward_hook(self._leaf_ran, always_call=True))

    def _leaf_starts(self, module: nn.Module, args: Any) -> None:
        self.inside += 1  # the probe's own calls are not the network's
        first = next(tensors(args), None)
        floating = first is not None and first.is_floating_point()
        if id(module) not in self.kinds and floating and first is not None:
            self.kinds[id(module)] = functions.module_kind(module, tuple(first.shape)) or ""
        if not self.kinds.get(id(module)):
            self.inside -= 1

    def _leaf_ran(self, module: nn.Module, args: Any, output: Any) -> None:
        if self.kinds.get(id(module)):
            self.inside -= 1
            self._ran(module, args, output)

    def _passed(self, module: nn.Module, args: Any, output: Any) -> None:
        known = [self.origins[id(each)] for each in tensors(args) if id(each) in self.origins]
        if known and not self.inside:
            self._mark(output, known[0])

    def _ran(self, module: nn.Module, args: Any, output: Any) -> None:
        kind = self.kinds[id(module)]
        role = "block" if isinstance(module, BLOCKS) else "activation"
        role = "layer" if any(isinstance(module, cls) for cls, _ in _LAYERS) else role
        if role == "activation" and self.inside:
            return  # belongs to the block around it
        event = Event(role, self.names.get(id(module), ""), kind, module)
        if kind in ("softmax", "log_softmax"):
            event.axis = _module_axis(module, next(tensors(args), None))
        self.trace.attention |= kind in ("attention", "transformer")
        self._add(event, args, output)

    def _add(self, event: Event, args: Any, output: Any) -> None:
        event.source = next((self.origins[id(t)] for t in tensors(args) if id(t) in self.origins), None)
        event.shape = next((tuple(each.shape) for each in tensors(output)), ())
        self.trace.events.append(event)
        self._mark(output, Origin(None if event.role == "block" else event, event.role != "block"))

    def _mark(self, output: Any, origin: Origin) -> None:
        for each in tensors(output):
            if each.is_floating_point():
                self.alive.append(each)  # ids are unique only among living objects
                self.origins[id(each)] = origin

    def called(self, func: Any, args: Any, kwargs: Any, kind: str | None, ordinal: int) -> Any:
        name = functions.plain_name(func)
        inputs = [each for each in tensors((args, kwargs)) if id(each) in self.origins]
        origins = [self.origins[id(each)] for each in inputs]
        self._weigh(name, args, origins)
        result = func(*args, **kwargs)
        if name == "scaled_dot_product_attention":
            self.trace.attention = True
        if name.endswith("dropout"):
            self.trace.dropouts.append(float(kwargs.get("p", args[1] if len(args) > 1 else 0.5)))
        weight = self._weight(name, args, kwargs)
        if kind and inputs:
            axis = functions.axis_of(args, kwargs) if "softmax" in kind else None
            self._add(Event("activation", f"{kind}#{ordinal}", kind, ordinal=ordinal, axis=axis), args, result)
        elif weight:
            self._add(Event("layer", weight[0], functions.WEIGHTED[name], weight=weight[1]), args, result)
        elif name == "setitem":
            self._mark(args[0], Origin())
        elif inputs and not name.endswith("_like") and not name.startswith("new_"):
            self._mark(result, _through(name, origins))
        return result

    def _weight(self, name: str, args: Any, kwargs: Any) -> tuple[str, Tensor] | None:
        if name not in functions.WEIGHTED:
            return None
        for each in tensors((args, kwargs)):
            if each.ndim > 1 and each.data_ptr() in self.parameters:
                return self.parameters[each.data_ptr()], each
            if each.ndim > 1 and isinstance(each, nn.Parameter):
                return f"{name} made in forward", each
        return None

    def _weigh(self, name: str, args: Any, origins: list[Origin]) -> None:
        """Mark activations whose values multiply or divide other values."""
        if name not in PRODUCTS:
            return
        events = [origin.event for origin in origins if origin.event and origin.event.role == "activation"]
        others = sum(isinstance(each, Tensor) and not isinstance(each, nn.Parameter) for each in tensors(args)) > 1
        cell = any(event.kind == "sigmoid" for event in events)
        for event in events:
            if (others or name.startswith("r")) and (event.kind in _GATES or (cell and event.kind == "tanh")):
                event.gate = True
                self.trace.attention |= event.kind == "softmax"


def _through(name: str, origins: list[Origin]) -> Origin:
    if len({id(origin.event) for origin in origins}) > 1 or not functions.is_linear(name, len(origins)):
        return Origin()
    return Origin(origins[0].event, name in SHAPES and all(origin.exact for origin in origins))


def _module_axis(module: nn.Module, values: Tensor | None) -> int | None:
    axis = getattr(module, "dim", None)
    return axis % values.ndim if isinstance(axis, int) and values is not None else None

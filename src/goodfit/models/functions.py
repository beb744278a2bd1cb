"""What the functions of torch do to a tensor: activations by kind, changes of shape, linear maps."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_NAMED = """relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign sigmoid logsigmoid tanh hardtanh
hardsigmoid hardswish softmax log_softmax exp rrelu prelu hardshrink softshrink tanhshrink threshold"""
KINDS: Mapping[str, str] = {
    **{name: name for name in _NAMED.split()},
    "special_expit": "sigmoid",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "log_sigmoid": "logsigmoid",
}
"""Kind of activation by the name of torch's function, without a trailing underscore."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHAPES = _words(
    """reshape view flatten squeeze unsqueeze transpose permute movedim moveaxis swapaxes swapdims contiguous t get to
    float double half type clone detach expand expand_as unflatten ravel narrow select getitem index_select gather take
    chunk split unbind tensor_split dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout
    feature_alpha_dropout cpu cuda view_as reshape_as adjoint cat concat concatenate stack hstack vstack
    requires_grad"""
)
"""Functions that move values without changing them; dropout counts, since it is off in evaluation mode."""

_LINEAR = _words(
    """mean sum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d pad
    interpolate batch_norm masked_fill add sub rsub neg cumsum roll flip"""
)
_SCALED = frozenset(["mul", "div", "true_divide", "multiply", "divide"])
WEIGHTED: Mapping[str, str] = {
    **dict.fromkeys(_words("linear matmul rmatmul mm bmm addmm einsum tensordot"), "linear"),
    **{f"conv{extra}{n}d": f"conv{extra}{n}d" for extra in ("", "_transpose") for n in (1, 2, 3)},
    "embedding": "embedding",
}
"""Functions that apply weights, and the kind of layer they make."""

PRODUCTS = _words("mul multiply matmul mm bmm einsum baddbmm div true_divide rdiv rtruediv reciprocal")


def plain_name(function: Any) -> str:
    """``torch.Tensor.relu_`` and ``torch.relu`` are both ``relu``; operators lose their underscores."""
    return str(getattr(function, "__name__", "")).strip("_")


def kind_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """Kind of activation a call makes, by its plain name; ``clamp(min=0)`` is a ReLU."""
    if name in ("clamp", "clamp_min", "clip"):
        low = kwargs.get("min", args[1] if len(args) > 1 else None)
        high = kwargs.get("max", args[2] if len(args) > 2 else None)
        return "relu" if high is None and isinstance(low, int | float) and low == 0 else None
    return KINDS.get(name)


def axis_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """Axis of a softmax call, counted from the front."""
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    return axis % args[0].ndim if isinstance(axis, int) and args and isinstance(args[0], Tensor) else None


def is_linear(name: str, inputs: int) -> bool:
    """Whether a call with so many tensors that depend on the network's input is linear in them."""
    return name in SHAPES or name in _LINEAR or (name in _SCALED and inputs == 1)


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a value: itself, or those in lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors(each)


class Watch(TorchFunctionMode):
    """Sees torch's calls made by a network's own ``forward``; those within modules it `hides` pass unseen."""

    def __init__(self) -> None:
        self.inside = 0
        self.calls = 0
        """Calls of activation functions so far."""

    def hide(self, modules: Iterable[nn.Module]) -> list[Any]:
        """Let calls within these modules pass; returns the handles of the hooks."""
        handles: list[Any] = []
        for module in modules:
            handles.append(module.register_forward_pre_hook(self.enter))
            handles.append(module.register_forward_hook(self.leave, always_call=True))
        return handles

    def enter(self, module: nn.Module, args: Any) -> None:
        self.inside += 1

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        self.inside -= 1

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.inside:
            return func(*args, **kwargs)
        kind = kind_of(plain_name(func), args, kwargs)
        ordinal = self.calls
        self.calls += kind is not None
        return self.called(func, args, kwargs, kind, ordinal)

    def called(self, func: Any, args: Any, kwargs: Any, kind: str | None, ordinal: int) -> Any:
        """What to do with one call; ``ordinal`` counts the calls of activation functions from 0."""
        return func(*args, **kwargs)


_KNOWN: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "elu": functional.elu,
    "selu": functional.selu,
    "softplus": functional.softplus,
    "exp": torch.exp,
}
_CLASSES: Mapping[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.PReLU: "prelu",
    nn.RReLU: "rrelu",
    nn.LogSigmoid: "logsigmoid",
    nn.LogSoftmax: "log_softmax",
    nn.LeakyReLU: "leaky_relu",
    nn.SiLU: "silu",
    nn.Softmax2d: "softmax",
}


def is_own_activation(module: nn.Module) -> bool:
    """Whether it is one of torch's activation modules."""
    return type(module).__module__ == "torch.nn.modules.activation" and not isinstance(module, nn.MultiheadAttention)


def module_kind(module: nn.Module, shape: tuple[int, ...]) -> str | None:
    """Kind of activation a leaf module is, found by what it does to values of ``shape``; None if it is none.

    torch's own are known by their class. Any other is one if shuffling its inputs just shuffles its outputs and it is
    no straight line, or if its outputs are shares along an axis.
    """
    if is_own_activation(module):
        return _CLASSES.get(type(module), _snake(type(module).__name__))
    stateful = any(True for _ in module.buffers()) or any(each.numel() > 1 for each in module.parameters())
    if stateful or any(True for _ in module.children()):
        return None
    return _behaviour(module, shape)


def _behaviour(module: nn.Module, shape: tuple[int, ...]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    shape = (max(shape[0], 8), *shape[1:]) if shape else (8,)
    count = math.prod(shape)
    order = torch.randperm(count, generator=generator)
    # Values from -4 to 4 stay clear of overflow, and most activations bend there.
    values = torch.linspace(-4, 4, count)[torch.randperm(count, generator=generator)]
    try:
        # Forward alone: hooks on the module would see the probe as part of the network's pass.
        first, second = module.forward(values.clone().reshape(shape)), module.forward(values[order].reshape(shape))
    except Exception:
        return None
    if not isinstance(first, Tensor) or first.shape != shape or not first.is_floating_point():
        return None
    if torch.allclose(first.flatten()[order], second.flatten(), atol=1e-6, equal_nan=True):
        return None if _straight(values, first.flatten()) else _elementwise(module, values, first.flatten())
    return _shares(first)


def _straight(x: Tensor, y: Tensor) -> bool:
    low, high = x.argmin(), x.argmax()
    slope = (y[high] - y[low]) / (x[high] - x[low])
    return bool(torch.allclose(y, y[low] + slope * (x - x[low]), rtol=1e-4, atol=1e-5))


def _elementwise(module: nn.Module, x: Tensor, y: Tensor) -> str:
    same = (name for name, known in _KNOWN.items() if torch.allclose(known(x), y, rtol=1e-4, atol=1e-6))
    return next(same, _snake(type(module).__name__))


def _shares(y: Tensor) -> str | None:
    for kind, shares in (("softmax", y), ("log_softmax", y.exp())):
        sums = [shares.sum(axis) for axis in range(y.ndim) if y.shape[axis] > 1]
        if bool((shares >= 0).all()) and any(torch.allclose(each, torch.ones_like(each), atol=1e-4) for each in sums):
            return kind
    return None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()

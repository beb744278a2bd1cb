"""Where weights enter a forward pass: outputs that are linear in them, seen from outside.

Of a layer ``Y = X W`` with ``M`` the Hessian of the loss in ``Y``, the block of the Hessian in ``W`` has the trace of
``A' M A``, where ``A`` maps weights to outputs. All of one row's share of it can be measured at ``Y`` itself, which
is small, without a gradient of any weight. This holds for a weight that is used once, and for rows that do not
depend on each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Kind = Literal["mix", "gain", "codes"]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a function that is linear in its weights.

    ``features(source)`` is what they are multiplied with, axes as those of ``ordered(output)``, features last:
    numbers to mix, one number a unit (``gain``), or which row of a table was taken (``codes``, with one feature).
    """

    kind: Kind
    weight: Tensor | None
    bias: Tensor | None
    source: Tensor
    features: Callable[[Tensor], Tensor]
    output: Tensor
    """As it was returned: what is differentiated."""
    channels_first: bool = False

    def ordered(self, values: Tensor) -> Tensor:
        """Values at the output with the units on the last axis."""
        return values.flatten(2).transpose(1, 2) if self.channels_first else values

    def restored(self, values: Tensor) -> Tensor:
        """The inverse of `ordered`."""
        return (values.transpose(1, 2) if self.channels_first else values).reshape(self.output.shape)


@dataclass(frozen=True)
class Layout:
    """Which axis counts the rows, after the first one was ``split`` where rows and positions were flattened."""

    axis: int
    split: tuple[int, int] | None = None

    def rows(self, values: Tensor) -> Tensor:
        """(rows, positions, units)"""
        moved = self._moved(values)
        return moved.reshape(len(moved), -1, values.shape[-1])

    def back(self, values: Tensor, like: Tensor) -> Tensor:
        """The inverse of `rows`, to the shape of ``like``."""
        return values.reshape(self._moved(like).shape).movedim(0, self.axis).reshape(like.shape)

    def _moved(self, values: Tensor) -> Tensor:
        return (values if self.split is None else values.unflatten(0, self.split)).movedim(self.axis, 0)


@dataclass(frozen=True, eq=False)
class Site:
    """A `Call` of which the rows are known, and the parameters that are measured at its output.

    ``root`` (rows, positions, m) mixes what m fresh weights a unit would do; ``gain`` (rows, positions, units)
    multiplies one weight a unit, and ``shift`` adds one.
    """

    call: Call
    layout: Layout
    names: tuple[str, ...]
    weights: tuple[Tensor, ...]
    """The parameters themselves"""
    root: Tensor | None
    gain: Tensor | None
    shift: bool

    def probe(self, signs: Callable[[Sequence[int]], Tensor]) -> Tensor:
        """``A v`` for random signs v, fresh for each row, in the shape of the output."""
        ordered = self.call.ordered(self.call.output.detach())
        rows, _, units = self.layout.rows(ordered).shape
        found = torch.zeros((), dtype=ordered.dtype, device=ordered.device)
        if self.root is not None:
            drawn = signs((rows, self.root.shape[2], units)).to(self.root.dtype)
            found = found + (self.root * drawn if self.root.shape[1] == 1 else self.root @ drawn)
        if self.gain is not None:
            found = found + self.gain * signs((rows, 1, units))
        if self.shift:
            found = found + signs((rows, 1, units))
        whole = found.to(ordered.dtype).expand(self.layout.rows(ordered).shape)
        return self.call.restored(self.layout.back(whole, ordered))

    def squares(self, values: Tensor) -> Tensor:
        """|A' values| squared of each row: (rows,) in float64."""
        at = _precise(self.layout.rows(self.call.ordered(values)))
        parts = []
        if self.root is not None:
            parts.append(self.root[:, 0] * _length(at)[:, None] if at.shape[1] == 1 else _length(self.root.mT @ at))
        if self.gain is not None:
            parts.append(_length((self.gain * at).sum(1)))
        if self.shift:
            parts.append(_length(at.sum(1)))
        return torch.stack([each.double().flatten().square() for each in parts]).sum(0)


@dataclass(frozen=True, eq=False)
class Half:
    """Half of the rows, drawn at random, to see what depends on them."""

    rows: Tensor
    """(rows,) of bool"""

    def change(self, like: Tensor) -> Tensor:
        """Numbers at these rows, zeros at the others."""
        return torch.linspace(0.5, 1.5, like.numel()).to(like).view(like.shape) * _along(self.rows, like)

    def alone(self, answer: Tensor) -> bool:
        """An answer to such a change is zero at all other rows, counted on the first axis."""
        return not bool((answer[~self.rows] != 0).any())

    def layout(self, answer: Tensor) -> Layout | None:
        """The axis along which that is so."""
        return next((each for each in _layouts(answer.shape, len(self.rows)) if self._fits(each.rows(answer))), None)

    def _fits(self, answer: Tensor) -> bool:
        return self.alone(answer) and bool((answer[self.rows] != 0).any())


def half(rows: int, like: Tensor, seed: int) -> Half:
    order = np.random.default_rng(seed).permutation(rows)
    return Half(torch.from_numpy(order < max(1, rows // 2)).to(like.device))


def _along(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(-1, *(1,) * (like.dim() - 1))


def sites(
    calls: Sequence[Call], answers: Sequence[Tensor | None], rows: Half, names: Mapping[int, str], uses: Counter[int]
) -> Iterator[Site]:
    """The calls whose weights can be measured at the output.

    ``answers``, at each call's output, are to a change at half of the ``rows``; ``names`` are those of the trained
    parameters by `id`, and ``uses`` says how often the loss uses each.
    """
    for call, answer in zip(calls, answers, strict=True):
        layout = None if answer is None else rows.layout(call.ordered(answer))
        if layout is None or (call.channels_first and layout != Layout(0)):
            continue
        given = [each for each in (call.weight, call.bias) if each is not None]
        weights = tuple(each for each in given if uses[id(each)] == 1 and id(each) in names)
        if weights:
            yield _site(call, layout, weights, tuple(names[id(each)] for each in weights))


def _site(call: Call, layout: Layout, weights: tuple[Tensor, ...], names: tuple[str, ...]) -> Site:
    shift = any(each is call.bias for each in weights)
    root = gain = None
    if any(each is call.weight for each in weights):
        features = layout.rows(call.features(call.source))
        if call.kind == "codes":
            root = _same(features[..., 0]).to(_precise(call.output).dtype)
        elif call.kind == "gain":
            gain = _precise(features)
        else:
            root = _root(_precise(features))
    return Site(call, layout, names, weights, root, gain, shift)


def _root(features: Tensor) -> Tensor:
    """R with R R' = X X' for each row: (rows, positions, least of positions and features)."""
    _, positions, size = features.shape
    if positions >= size:
        return features
    if positions == 1:
        length: Tensor = torch.linalg.vector_norm(features, dim=2, keepdim=True)
        return length
    upper: Tensor = torch.linalg.qr(features.mT, mode="r").R
    return upper.mT


def _precise(values: Tensor) -> Tensor:
    """In float32 at least: the halves of autocast are too coarse."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _same(codes: Tensor) -> Tensor:
    """(rows, positions, positions): the first position of a row with the same code; none for codes below zero."""
    first = (codes[:, :, None] == codes[:, None]).int().argmax(2)
    return functional.one_hot(first, codes.shape[1]) * (codes >= 0)[..., None]


def _length(values: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(values.flatten(1), dim=1)
    return length


def _layouts(shape: Sequence[int], rows: int) -> Iterator[Layout]:
    lead = shape[:-1]
    for axis, size in enumerate(lead):
        if size == rows:
            yield Layout(axis)
    if len(lead) == 1 and lead[0] != rows and lead[0] % rows == 0:
        yield Layout(0, (rows, lead[0] // rows))
        yield Layout(1, (lead[0] // rows, rows))


class Recorder(TorchFunctionMode):
    """Notes every call that is linear in a tensor that requires a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.multi_head_attention_forward:
            with self:
                return _OPEN_ATTENTION(*args, **kwargs)
        result = func(*args, **kwargs)
        known = KNOWN.get(func)
        call = None if known is None or not result.requires_grad else known(result, *args, **kwargs)
        if call is None:
            return result
        self.calls.append(call)
        return result.clone()  # what is noted is then not changed in place by an activation


def _linear(output: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Call | None:
    return Call("mix", weight, bias, input.detach(), lambda source: source, output)


def _convolution(
    output: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Call | None:
    if groups != 1 or isinstance(padding, str) or input.dim() != weight.dim():
        return None
    flat = weight.dim() == 3
    settings = [_pair(each, fill, flat) for each, fill in ((dilation, 1), (padding, 0), (stride, 1))]
    kernel = _pair(tuple(weight.shape[2:]), 1, flat)

    def patches(source: Tensor) -> Tensor:
        return functional.unfold(source.unsqueeze(2) if flat else source, kernel, *settings).mT

    return Call("mix", weight, bias, input.detach(), patches, output, channels_first=True)


def _pair(setting: Any, fill: int, flat: bool) -> tuple[int, ...]:
    """A setting of a convolution for two axes; along one axis, the other has ``fill``."""
    values = tuple(setting) if isinstance(setting, list | tuple | torch.Size) else (setting,) * (1 if flat else 2)
    return (fill, *values) if flat else values


def _table(
    output: Tensor,
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Call | None:
    if scale_grad_by_freq:
        return None

    def codes(source: Tensor) -> Tensor:
        if padding_idx is not None:  # has no gradient
            source = source.masked_fill(source == padding_idx % len(weight), -1)
        return source[..., None]

    return Call("codes", weight, None, input, codes, output)


def _layer_norm(
    output: Tensor,
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Call | None:
    if len(normalized_shape) != 1:
        return None

    def normalised(source: Tensor) -> Tensor:
        return functional.layer_norm(source, normalized_shape, eps=eps)

    return Call("gain", weight, bias, input.detach(), normalised, output)


def _opened(function: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of a function of torch that does not hand itself over whole, so that what it calls is seen."""
    names = {**function.__globals__, "has_torch_function": lambda _: False}
    return FunctionType(function.__code__, names, None, function.__defaults__, function.__closure__)


_OPEN_ATTENTION = _opened(functional.multi_head_attention_forward)

KNOWN: Mapping[Callable[..., Any], Callable[..., Call | None]] = {
    functional.linear: _linear,
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    functional.embedding: _table,
    functional.layer_norm: _layer_norm,
}


def walked(output: Tensor) -> list[Node]:
    """The nodes of the graph below ``output``, each after all that it depends on."""
    found: list[Node] = []
    seen: set[Node] = set()
    waiting: list[tuple[Node, bool]] = [] if output.grad_fn is None else [(output.grad_fn, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            found.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting.extend((below, False) for below, _ in node.next_functions if below is not None)
    return found


def uses(output: Tensor) -> Counter[int]:
    """How many operations take each leaf of the graph, by its `id`."""
    return Counter(
        id(below.variable)
        for node in walked(output)
        for below, _ in node.next_functions
        if below is not None and hasattr(below, "variable")
    )

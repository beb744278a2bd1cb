"""Several networks of one structure as one: each parameter is stacked over the networks, and one batched product
takes the place of one product a network.

Which networks can be stacked is read off their graph (`torch.fx`): linear layers, elementwise functions, flattening,
dropout and layer normalisation, in a chain or with branches. Batch normalisation is left
out: the biases it makes idle drift by rounding, and with them its averages.

Values are (networks, rows, ...) and lie in memory with the rows last: a product of a weight (outputs, inputs) with
(inputs, rows) is then wide in its second factor, forward and backward, which is up to seven times quicker where a
network has few outputs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, fx, nn
from torch.nn import functional

ELEMENTWISE = frozenset(
    {nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Softsign}
    | {nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Hardshrink, nn.Softshrink}
    | {nn.Tanhshrink, nn.Identity}
)
"""Modules that treat each number by itself, the same in training and in evaluation, without parameters."""

_NAMES = """relu relu_ relu6 leaky_relu elu selu celu gelu silu mish softplus softsign sigmoid logsigmoid tanh hardtanh
hardsigmoid hardswish exp abs square add sub mul neg truediv"""
FUNCTIONS = frozenset(
    getattr(home, name)
    for home in (torch, functional, operator)
    for name in _NAMES.split()
    if callable(getattr(home, name, None))
)
"""The same as functions."""
METHODS = frozenset({"relu", "relu_", "sigmoid", "tanh", "exp", "abs", "square", "add", "sub", "mul", "neg"})
AXES = frozenset({"flatten", "squeeze", "unsqueeze", "softmax", "log_softmax"})
"""Functions and methods that name axes: those counted from the front move up by one."""


class NotStackable(Exception):
    """Why networks cannot be trained as one."""


@dataclass(eq=False)
class State:
    """What a pass works with: stacked values by the name of the state dict, (networks, ...)."""

    values: dict[str, Tensor]
    training: bool = True
    generators: Sequence[Generator] = ()
    """The random numbers of each network, for dropout."""


Operation = Callable[..., Tensor]
"""``(state, *inputs) -> output``, all with a leading axis of networks."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Networks of one structure: their graph, and how a module's values are stacked and taken out again."""

    nodes: tuple[tuple[fx.Node, Operation], ...]
    source: fx.Node
    result: fx.Node

    def forward(self, state: State, inputs: Tensor) -> Tensor:
        """Outputs (networks, rows, ...) of inputs (networks, rows, ...)."""
        found: dict[fx.Node, Any] = {self.source: inputs}
        for node, operation in self.nodes:
            found[node] = operation(state, *(found[each] if isinstance(each, fx.Node) else each for each in node.args))
        output: Tensor = found[self.result]
        return output

    def gather(self, modules: Sequence[nn.Module]) -> dict[str, Tensor]:
        """All values of the modules, copied."""
        each = [{**dict(module.named_parameters()), **dict(module.named_buffers())} for module in modules]
        return {name: torch.stack([values[name].detach() for values in each]) for name in each[0]}

    def scatter(self, values: Mapping[str, Tensor], index: int, module: nn.Module) -> None:
        """Copy the values of one network into its module."""
        with torch.no_grad():
            for name, own in (*module.named_parameters(), *module.named_buffers()):
                own.copy_(values[name][index])


def stack_of(module: nn.Module) -> Stack:
    """The stack for networks of the structure of ``module``, in training mode; `NotStackable` with the reason."""
    _check(module)
    try:
        traced = fx.symbolic_trace(module)
    except Exception as error:  # a person's own forward may raise anything when it meets a symbol in place of a tensor
        raise NotStackable(f"its forward pass cannot be traced: {error}") from error
    operations = {"call_module": _of_module, "call_function": _of_function, "call_method": _of_method}
    source, *inner, output = traced.graph.nodes
    nodes: list[tuple[fx.Node, Operation]] = []
    for node in inner:
        if node.op not in operations:
            raise NotStackable(f"its graph holds a {node.op}")
        nodes.append((node, operations[node.op](node, module)))
    result = output.args[0]
    if source.op != "placeholder" or not isinstance(result, fx.Node):
        raise NotStackable("it does not turn one tensor into one")
    return Stack(tuple(nodes), source, result)


def _check(module: nn.Module) -> None:
    for each in module.modules():
        if each._forward_hooks or each._forward_pre_hooks or each._backward_hooks or each._backward_pre_hooks:
            raise NotStackable("hooks are attached to it")
        if type(each).train is not nn.Module.train:
            raise NotStackable("it switches to training mode in its own way")
    if len(list(module.named_parameters(remove_duplicate=False))) != len(list(module.parameters())):
        raise NotStackable("it shares a parameter between layers")
    for parameter in module.parameters():
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise NotStackable("hooks are attached to its parameters")


def _of_module(node: fx.Node, module: nn.Module) -> Operation:
    layer, name = module.get_submodule(str(node.target)), str(node.target)
    kind = type(layer)
    if node.kwargs or len(node.args) != 1:
        raise NotStackable(f"{name} is called with more than one tensor")
    if kind in ELEMENTWISE:
        return lambda state, x: layer(x)
    if kind not in _MAKERS:
        raise NotStackable(f"it holds a {kind.__name__}")
    return _MAKERS[kind](layer, name)


def _of_function(node: fx.Node, module: nn.Module) -> Operation:
    function: Any = node.target
    return _of_call(node, getattr(function, "__name__", ""), function, function in FUNCTIONS)


def _of_method(node: fx.Node, module: nn.Module) -> Operation:
    name = str(node.target)
    return _of_call(node, name, getattr(Tensor, name), name in METHODS)


def _of_call(node: fx.Node, name: str, function: Any, elementwise: bool) -> Operation:
    keywords = dict(node.kwargs)
    if any(isinstance(each, fx.Node) for each in keywords.values()):
        raise NotStackable(f"{name} is called with tensors by name")
    if elementwise:
        return lambda state, *args: function(*args, **keywords)
    if name not in AXES:
        raise NotStackable(f"it calls {name}")
    moved = {key: _up(value) if key in ("dim", "start_dim", "end_dim") else value for key, value in keywords.items()}
    if len(node.args) + len(keywords) < 2:
        raise NotStackable(f"it calls {name} without an axis")
    return lambda state, x, *axes: function(x, *map(_up, axes), **moved)


def _up(axis: Any) -> Any:
    return axis + 1 if isinstance(axis, int) and axis >= 0 else axis


def _linear(layer: nn.Linear, name: str) -> Operation:
    weight, bias = f"{name}.weight", f"{name}.bias" if layer.bias is not None else ""

    def apply(state: State, x: Tensor) -> Tensor:
        columns = (x if x.ndim == 3 else x.flatten(1, -2)).transpose(1, 2)  # (networks, inputs, rows)
        if bias:
            out = torch.baddbmm(state.values[bias].unsqueeze(2), state.values[weight], columns)
        else:
            out = torch.bmm(state.values[weight], columns)
        out = out.transpose(1, 2)
        return out if x.ndim == 3 else out.unflatten(1, x.shape[1:-1])

    return apply


def _flatten(layer: nn.Flatten, name: str) -> Operation:
    start, end = _up(layer.start_dim), _up(layer.end_dim)
    return lambda state, x: x.flatten(start, end)


def _softmax(layer: nn.Softmax | nn.LogSoftmax, name: str) -> Operation:
    if layer.dim is None:
        raise NotStackable("its softmax names no axis")
    function, axis = torch.softmax if isinstance(layer, nn.Softmax) else torch.log_softmax, _up(layer.dim)
    return lambda state, x: function(x, axis)


def _dropout(layer: nn.Dropout, name: str) -> Operation:
    keep = 1 - layer.p

    def apply(state: State, x: Tensor) -> Tensor:
        if not state.training or keep == 1:
            return x
        noise = torch.empty(x.shape, dtype=x.dtype)
        for each, generator in zip(noise, state.generators, strict=True):  # the numbers that torch would draw for it
            each.bernoulli_(keep, generator=generator)
        return x * (noise.div_(keep) if keep else noise)

    return apply


def _layer_norm(layer: nn.LayerNorm, name: str) -> Operation:
    if len(layer.normalized_shape) != 1:
        raise NotStackable("its layer normalisation is over several axes")
    names = [f"{name}.{each}" for each, value in layer.named_parameters() if value is not None]

    def apply(state: State, x: Tensor) -> Tensor:
        out = functional.layer_norm(x, layer.normalized_shape, eps=layer.eps)
        for own in names:
            value = state.values[own]
            value = value.reshape(len(value), *[1] * (x.ndim - 2), -1)
            out = out * value if own.endswith("weight") else out + value
        return out

    return apply


_MAKERS: Mapping[type, Callable[[Any, str], Operation]] = {
    nn.Linear: _linear,
    nn.Flatten: _flatten,
    nn.Softmax: _softmax,
    nn.LogSoftmax: _softmax,
    nn.Dropout: _dropout,
    nn.LayerNorm: _layer_norm,
}

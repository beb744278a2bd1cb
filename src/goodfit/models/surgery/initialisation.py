"""New initial weights for a built model: torch's own, He's, or scaled until signals keep their size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.layers import run

TOLERANCE = 0.1
"""A standard deviation this near to 1 is left alone (Mishkin & Matas 2016, algorithm 1)."""

TRIES = 5
"""Rescalings of one layer; linear layers need one, and more only where the output overflows."""

SMALLER = 1e-6
"""Factor for weights whose output is not finite."""

_PRODUCTS = {
    *("linear", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm"),
    *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)),
}
_SUMS = {"add", "add_", "__add__", "__radd__", "__iadd__"}


def initialise(module: nn.Module, how: str, sample: Tensor) -> nn.Module:
    """The same module with new initial weights; random numbers come from torch's global generator.

    ``default``: every layer's own ``reset_parameters``; bare parameters (position tables) stay.
    ``he``: besides, normal weights of variance 2 / fan-in in every linear layer and convolution and in bare matrices
    that multiply, and no biases (He et al. 2015).
    ``unit_variance``: besides, orthogonal weights divided by their output's standard deviation on ``sample``, layer
    after layer, and no biases (Mishkin & Matas 2016, All you need is a good init); the last layer keeps the default,
    and so do recurrent layers and attention.

    Frozen parameters stay. NotAskable where no linear layer or convolution learns.
    """
    if how not in _HOW:
        raise NotAskable(f"there is no initialisation called {how!r}")
    if not any(each.requires_grad for each in module.parameters()):
        raise NotAskable("the model has no parameter that learns")
    _reset(module)
    _HOW[how](module, sample)
    return module


def _reset(module: nn.Module) -> None:
    """Parts before wholes: multi-head attention sets the bias of its output layer after that layer has."""
    for each in reversed(list(module.modules())):
        own = list(each.parameters(recurse=False))
        frozen = bool(own) and not any(parameter.requires_grad for parameter in own)
        reset = None if frozen else _reset_of(each, bool(own))
        if reset is not None:
            reset()


def _reset_of(module: nn.Module, owns: bool) -> Callable[[], Any] | None:
    """torch's own way where there is one: a person's override may be the fault."""
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.nn."):
            for name in ("reset_parameters", "_reset_parameters"):
                if name in vars(kind):
                    return partial(vars(kind)[name], module)
    own = getattr(module, "reset_parameters", None)
    return own if owns and callable(own) else None


@dataclass(frozen=True, eq=False)
class _Use:
    """A parameter that multiplies, and what is added to the product."""

    weight: nn.Parameter
    fan_in: int
    bare: bool
    """No layer of torch's holds it, so nothing has reset it."""
    biases: list[nn.Parameter]


class _Products(TorchFunctionMode):
    """Notes the parameters that multiply, in order of first use, and the bias vectors added to such products.

    Functions rather than modules are watched, so that hand-written layers count. What torch's attention and
    recurrent layers do within is not seen: they keep their own initialisation.
    """

    def __init__(self, module: nn.Module) -> None:
        self.parameters = {each.data_ptr(): each for each in module.parameters() if each.requires_grad}
        self.bare = _bare(module)
        self.uses: dict[int, _Use] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _PRODUCTS:
            return self._product(name, func, args, kwargs)
        if name in _SUMS:
            self._note_biases(args[:2])  # added to the latest product
        return func(*args, **kwargs)

    def _product(self, name: str, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        operands = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        for place, operand in enumerate(operands[:3] if name == "addmm" else operands[:2]):
            weight = self._parameter(operand)
            if weight is not None and weight.dim() > 1 and id(weight) not in self.uses:
                use = _Use(weight, _fan_in(name, operand, place), id(weight) in self.bare, [])
                self.uses[id(weight)] = use
                self._note_biases(operands)
                return self.applied(use, lambda: func(*args, **kwargs))
        return func(*args, **kwargs)

    def applied(self, use: _Use, compute: Callable[[], Any]) -> Any:
        """The value of one product."""
        return compute()

    def _parameter(self, operand: Tensor) -> nn.Parameter | None:
        """The parameter a matrix is, or is the transpose of."""
        found = self.parameters.get(operand.data_ptr())
        return found if found is not None and found.numel() == operand.numel() else None

    def _note_biases(self, operands: Any) -> None:
        """Vectors that are no weights count, tables do not."""
        for each in operands:
            found = self._parameter(each) if isinstance(each, Tensor) else None
            vector = found is not None and max(found.shape, default=1) == found.numel()
            if found is not None and vector and self.uses and id(found) not in self.uses:
                next(reversed(self.uses.values())).biases.append(found)


class _UnitVariance(_Products):
    """Scales each weight, but the last, as soon as its product is computed; what follows sees the scaled one."""

    def __init__(self, module: nn.Module, last: int) -> None:
        super().__init__(module)
        self.last = last

    def applied(self, use: _Use, compute: Callable[[], Any]) -> Any:
        result = compute()
        if id(use.weight) == self.last:
            return result
        for _ in range(TRIES):
            spread = float(result.double().std())
            if spread == 0 or abs(spread - 1) < TOLERANCE:
                break
            use.weight.data.mul_(1 / spread if math.isfinite(spread) else SMALLER)
            result = compute()
        if not bool(result.isfinite().all()):
            raise NotAskable("the inputs or what the layers make of them are not finite")
        return result


def _bare(module: nn.Module) -> set[int]:
    """Parameters held by modules that are none of torch's own layers."""
    return {
        id(parameter)
        for each in module.modules()
        if _reset_of(each, owns=False) is None
        for parameter in each.parameters(recurse=False)
    }


def _fan_in(name: str, operand: Tensor, place: int) -> int:
    if name == "linear" or name.startswith("conv"):
        return operand.shape[1:].numel()
    left = (place == 0) != (name == "__rmatmul__")
    return operand.shape[-1] if left else operand.shape[-2]


def _uses(module: nn.Module, sample: Tensor) -> list[_Use]:
    """The weights in order of use."""
    watch = _Products(module)
    with watch:
        run(module, sample)
    if not watch.uses:
        raise NotAskable("the model has no linear layer or convolution that learns")
    return list(watch.uses.values())


def _he(module: nn.Module, sample: Tensor) -> None:
    for use in _uses(module, sample):
        nn.init.normal_(use.weight, std=math.sqrt(2 / use.fan_in))
        _zero(use.biases)


def _unit_variance(module: nn.Module, sample: Tensor) -> None:
    *hidden, last = _uses(module, sample)
    for use in hidden:
        nn.init.orthogonal_(use.weight)
        _zero(use.biases)
    if last.bare:  # torch's rule for linear layers
        nn.init.uniform_(last.weight, -1 / math.sqrt(last.fan_in), 1 / math.sqrt(last.fan_in))
        _zero(last.biases)
    with _UnitVariance(module, id(last.weight)):
        run(module, sample)


def _zero(biases: list[nn.Parameter]) -> None:
    for bias in biases:
        nn.init.zeros_(bias)


_HOW: Mapping[str, Callable[[nn.Module, Tensor], None]] = {
    "default": lambda module, sample: None,
    "he": _he,
    "unit_variance": _unit_variance,
}

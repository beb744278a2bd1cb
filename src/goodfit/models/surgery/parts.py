"""Tools of the edits: put a module in another's place, surround a layer, change a bare function call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from goodfit.models.functions import Watch, plain_name
from goodfit.models.held import every_module, held
from goodfit.models.surgery.errors import NotAskable
from goodfit.models.tracing import Event, Trace, opaque

UNITS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
"""Hidden activations by name."""


class Chain(nn.Sequential):
    """A layer with something before or after it; the layer's attributes (``weight``) can still be read."""

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            for part in self._modules.values():
                if hasattr(part, name):
                    return getattr(part, name)
            raise


class InTurn(nn.Module):
    """A module called several times in one pass, with another module for each call; the last for any further call."""

    def __init__(self, parts: Iterable[nn.Module], root: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.calls = 0
        root.register_forward_pre_hook(self._restart)

    def _restart(self, module: nn.Module, args: Any) -> None:
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        part = self.parts[min(self.calls, len(self.parts) - 1)]
        self.calls += 1
        result: Tensor = part(x)
        return result


class Intercepted(nn.Module):
    """A module some of whose bare calls of activation functions (``torch.relu(x)``) are changed as they happen.

    ``ordinals`` counts the calls in the order of one pass. ``replacement`` takes the place of the function, or with
    ``after=True`` is applied to its result. With ``dropout=True`` all bare calls of dropout are replaced instead.
    """

    def __init__(
        self,
        module: nn.Module,
        replacement: nn.Module,
        found: Trace,
        ordinals: Iterable[int] = (),
        *,
        after: bool = False,
        dropout: bool = False,
    ) -> None:
        super().__init__()
        self.module = module
        self.replacement = replacement
        self._watch = _Change(replacement, frozenset(ordinals), after, dropout)
        custom = {id(each) for each in found.custom}
        self._watch.hide(each for each in every_module(self).values() if opaque(each) or id(each) in custom)
        self._watch.hide([replacement])

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self._watch.calls = self._watch.inside = 0
        with self._watch:
            return self.module(*args, **kwargs)


class _Change(Watch):
    def __init__(self, replacement: nn.Module, ordinals: frozenset[int], after: bool, dropout: bool) -> None:
        super().__init__()
        self.replacement, self.ordinals, self.after, self.dropout = replacement, ordinals, after, dropout

    def called(self, func: Any, args: Any, kwargs: Any, kind: str | None, ordinal: int) -> Any:
        if self.dropout and plain_name(func).endswith("dropout"):
            return self.replacement(_first(args, kwargs))
        if kind is None or ordinal not in self.ordinals:
            return func(*args, **kwargs)
        if self.after:
            return self.replacement(func(*args, **kwargs))
        values = _first(args, kwargs)
        # ``x.relu_()`` may stand alone as a statement, so that the change has to reach ``x`` itself.
        in_place = func.__name__.endswith("_") or kwargs.get("inplace")
        return values.copy_(self.replacement(values.clone())) if in_place else self.replacement(values)


def _first(args: Any, kwargs: Any) -> Tensor:
    values: Tensor = args[0] if args else kwargs["input"]
    return values


def swap(root: nn.Module, old: nn.Module, new: nn.Module) -> nn.Module:
    """Put ``new`` wherever ``old`` stands in ``root``, in plain lists too; returns the root, which may be ``new``."""
    if root is old:
        return new
    modules = list(every_module(root).values())  # before ``new``, which may hold ``old``, is among them
    for place in held(root):
        if place.value is old and not place.replace(new):
            raise NotAskable(f"{place.name} stands in a tuple or set, which cannot be changed")
    for module in modules:
        for name, child in module._modules.items():
            if child is old:
                module._modules[name] = new
    return root


def change_calls(
    root: nn.Module, found: Trace, events: list[Event], make: Callable[[nn.Module | None], nn.Module]
) -> nn.Module:
    """Give every module that made one of the ``events`` another in its place, call by call where calls differ.

    ``make`` gets the old module and returns the new one.
    """
    chosen = {id(event) for event in events}
    for old in {id(event.module): event.module for event in events if event.module is not None}.values():
        calls = [event for event in found.of("activation") if event.module is old]
        if all(id(event) in chosen for event in calls):
            root = swap(root, old, make(old))
        else:
            new = make(old)
            root = swap(root, old, InTurn([new if id(event) in chosen else old for event in calls], root))
    return root


def bare(events: list[Event]) -> list[int]:
    """Ordinals of the events that are bare function calls."""
    return [event.ordinal for event in events if event.module is None]

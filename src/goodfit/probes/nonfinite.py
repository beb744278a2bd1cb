"""Finds where NaN or infinity came into a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.core.step import Inputs
from goodfit.probes.gradients import dense
from goodfit.probes.layers import named, plain, replay
from goodfit.probes.undisturbed import first_tensor


class Where(Enum):
    """Where a non-finite number was first seen, in the order in which one brings about the next."""

    INPUT = "input"
    PARAMETER = "parameter"
    BUFFER = "buffer"
    ACTIVATION = "activation"
    LOSS = "loss"
    GRADIENT = "gradient"


@dataclass(frozen=True)
class Place:
    """Where it was first seen."""

    where: Where
    layer: str
    """Module or parameter; empty for inputs and loss."""
    words: str
    """What was found, as the beginning of a sentence."""


@dataclass(frozen=True)
class Nonfinite:
    """The first non-finite number of a training."""

    where: Where
    layer: str
    step: int
    """Number of the update (from 1) that the batch was for."""
    batch: int
    """Number of the training batch (from 1)."""
    sentence: str


def first_nonfinite(model: nn.Module, inputs: Any = None, loss: Tensor | None = None) -> Place | None:
    """Where the first non-finite number is: inputs, parameters, buffers, activations, loss, gradients, in this order.

    Activations are looked for in one more forward pass on ``inputs`` (a tensor, or `Inputs`), which changes nothing.
    """
    looked: tuple[Callable[[], Place | None], ...] = (
        partial(_in_inputs, inputs),
        partial(in_parameters, model),
        partial(_in_buffers, model),
        partial(_in_activations, model, inputs),
        partial(_in_loss, loss),
        partial(_in_gradients, model),
    )
    with torch.no_grad():
        return next((found for look in looked if (found := look()) is not None), None)


def sentence(place: Place, update: int, batch: int) -> str:
    meaning = {
        Where.INPUT: "the data hold it, the training did not make it",
        Where.PARAMETER: f"update {update - 1} made it so" if update > 1 else "it was so before the first update",
        Where.BUFFER: "a batch before this one made it so",
        Where.ACTIVATION: "the inputs and all parameters are finite",
        Where.LOSS: "the outputs of the model are finite",
        Where.GRADIENT: "what can be seen of the forward pass is finite: it arose in the loss or in the backward pass",
    }[place.where]
    return f"{place.words} at update {update}, batch {batch}; {meaning}."


def _kind(values: Tensor) -> str:
    return "NaN" if bool(values.isnan().any()) else "infinity"


def bad(values: Tensor) -> bool:
    return (values.is_floating_point() or values.is_complex()) and not bool(values.isfinite().all())


def _worse(values: Tensor) -> bool:
    """NaN or plus infinity; minus infinity is how attention masks are written."""
    return values.is_floating_point() and bool((values.isnan() | (values == math.inf)).any())


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_tensors, value.values()))
    elif isinstance(value, tuple | list):
        yield from chain.from_iterable(map(_tensors, value))


def _in_inputs(inputs: Any) -> Place | None:
    given = (inputs.args, inputs.kwargs) if isinstance(inputs, Inputs) else inputs
    for index, values in enumerate(_tensors(given)):
        if _worse(values) or (index == 0 and bad(values)):
            return Place(Where.INPUT, "", f"The input batch holds {_kind(values)} in {_columns(values)}")
    return None


def _columns(values: Tensor) -> str:
    bad = ~values.isfinite()
    if values.dim() != 2:
        return f"{int(bad.sum())} of its {values.numel()} values"
    columns = bad.any(dim=0).nonzero().flatten().tolist()
    rows = int(bad.any(dim=1).sum())
    shown = ", ".join(map(str, columns[:5])) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
    return f"column{'s' if len(columns) > 1 else ''} {shown} ({rows} of {len(values)} rows)"


def in_parameters(model: nn.Module) -> Place | None:
    for name, each in plain(model).named_parameters():
        if bad(each):
            return Place(Where.PARAMETER, named(name), f"Parameter '{named(name)}' holds {_kind(each)}")
    return None


def _in_buffers(model: nn.Module) -> Place | None:
    for name, each in plain(model).named_buffers():
        if _worse(each):
            return Place(Where.BUFFER, named(name), f"Buffer '{named(name)}' holds {_kind(each)}")
    return None


def _in_loss(loss: Tensor | None) -> Place | None:
    return None if loss is None or not bad(loss) else Place(Where.LOSS, "", f"The loss is {_kind(loss)}")


def _in_gradients(model: nn.Module) -> Place | None:
    """The last in order: the backward pass comes to it first."""
    found = [(named(name), each.grad) for name, each in plain(model).named_parameters() if each.grad is not None]
    for name, gradient in reversed(found):
        if bad(dense(gradient)):
            return Place(Where.GRADIENT, name, f"The gradient of '{name}' holds {_kind(dense(gradient))}")
    return None


def _in_activations(model: nn.Module, inputs: Any) -> Place | None:
    if inputs is None:
        return None
    found = _Activations()
    handles = found.hooks(model)
    try:
        outputs = replay(model, inputs)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None  # the batch is not there any more as it was: the search goes on without it
    finally:
        for handle in handles:
            handle.remove()
    found.note(found.last, first_tensor(outputs), f"the outputs of the model, after '{found.last}'")
    return found.first or found.minus


class _Activations:
    """The first layer to return, or to be given, what is not finite; minus infinity counts if there is nothing else."""

    def __init__(self) -> None:
        self.first: Place | None = None
        self.minus: Place | None = None
        self.last = ""

    def hooks(self, model: nn.Module) -> Sequence[Any]:
        leaves = [(named(name), each) for name, each in plain(model).named_modules() if not list(each.children())]
        into = [each.register_forward_pre_hook(partial(self._given, name)) for name, each in leaves]
        return [*into, *(each.register_forward_hook(partial(self._returned, name)) for name, each in leaves)]

    def note(self, layer: str, values: Tensor | None, words: str) -> None:
        if self.first is not None or values is None or not bad(values.detach()):
            return
        kind = _kind(values.detach())
        place = Place(Where.ACTIVATION, layer, f"{kind[0].upper()}{kind[1:]} first appears in {words}")
        if _worse(values.detach()):
            self.first = place
        else:
            self.minus = self.minus or place

    def _given(self, name: str, module: nn.Module, inputs: Any) -> None:
        self.note(name, first_tensor(inputs), f"what layer '{name}' is given")

    def _returned(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        self.last = name
        self.note(name, first_tensor(output), f"the output of layer '{name}' ({type(module).__name__})")

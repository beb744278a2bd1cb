"""Which layers a model runs, in which order, and how one of them is put in another's place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from goodfit.core.runtime import evaluating, preserved_rng
from goodfit.models.surgery.errors import NotAskable

CONVOLUTIONS: tuple[type[nn.Module], ...] = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
NORMALISATIONS: tuple[type[nn.Module], ...] = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.GroupNorm,
    nn.LayerNorm,
)
BATCH_NORMALISATIONS: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
RECURRENT: tuple[type[nn.Module], ...] = (nn.RNN, nn.GRU, nn.LSTM)
ATTENTION: tuple[type[nn.Module], ...] = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.MultiheadAttention)


@dataclass(frozen=True, eq=False)
class Call:
    """One run of a layer: the first tensor it was given and the first it returned, if any."""

    name: str
    module: nn.Module
    input: Tensor | None
    output: Tensor | None


class Extended(nn.Sequential):
    """A layer and what was put after it. What a forward asks of the layer itself (its weight) is still answered."""

    def __getattr__(self, name: str) -> Any:
        layer = self.__dict__.get("_modules", {}).get("0")
        if layer is None or name in self._modules or not hasattr(layer, name):
            return super().__getattr__(name)
        return getattr(layer, name)


@contextmanager
def _part_by_part() -> Iterator[None]:
    """torch's fused encoder layers run none of their parts, and so no hook on them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def run(module: nn.Module, sample: Tensor) -> Any:
    """What a model returns in evaluation mode without gradients. NotAskable where it fails."""
    try:
        with preserved_rng(), evaluating(module), _part_by_part():
            return module(sample)
    except NotAskable:
        raise
    except Exception as error:  # a person's forward may raise anything
        raise NotAskable("the model fails on a batch of the training data") from error


def output_of(module: nn.Module, sample: Tensor) -> Tensor:
    """The one tensor a model returns. NotAskable where it returns anything else."""
    output = run(module, sample)
    if not isinstance(output, Tensor):
        raise NotAskable("the model returns something else than one tensor")
    return output


def first_tensor(values: Any) -> Tensor | None:
    """The first tensor among arguments or results."""
    if isinstance(values, PackedSequence):
        return values.data
    if isinstance(values, Tensor):
        return values
    if isinstance(values, dict):
        values = values.values()
    if isinstance(values, Iterable) and not isinstance(values, str):
        return next((found for each in values if (found := first_tensor(each)) is not None), None)
    return None


def calls(module: nn.Module, sample: Tensor) -> list[Call]:
    """Every run of a layer (of the model too, last) in the order they end."""
    found: list[Call] = []

    def record(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            found.append(Call(name, layer, first_tensor((args, kwargs)), first_tensor(output)))

        return hook

    handles = [each.register_forward_hook(record(name), with_kwargs=True) for name, each in module.named_modules()]
    try:
        run(module, sample)
    finally:
        for handle in handles:
            handle.remove()
    return found


def replace(root: nn.Module, old: nn.Module, new: nn.Module) -> nn.Module:
    """``root`` with ``new`` wherever ``old`` was; ``new`` itself where ``old`` was all of it."""
    if root is old:
        return new
    places = [(parent, name) for parent in root.modules() for name, child in parent._modules.items() if child is old]
    for parent, name in places:
        setattr(parent, name, new)
    return root


def inside(root: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[nn.Module]:
    """All modules that are of one of the ``kinds`` or belong to one that is."""
    return {part for whole in root.modules() if isinstance(whole, kinds) for part in whole.modules()}


def first_that_works(
    module: nn.Module, attempts: Iterable[Callable[[nn.Module], nn.Module]], sample: Tensor, otherwise: str
) -> nn.Module:
    """The first changed copy that still maps the sample to outputs of the same shape. NotAskable where none does."""
    shape = output_of(module, sample).shape
    reason = otherwise
    for attempt in attempts:
        try:
            changed = attempt(copy.deepcopy(module))
            if output_of(changed, sample).shape == shape:
                return changed
            reason = otherwise
        except Exception as error:  # a forward that fixes its sizes may raise anything
            reason = str(error) if isinstance(error, NotAskable) and error.__cause__ is None else otherwise
    raise NotAskable(reason)

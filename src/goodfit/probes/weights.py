"""All trained weights of a model as one vector, and how to stand at another point for a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from goodfit.core.errors import SettingsError
from goodfit.probes.undisturbed import trainable


def flattened(tensors: Iterable[Tensor]) -> Tensor:
    """(parameters,): a copy, in the order given."""
    return torch.cat([each.detach().flatten() for each in tensors])


def shaped(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """``vector`` (parameters,) cut into the shapes, types and devices of ``like``."""
    parts = vector.split([each.numel() for each in like])
    return [part.view(each.shape).to(each) for part, each in zip(parts, like, strict=True)]


def move(parameters: Sequence[Tensor], origin: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> None:
    """Write ``origin + step * direction`` into ``parameters``, without gradients; a step of 0 writes the same bits."""
    with torch.no_grad():
        for parameter, start, way in zip(parameters, origin, direction, strict=True):
            torch.add(start, way, alpha=step, out=parameter)


def weight_vector(model: nn.Module, state: Mapping[str, Tensor] | None = None) -> Tensor:
    """(parameters,): the weights that are trained, as they stand or as in ``state``, a state dict of the same model.

    The difference of two such vectors is a direction for `slice_1d` and `slice_2d`.

    Raises:
        SettingsError: a weight is missing from ``state`` or has another shape there; nothing is trained.
    """
    parameters = trained(model)
    if state is None:
        return flattened(parameters.values())
    checked(state, parameters)
    return flattened(state[name].to(each) for name, each in parameters.items())


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """`trainable`, of which there must be some."""
    found = trainable(model)
    if not found:
        raise SettingsError("No weight of the model requires a gradient", "Unfreeze some of them.")
    return found


def checked(state: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> None:
    """Refuse a state dict that is not one of this model."""
    for name, each in like.items():
        if name not in state:
            raise SettingsError(f"The state dict has no entry {name!r}", "Pass one of the same model.")
        if state[name].shape != each.shape:
            shapes = f"{tuple(state[name].shape)}, in the model {tuple(each.shape)}"
            raise SettingsError(f"The shape of {name!r} is {shapes}", "Pass a state dict of the same model.")


def filter_norms(model: nn.Module) -> list[Tensor | None]:
    """For each trained parameter the Euclidean norms of its filters, to be broadcast over it; None for vectors.

    A filter is all weights into one output unit or channel: axis 0, in transposed convolutions axis 1.
    """
    turned = {id(each.weight) for each in model.modules() if isinstance(each, _ConvTransposeNd)}
    return [_norms(each.detach(), 1 if id(each) in turned else 0) for each in trained(model).values()]


def _norms(weight: Tensor, axis: int) -> Tensor | None:
    if weight.dim() < 2:
        return None
    others = [each for each in range(weight.dim()) if each != axis]
    norms: Tensor = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    return norms

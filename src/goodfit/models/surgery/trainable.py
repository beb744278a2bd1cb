"""Let every parameter learn."""

from __future__ import annotations

import re

from torch import Tensor, nn

from goodfit.models.held import Held, unregistered
from goodfit.models.surgery.errors import NotAskable


def trainable(module: nn.Module, value: str, sample: Tensor) -> nn.Module:
    """``all``: every floating-point parameter requires gradients, and what stands in plain lists, tuples, dicts or
    objects is registered as well, under a name of its own; the plain places stay as they are.
    """
    if value != "all":
        raise ValueError(f"The 'trainable' parameter must be 'all'. Got {value!r} instead.")
    hidden = unregistered(module)
    for each in hidden:
        _register(each)
    frozen = [p for p in module.parameters() if p.is_floating_point() and not p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    if not hidden and not frozen:
        raise NotAskable("every parameter of the network is trainable already")
    return module


def _register(found: Held) -> None:
    if isinstance(found.value, nn.Module):
        name = found.path if found.holder is found.owner else _free(found)
        found.owner._modules[name] = found.value
        return
    parameter = found.value if isinstance(found.value, nn.Parameter) else nn.Parameter(found.value.detach())
    if found.holder is found.owner:
        del vars(found.owner)[found.key]  # an attribute of the same name would hide the parameter
        found.owner.register_parameter(found.path, parameter)
        return
    if parameter is not found.value and not found.replace(parameter):
        raise NotAskable(f"{found.name} stands in a tuple, which cannot be changed")
    found.owner.register_parameter(_free(found), parameter)


def _free(found: Held) -> str:
    name = re.sub(r"\W+", "_", found.path).strip("_")
    while hasattr(found.owner, name):
        name += "_"
    return name

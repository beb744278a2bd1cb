"""Initial weights that are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from goodfit.models.surgery.errors import NotAskable


@dataclass(frozen=True, eq=False)
class Start:
    """Weights and buffers by name, as ``state_dict()`` gives them; two are the same only if they are one object."""

    words: str
    """Where they come from."""
    weights: Mapping[str, Tensor] = field(repr=False)


def start(module: nn.Module, value: Start, sample: Tensor) -> nn.Module:
    """The same module with the weights and buffers of ``value``, copied.

    NotAskable where they are those of another network.
    """
    own = module.state_dict()
    if {name: each.shape for name, each in own.items()} != {name: t.shape for name, t in value.weights.items()}:
        raise NotAskable("the network is no longer the one that these weights are of")
    module.load_state_dict(dict(value.weights))
    return module

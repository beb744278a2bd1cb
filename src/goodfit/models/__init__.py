"""Small, readable, standard networks. A factory is ``factory(signature, *, width=..., depth=...) -> module``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from goodfit.models.attention import attention
from goodfit.models.cnn import cnn
from goodfit.models.linear import linear
from goodfit.models.mlp import mlp

__all__ = ["FACTORIES", "attention", "cnn", "keywords", "linear", "mlp"]

FACTORIES: Mapping[str, Callable[..., nn.Module]] = {
    "linear": linear,
    "mlp": mlp,
    "cnn": cnn,
    "attention": attention,
}


def keywords(name: str) -> dict[str, Any]:
    """The keywords a factory takes, with their defaults."""
    parameters = inspect.signature(FACTORIES[name]).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}

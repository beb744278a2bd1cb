"""Multilayer perceptron: the lecture's sum of sigmoid or ReLU units, stacked."""

from __future__ import annotations

from torch import nn

from goodfit.core.errors import SettingsError
from goodfit.core.task import Signature
from goodfit.models.entry import ClassesFirst, TokenWindow, entry
from goodfit.models.units import ACTIVATIONS, NORMALISATIONS, Residual


def mlp(
    signature: Signature,
    *,
    width: int = 128,
    depth: int = 2,
    activation: str = "relu",
    normalisation: str = "none",
    dropout: float = 0.0,
    residual: bool = False,
    kernel: int = 1,
) -> nn.Sequential:
    """``depth`` hidden layers of ``width`` units. On tokens the input is a window of ``kernel`` of them (odd)."""
    _check(signature.tokens, normalisation, kernel)
    first: list[nn.Module]
    if signature.tokens:
        window = TokenWindow(signature.categories, kernel)
        first, inputs = [window], window.width
    else:
        first, inputs = entry(signature)
    last = [ClassesFirst()] if signature.tokens else []
    hidden: list[nn.Module] = []
    for index in range(depth):
        layer = _layer(inputs if index == 0 else width, width, activation, normalisation, dropout)
        hidden.append(Residual(layer) if residual and index > 0 else layer)
    head = nn.Linear(width if depth else inputs, signature.outputs)
    return nn.Sequential(*first, *hidden, head, *last)


def _check(tokens: bool, normalisation: str, kernel: int) -> None:
    if tokens and normalisation == "batch":
        raise SettingsError(
            "The 'model.normalisation' setting must be 'layer' or 'none' for an mlp on tokens. Got 'batch' instead"
        )
    if kernel != 1 and not tokens:
        raise SettingsError(
            "The 'model.kernel' setting of an mlp is a window of tokens", "Leave it out for other data."
        )
    if kernel % 2 == 0:
        raise SettingsError(f"The 'model.kernel' setting must be an odd number for an mlp. Got {kernel} instead")


def _layer(inputs: int, width: int, activation: str, normalisation: str, dropout: float) -> nn.Sequential:
    modules: list[nn.Module] = [nn.Linear(inputs, width)]
    if normalisation != "none":
        modules.append(NORMALISATIONS[normalisation](width))
    modules.append(ACTIVATIONS[activation]())
    if dropout:
        modules.append(nn.Dropout(dropout))
    return nn.Sequential(*modules)

"""The simplest network: one layer, nothing hidden. Linear or logistic regression, trained by gradient descent."""

from __future__ import annotations

from torch import nn

from goodfit.core.task import Signature
from goodfit.models.entry import ClassesFirst, TokenWindow, entry


def linear(signature: Signature, *, kernel: int = 1) -> nn.Sequential:
    """One linear layer; on tokens it sees ``kernel`` of them (odd), centred on the one to be labelled."""
    if signature.tokens:
        window = TokenWindow(signature.categories, kernel)
        return nn.Sequential(window, nn.Linear(window.width, signature.outputs), ClassesFirst())
    first, width = entry(signature)
    return nn.Sequential(*first, nn.Linear(width, signature.outputs))

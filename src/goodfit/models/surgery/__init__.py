"""Changes of a person's own network, one at a time: ``partial(rebuilt, factory, sample, activation="relu")``.

The control's recipe holds ``partial(rebuilt, factory, sample)``, so that `Recipe.diff` names the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from goodfit.models.surgery.activations import activation
from goodfit.models.surgery.capacity import deepen, residual, stand_in, widen
from goodfit.models.surgery.columns import without
from goodfit.models.surgery.dropout import dropout
from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.initialisation import initialise
from goodfit.models.surgery.inputs import attached, standardise, unpadded
from goodfit.models.surgery.normalisation import normalisation
from goodfit.models.surgery.outputs import output
from goodfit.models.surgery.position import position
from goodfit.models.surgery.start import Start, start
from goodfit.models.surgery.trainable import trainable

__all__ = ["EDITS", "Edit", "NotAskable", "Start", "rebuilt"]

Edit = Callable[[nn.Module, Any, Tensor], nn.Module]
"""``(module, value, sample inputs) -> module``: the same object, edited, or one around it.

Raises `NotAskable` where the change cannot be made."""

EDITS: Mapping[str, Edit] = {
    "stand_in": stand_in,
    "width": widen,
    "depth": deepen,
    "activation": activation,
    "output": output,
    "normalisation": normalisation,
    "residual": residual,
    "dropout": dropout,
    "position": position,
    "without": without,
    "standardise": standardise,
    "initialisation": initialise,
    "trainable": trainable,
    "attached": attached,
    "unpadded": unpadded,
    "start": start,
}
"""In the order in which they are made. Initial weights are scaled to the signals of whole batches, with all that is
changed before; what was frozen keeps its weights and only then learns; padding is cut off first of all in a forward;
weights that are given are those of the whole."""


def rebuilt(factory: Callable[[], nn.Module], sample: Tensor, **edits: Any) -> nn.Module:
    """A fresh module from ``factory`` with each edit made in the order of `EDITS`; without edits just the module.

    ``sample`` holds a few rows of inputs, ``(rows, ...)``. Raises `NotAskable` where an edit cannot be made.
    """
    if unknown := sorted(set(edits) - set(EDITS)):
        raise TypeError(f"Unknown edit {unknown[0]!r}. Known: {', '.join(EDITS)}.")
    module = factory()
    for name, edit in EDITS.items():
        if name in edits:
            module = edit(module, edits[name], sample)
    return module

"""What a training left behind: `Measurement`s and the `Run` that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from goodfit.core.recipe import Recipe
    from goodfit.core.step import Callback
    from goodfit.core.task import Task


@dataclass(frozen=True)
class Measurement:
    """One quantity at one moment: ``step`` counts updates of the weights."""

    quantity: str
    step: int
    value: float
    layer: str = ""
    standard_error: float = float("nan")
    unit: str = ""
    seconds: float = 0.0


class Outcome(Enum):
    """How a training ended; the value is the sentence a person reads."""

    FINISHED = "all epochs were run"
    STOPPED_EARLY = "the validation loss had not improved for the patience given"
    OUT_OF_TIME = "the time budget was used up"
    UPDATES_REACHED = "the number of updates asked for was reached"
    DIVERGED = "the loss stopped being a finite number"


@dataclass(frozen=True, eq=False)
class Run:
    """One training: what went in (by fingerprint), what was measured, how it ended, and the weights kept."""

    task: str
    recipe: Recipe
    outcome: Outcome
    measurements: tuple[Measurement, ...]
    weights: Mapping[str, Tensor]
    """State dict of the best epoch by validation loss, on the CPU."""
    best_epoch: int
    epochs: int
    updates: int
    seconds: float
    environment: Mapping[str, str | int] = field(default_factory=dict)

    def curve(self, quantity: str) -> tuple[list[int], list[float]]:
        """Steps and values of one quantity, in the order measured."""
        found = [m for m in self.measurements if m.quantity == quantity]
        return [m.step for m in found], [m.value for m in found]


class Fit(Protocol):
    """The callable handed to the guide: our own loop, or a person's."""

    def __call__(self, task: Task, recipe: Recipe, callbacks: Sequence[Callback] = ()) -> Run: ...

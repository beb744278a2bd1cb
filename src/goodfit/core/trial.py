"""What one training showed, as far as an experiment needs it: `Trial`, with a `PartResult` for each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from goodfit.core.run import Outcome
from goodfit.core.statistics import UnitScores


@dataclass(frozen=True, eq=False)
class PartResult:
    """A network on one part of the data. ``error`` is a share of the best constant's: 0 perfect, 1 useless."""

    loss: float
    error: float
    units: UnitScores
    """Errors row by row, not yet divided by the constant's."""
    constant: float
    balanced: float = float("nan")
    """Mean error over classes, as a share of what guessing gives; nan without classes."""
    recalls: tuple[float, ...] = ()

    @property
    def score(self) -> float:
        """Accuracy, or R2."""
        return 1 - self.units.value if self.recalls else 1 - self.units.value / self.constant

    def by_row(self) -> NDArray[np.float64]:
        """The error share of each row."""
        weights = np.maximum(self.units.weights, 1e-12)
        shares: NDArray[np.float64] = np.minimum(self.units.sums / weights / max(self.constant, 1e-12), 1e6)
        return shares


@dataclass(frozen=True, eq=False)
class Trial:
    """One training of a job: the last weights judged on both parts, and how it went there."""

    change: str
    """What was changed against the control, '' for the control itself."""
    fields: tuple[str, ...]
    seed: int
    outcome: Outcome
    train: PartResult
    validation: PartResult
    train_losses: tuple[float, ...]
    """Mean loss of each epoch, on the way."""
    validation_losses: tuple[float, ...]
    """After each epoch."""
    validation_errors: Mapping[int, float]
    """Error share after some of the epochs."""
    batch_losses: NDArray[np.float64]
    """Loss of every update."""
    updates: int
    work: float
    """Rows passed forward and back, as a share of what one training of the job as it was found takes."""
    seconds: float
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    failure: str = ""
    """Why the training broke off, in the words of the exception."""
    steps: tuple[float, ...] = ()
    """Norm of the whole gradient at the first updates."""

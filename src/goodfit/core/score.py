"""How good predictions are, part by part, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from goodfit.core.statistics import Estimate, UnitScores, estimate, share
from goodfit.core.task import IGNORED, Metric, Part, Rows, Task, targets_of

Array = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scorecard:
    """Predictions in the person's own unit and how far they are from the truth.

    Predictions are ``(rows,)`` numbers or class numbers, for token labels ``(rows, length)`` class numbers.
    """

    metric: Metric
    predictions: Mapping[Part, Array]
    truth: Mapping[Part, Array]
    units: Mapping[Part, UnitScores]
    estimates: Mapping[Part, Estimate]
    note: str = ""
    """How the predictions were made, where a person would ask (rows left out, limits)."""

    def value(self, part: Part) -> float:
        return self.estimates[part].value

    def joined(self, other: Scorecard) -> Scorecard:
        """This card with the parts of another one for the same model."""
        return replace(
            self,
            predictions={**self.predictions, **other.predictions},
            truth={**self.truth, **other.truth},
            units={**self.units, **other.units},
            estimates={**self.estimates, **other.estimates},
        )


def score(task: Task, predictions: Mapping[Part, Array], *, note: str = "", seed: int = 0) -> Scorecard:
    """Judge predictions for some or all parts of a task by its metric."""
    truths = {part: truth(task, part) for part in predictions}
    units = {part: unit_scores(task, predictions[part], truths[part]) for part in predictions}
    judge = share if task.metric.higher_is_better else estimate
    estimates = {part: judge(units[part], task.clusters.get(part), seed=seed) for part in predictions}
    return Scorecard(task.metric, predictions, truths, units, estimates, note)


def truth(task: Task, part: Part) -> Array:
    """The targets of a part in the person's own unit."""
    rows = task.part(part)
    if rows is None:
        raise ValueError(f"task {task.name!r} has no {part} rows")
    targets = targets_of(rows)
    if task.objective == "regression" and isinstance(rows, Rows):
        targets = task.decode(targets, rows.inputs)
    decoded: Array = targets.numpy()
    return decoded


def unit_scores(task: Task, predictions: Array, truths: Array) -> UnitScores:
    """The task's metric, row by row."""
    if task.objective == "regression":
        errors = np.abs(predictions.astype(float).reshape(-1) - truths.reshape(-1))
        return UnitScores(errors, np.ones_like(errors))
    if task.objective == "classification":
        right = (predictions == truths).astype(float)
        return UnitScores(right, np.ones_like(right))
    counted = truths != IGNORED
    right = ((predictions == truths) & counted).astype(float)
    return UnitScores(right.sum(axis=1), counted.sum(axis=1).astype(float))

"""The test part, read once, when everything has been chosen: a mended job beside the job as it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from goodfit.causes import Change
from goodfit.core.coding import WORST
from goodfit.core.job import Job
from goodfit.core.statistics import Estimate, UnitScores, difference, estimate
from goodfit.core.task import Rows, count_of
from goodfit.core.treatment import FinalTest
from goodfit.core.trial import PartResult
from goodfit.guide.trials import judge
from goodfit.models.surgery import NotAskable

NONE = Estimate(float("nan"), float("nan"), float("nan"))

Weights = Mapping[str, Tensor]


def tested(
    test: Rows, job: Job, mended: Job, changes: Sequence[Change], weights: tuple[Weights, Weights]
) -> tuple[FinalTest, Rows]:
    """Both networks, by their weights, on the rows of ``test``; and these rows as the mended job has them."""
    before = _judged(job, weights[0], test)
    follows = carried(test, job, changes)
    after = _judged(mended, weights[1], follows)
    found = FinalTest(
        rows=count_of(test),
        before=_error(before),
        after=_error(after),
        gain=_gain(before, after),
        score_before=before.score,
        score_after=after.score,
    )
    return found, follows


def carried(test: Rows, job: Job, changes: Sequence[Change]) -> Rows:
    """The test rows as the changes make them, where a change is one of each row by itself.

    The change is made with the test rows in the place of the validation rows. It is one of rows by themselves if as
    many come out and the training rows come out as they otherwise do; a new split, for one, leaves the test part alone.
    """
    current = job
    for change in changes:
        follows = change.apply(current)
        if "task.validation" in change.fields:
            test = _followed(test, current, follows, change)
        current = follows
    return test


def _followed(test: Rows, before: Job, after: Job, change: Change) -> Rows:
    try:
        made = change.apply(before.with_task(validation=test)).task
    except NotAskable:
        return test
    if not isinstance(made.validation, Rows) or len(made.validation) != len(test):
        return test
    return made.validation if _same(made.train, after.task.train) else test


def _same(one: object, other: object) -> bool:
    if isinstance(one, Rows) and isinstance(other, Rows):
        return one is other or (torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets))
    return one is other


def _judged(job: Job, weights: Weights, rows: Rows) -> PartResult:
    model = job.recipe.model()
    model.load_state_dict(dict(weights))
    return judge(model, job, rows)


def _shares(result: PartResult) -> UnitScores:
    """Errors row by row as shares of the constant's; those of a network that diverged are cut where all errors are."""
    if result.error >= WORST:
        return UnitScores(WORST * result.units.weights, result.units.weights)
    return UnitScores(result.units.sums / max(result.constant, 1e-12), result.units.weights)


def _error(result: PartResult) -> Estimate:
    return estimate(_shares(result))


def _gain(before: PartResult, after: PartResult) -> Estimate:
    """On the same rows, row by row; nan where some of them do not count any more."""
    first, second = _shares(before), _shares(after)
    same = first.weights.shape == second.weights.shape and bool((first.weights == second.weights).all())
    return difference(first, second) if same else NONE

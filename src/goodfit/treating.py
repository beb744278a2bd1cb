"""`goodfit.treat`: mend a training that does not fit, and prove it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, default_collate

from goodfit import handover
from goodfit.asking import Budget, budget_of, read, seconds_left, seeds_of, training, unchanged
from goodfit.causes import CAUSES
from goodfit.core.card import UNDETERMINED, percent
from goodfit.core.errors import DataError, SettingsError
from goodfit.core.evidence import Cost, Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Inquiry, Unheard
from goodfit.core.statistics import Estimate, estimate, unpaired_difference
from goodfit.core.task import Rows
from goodfit.core.treatment import FinalTest, Flattery, Kept, Standing, Treatment
from goodfit.core.trial import Trial
from goodfit.guide import treatment as guide
from goodfit.guide.choice import CONTROL, PLACEBO, RANDOM, Choice
from goodfit.guide.diagnosis import Asked
from goodfit.guide.experiments import OutOfBudget, effect
from goodfit.guide.remainder import remainder
from goodfit.guide.tested import tested
from goodfit.guide.trials import JUDGED
from goodfit.intake import IN_MEMORY, OPTIONAL, REQUIRED
from goodfit.models.ensemble import Ensemble

TRAININGS = 96.0
"""Trainings a treatment may take where nothing is said, the diagnosis included."""
FEWEST_SEEDS = 2
FAR = 0.08
"""A test error surely so much above the validation error (of the constant's) is told: the validation rows flatter."""
NONE = Estimate(math.nan, math.nan, math.nan)


def treat(
    *,
    model: Callable[[], nn.Module],
    loss: Callable[..., torch.Tensor],
    optimizer: Callable[..., torch.optim.Optimizer],
    train: Dataset[Any],
    val: Dataset[Any],
    batch_size: int,
    epochs: int,
    shuffle: bool,
    task: str,
    test: Dataset[Any] | None = None,
    scheduler: Callable[..., Any] | None = None,
    budget: str | float | None = None,
    seeds: int | Sequence[int] | None = None,
    progress: Inquiry | None = None,
) -> Treatment:
    """Diagnose a training, change what its experiments confirm, choose further remedies by folds, and prove the result.

    The parts of the job are those of `goodfit.diagnose`. ``test`` is read once, row by row, when all is chosen: no
    question of the diagnosis sees it here. ``budget`` bounds diagnosis and treatment together: ``'60x'`` sixty
    trainings, ``'5m'`` five minutes, both, or a number of trainings; 96 trainings where nothing is said. ``seeds`` are
    the paired seeds, two at least, or how many. ``progress`` is told of each question.

    Nothing that belongs to the caller is changed. Raises `SettingsError`, `DataError` or `TrainingError`, each a
    sentence on what to mend.
    """
    names = {*REQUIRED, *OPTIONAL}
    given = {key: value for key, value in locals().items() if key in names and value is not None}
    return treat_mapping(given, budget=budget, seeds=seeds, progress=progress)


def treat_mapping(
    given: Mapping[str, Any],
    *,
    budget: str | float | None = None,
    seeds: int | Sequence[int] | None = None,
    progress: Inquiry | None = None,
) -> Treatment:
    """`treat` for a job that comes as one mapping, as a job file returns it."""
    began = time.monotonic()
    allowed, paired = check_wishes(budget, seeds)
    _check_test(given.get("test"))
    inquiry = progress or Unheard()
    with unchanged(given):
        job = read({key: value for key, value in given.items() if key != "test"}, inquiry)
        return _treated(given, job, None, allowed, began, paired, inquiry)


def check_wishes(budget: str | float | None, seeds: int | Sequence[int] | None) -> tuple[Budget, tuple[int, ...]]:
    """Budget and seeds, read; `SettingsError` for what no treatment can be made with."""
    return budget_of(budget, TRAININGS), _enough(seeds_of(seeds))


def treat_further(
    given: Mapping[str, Any],
    job: Job,
    known: Sequence[Asked] | None,
    seeds: tuple[int, ...],
    *,
    budget: str | float | None = None,
    progress: Inquiry | None = None,
) -> Treatment:
    """Go on from a diagnosis of ``job``, the one that ``given`` describes, with its ``known`` rounds."""
    began, allowed = time.monotonic(), budget_of(budget, TRAININGS)
    with unchanged(given):
        untested = job.with_task(test=None)
        return _treated(given, untested, known, allowed, began, _enough(seeds), progress or Unheard())


def _treated(
    given: Mapping[str, Any],
    job: Job,
    known: Sequence[Asked] | None,
    allowed: Budget,
    began: float,
    seeds: tuple[int, ...],
    inquiry: Inquiry,
) -> Treatment:
    """Under `unchanged`: the person's own objects are at work in here, also when the test part is read."""
    with training(job):
        try:
            left = seconds_left(allowed, began)
            course = guide.treat(
                job, trainings=allowed.trainings, seconds=left, seeds=seeds, inquiry=inquiry, known=known
            )
        except OutOfBudget as error:
            return _nothing(given, str(error), time.monotonic() - began)
        return _made(given, course, inquiry)


# -- the result


def _made(given: Mapping[str, Any], course: guide.Course, inquiry: Inquiry) -> Treatment:
    parts = handover.mapping(given, course.job, course.mended)
    test, notes = _tested(given.get("test"), course, parts, inquiry)
    return replace(
        treatment_of(course, tested=test is not None),
        test=test,
        notes=(*handover.notes(course.job, course.mended), *notes),
        model=_network(course.mended, course.after[0]),
        ensemble=_ensemble(course),
        _parts=parts,
    )


def treatment_of(course: guide.Course, *, tested: bool) -> Treatment:
    """What a course came to, without networks and scores of a test part; ``tested``: there will be such scores."""
    cause, sentence = remainder(course)
    return Treatment(
        diagnosis=course.diagnosis,
        cause=cause,
        sentence=sentence,
        applied=tuple(_kept(each, course) for each in course.applied),
        before=_standing(course.before),
        after=_standing(course.after),
        gain=_gain(course),
        test=None,
        flattery=_flattery(course, tested),
        not_tried=dict(course.not_tried),
        cost=course.cost,
        choices=tuple(each.sentence for each in course.choices),
    )


def _nothing(given: Mapping[str, Any], why: str, seconds: float) -> Treatment:
    sentence = f"Undetermined: the budget ended before the first training did ({why})."
    cost = Cost(0.0, seconds, 0)
    diagnosis = Diagnosis(UNDETERMINED, sentence, (), cost=cost)
    flattery = Flattery(0, None, _UNCHOSEN)
    return Treatment(
        diagnosis, UNDETERMINED, sentence, (), None, None, NONE, None, flattery, {}, cost, _parts=dict(given)
    )


def _kept(applied: guide.Applied, course: guide.Course) -> Kept:
    """With the words of the remedy, or of the cause where the diagnosis itself confirmed its change."""
    cause = next(each for each in CAUSES if each.label == applied.cause)
    remedy, change = applied.remedy, applied.change
    choice = next((each for each in course.choices if each.change is change), None)
    return Kept(
        cause=applied.cause,
        change=change.words,
        fields=change.fields,
        reason=remedy.reason if remedy else cause.meaning,
        source=remedy.source if remedy else f"goodfit explain {applied.cause}",
        harms=remedy.harms if remedy else "",
        code=change.code,
        judged=applied.judged.value if remedy else "the validation rows, with paired seeds",
        effect=applied.effect,
        compared=dict(applied.compared),
        among=len(_candidates(choice)) if choice is not None else None,
    )


def _standing(trials: Sequence[Trial]) -> Standing:
    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    return Standing(
        train=mean([each.train.error for each in trials]),
        validation=mean([each.validation.error for each in trials]),
        train_score=mean([each.train.score for each in trials]),
        validation_score=mean([each.validation.score for each in trials]),
        runs=len(trials),
    )


def _gain(course: guide.Course) -> Estimate:
    """Of all changes together, over the seeds that both jobs were trained with; unknown on other validation rows."""
    if not course.applied or any("task.validation" in each.change.fields for each in course.applied):
        return NONE
    after = {each.seed: each for each in course.after}
    pairs = [(each, after[each.seed]) for each in course.before if each.seed in after]
    return effect(course.applied[-1].change, pairs, course.before).validation if pairs else NONE


_UNCHOSEN = "Nothing was chosen among candidates: no score is flattered by it."


def _flattery(course: guide.Course, known: bool) -> Flattery:
    won = [each for each in course.choices if each.change is not None]
    if not course.applied:
        return Flattery(0, None, _UNCHOSEN)
    if not won:
        words = "The change was confirmed on the validation rows and not by folds: how much that flatters is not known"
        return Flattery(0, None, f"{words}{'; the test part tells' if known else ''}.")
    count = len({name for each in won for name in _candidates(each)})
    value = max(0.0, course.flattery)
    words = f"Choosing among {count} candidates may flatter the validation score by up to {percent(value)}"
    return Flattery(count, value, f"{words} of the best constant's error.")


def _candidates(choice: Choice) -> tuple[str, ...]:
    return tuple(name for name in choice.errors if name not in (CONTROL, PLACEBO, RANDOM))


def _network(job: Job, trial: Trial) -> nn.Module:
    made = job.recipe.model()
    made.load_state_dict(dict(trial.weights))
    return made.eval()


def _ensemble(course: guide.Course) -> nn.Module | None:
    """The networks of the folds, where these are what chose the last change, and outputs mean the same in each."""
    last = course.applied[-1].change if course.applied else None
    choice = next((each for each in course.choices if last is not None and each.change is last), None)
    if choice is None or last is None or any(name.startswith("task.") for name in last.fields):
        return None
    return Ensemble(_network(course.mended, each) for each in choice.trials).eval()


# -- the test part


def _tested(
    test: Any, course: guide.Course, parts: dict[str, Any], inquiry: Inquiry
) -> tuple[FinalTest | None, tuple[str, ...]]:
    """The one reading of the test part, and what is worth knowing of it; a part that cannot be read is a note."""
    if test is None:
        return None, ()
    inquiry.asking("the test part, read once")
    changes = [each.change for each in course.applied]
    try:
        rows = _read_once(test)
        weights = course.before[0].weights, course.after[0].weights
        found, follows = tested(rows, course.job, course.mended, changes, weights)
    except Exception as error:  # a person's own data set may raise anything, and all the rest is known by now
        lines = str(error).strip().splitlines() or [""]
        return None, (f"The test part could not be read: {type(error).__name__}: {lines[0]}",)
    if follows is not rows:
        parts["test"] = follows
    inquiry.found(f"error {found.before.value:.0%} of the constant's before, {found.after.value:.0%} after")
    above = unpaired_difference(found.after, _validation(course))
    if not above.low > FAR:
        return found, ()
    words = "The test error is far above the validation error: the parts share something that new data will not"
    return found, (f"{words}, or differ in kind. goodfit diagnose asks which.",)


def _validation(course: guide.Course) -> Estimate:
    part = course.after[0].validation
    found = estimate(part.units)
    return Estimate(*(each / max(part.constant, 1e-12) for each in (found.value, found.low, found.high)))


def _read_once(test: Any) -> Rows:
    """Each row once, as many as are judged and fit into memory."""
    first = [torch.as_tensor(each) for each in test[0]]
    size = max(1, first[0].numel() * first[0].element_size())
    count = min(len(test), JUDGED, max(1, IN_MEMORY // size))
    rest = ([torch.as_tensor(each) for each in test[i]] for i in range(1, count))
    inputs, targets = default_collate([first, *rest])
    return Rows(inputs, targets.float() if targets.dtype is torch.bool else targets)


def _check_test(test: Any) -> None:
    """What can be said of the test part without reading a row of it."""
    if test is not None and not isinstance(test, Sized):
        raise DataError("It has no length", "Pass a map-style data set with __len__.", where="the job's 'test'")
    if test is not None and not len(test):
        raise DataError("It has no rows", "Pass a data set with rows.", where="the job's 'test'")


def _enough(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(seeds) < FEWEST_SEEDS:
        raise SettingsError(
            "The 'seeds' of a treatment must be two or more: a remedy has to beat another seed",
            "Use --seeds 3, or diagnose with more seeds.",
        )
    return seeds

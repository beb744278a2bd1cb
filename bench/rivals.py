"""What a treatment has to beat with the same budget: nothing at all, changes drawn at random, a tuned random search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from goodfit.causes import CAUSES, Change, Facts, changes
from goodfit.core.errors import GoodfitError
from goodfit.core.job import Job
from goodfit.guide.trials import run_trial
from goodfit.models.surgery import NotAskable

Rival = Callable[[Job, Facts, float, int], Job]
"""``(job, facts, trainings, seed)`` to the job it would hand back."""
LOWEST, HIGHEST = 1e-3, 1e3
"""Factors of the rate among which the search draws."""


def placebo(job: Job, facts: Facts, trainings: float, seed: int) -> Job:
    """The job as it is; only its seed will be another."""
    return job


def random_changes(job: Job, facts: Facts, trainings: float, seed: int) -> Job:
    """The best of changes drawn from all that the causes name, whatever their symptoms."""
    known = [change for cause in CAUSES for change in _changes(cause.changes, facts)]
    order = np.random.default_rng(seed).permutation(len(known)).tolist()
    return _best(job, [known[index].apply for index in order], trainings, seed)


def random_search(job: Job, facts: Facts, trainings: float, seed: int) -> Job:
    """The best of settings drawn at random: rate, batch, epochs, weight decay, dropout (Bergstra & Bengio 2012)."""
    random = np.random.default_rng(seed)
    drawn = [_settings(random) for _ in range(round(trainings) + 1)]
    return _best(job, drawn, trainings, seed)


RIVALS: dict[str, Rival] = {"placebo": placebo, "random changes": random_changes, "random search": random_search}


def _changes(make: Callable[[Facts], tuple[Change, ...]], facts: Facts) -> tuple[Change, ...]:
    try:
        return make(facts)
    except (GoodfitError, NotAskable):
        return ()


def _settings(random: np.random.Generator) -> Callable[[Job], Job]:
    factor = float(np.exp(random.uniform(np.log(LOWEST), np.log(HIGHEST))))
    size, times = int(random.choice([8, 16, 32, 64, 128])), int(random.choice([1, 2, 4]))
    decay, drop = float(random.choice([0, 1e-4, 1e-3, 1e-2])), float(random.choice([0, 0, 0.2, 0.5]))

    def apply(job: Job) -> Job:
        made = changes.weight_decay(decay).apply(changes.rate(factor).apply(job))
        made = replace(made, recipe=replace(made.recipe, batch_size=size, epochs=job.recipe.epochs * times))
        return changes.dropout(drop).apply(made) if drop else made

    return apply


def _best(job: Job, edits: list[Callable[[Job], Job]], trainings: float, seed: int) -> Job:
    """By the validation error of one training each, until the trainings are used up; the job itself counts too."""
    best, least, spent = job, run_trial(job, seed).validation.error, 1.0
    for edit in edits:
        if spent >= trainings:
            break
        try:
            made = edit(job)
            found = run_trial(made, seed, rows=1.0)
        except (GoodfitError, NotAskable, RuntimeError, ValueError, TypeError, IndexError):
            spent += 0.2  # what cannot be made costs little
            continue
        spent += made.recipe.epochs / job.recipe.epochs
        if found.validation.error < least:
            best, least = made, found.validation.error
    return best

"""Controlled experiments on a job: control and treatment differ in one named change, seeds are paired."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from goodfit.causes.cause import Change
from goodfit.core.coding import WORST
from goodfit.core.errors import GoodfitError
from goodfit.core.evidence import Cost
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng
from goodfit.core.statistics import Estimate
from goodfit.core.task import Batch, chosen, count_of
from goodfit.core.trial import PartResult, Trial
from goodfit.guide.trials import run_trial
from goodfit.models.surgery import NotAskable

USUAL_SPREAD = 0.02
USUAL_WEIGHT = 2.0
"""Spread of the error share between seeds that is expected before any was seen, and how many seeds that is worth:
a standard deviation from two runs alone would often be near zero by chance."""
Z = 1.96
RESAMPLES = 400
MOST_ROWS = 2_000
TELLING = 1_000
"""Validation rows that judge a short run: a difference of 5 points in accuracy is three standard errors."""


class OutOfBudget(Exception):
    """The next training does not fit into the budget."""


@dataclass
class Allowance:
    """What a diagnosis may cost, and what it has."""

    trainings: float
    seconds: float | None = None
    began: float = field(default_factory=time.monotonic)
    spent: float = 0.0
    runs: int = 0
    longest: float = 0.0
    """Seconds that one training of the job takes."""

    def take(self, trainings: float) -> None:
        """Refuse what no longer fits."""
        if self.spent + trainings > self.trainings + 1e-9:
            raise OutOfBudget(f"{trainings:.1f} trainings more than the {self.trainings:g} allowed")
        if self.seconds is not None and time.monotonic() - self.began + trainings * self.longest > self.seconds:
            raise OutOfBudget(f"more than the {self.seconds:.0f} s allowed")

    def book(self, trial: Trial) -> None:
        self.spent += trial.work
        self.runs += 1
        if trial.work > 0.01:
            self.longest = max(self.longest, trial.seconds / trial.work)

    @property
    def deadline(self) -> float | None:
        return None if self.seconds is None else self.began + self.seconds

    @property
    def cost(self) -> Cost:
        return Cost(round(self.spent, 2), time.monotonic() - self.began, self.runs)


@dataclass(frozen=True, eq=False)
class Effect:
    """What a change did: how much lower the error shares are, mean over paired seeds."""

    change: Change
    train: Estimate
    validation: Estimate
    balanced: Estimate
    before: tuple[float, float]
    """Mean error shares of the controls: training, validation."""
    trials: tuple[Trial, ...]


class Laboratory:
    """Runs the trials of one job, each once, within an allowance that several laboratories may share."""

    def __init__(self, job: Job, seeds: Sequence[int], allowance: Allowance, rows: float | None = None) -> None:
        self.job, self.seeds, self.allowance = job, tuple(seeds), allowance
        self.rows = rows if rows is not None else rows_of(job)
        self.known: dict[tuple[str, int], Trial] = {}
        self.refused: dict[str, str] = {}

    def control(self, index: int = 0) -> Trial:
        """The job as it is, with the seed of that number."""
        return self._trial("", (), lambda: self.job, self.seeds[index], 1.0)

    def controls(self) -> list[Trial]:
        """All controls so far, in the order of their seeds."""
        return [self.known["", seed] for seed in self.seeds if ("", seed) in self.known]

    def treat(self, change: Change, index: int = 0) -> Trial:
        """The changed job. Raises `NotAskable` with the reason where the change cannot be made."""
        if change.name in self.refused:
            raise NotAskable(self.refused[change.name])
        try:
            return self._trial(
                change.name, change.fields, lambda: changed(self.job, change), self.seeds[index], change.cost
            )
        except NotAskable as error:
            self.refused[change.name] = str(error)
            raise

    def effect(self, change: Change) -> Effect:
        """Over the seeds that both control and treatment have."""
        pairs = [
            (self.known["", seed], self.known[change.name, seed])
            for seed in self.seeds
            if ("", seed) in self.known and (change.name, seed) in self.known
        ]
        return effect(change, pairs, self.controls())

    def _trial(self, name: str, fields: tuple[str, ...], make: Callable[[], Job], seed: int, cost: float) -> Trial:
        if (name, seed) in self.known:
            return self.known[name, seed]
        job = make()
        if self.known or name or self.allowance.runs:  # the very first control is run until the deadline stops it
            self.allowance.take(cost * rows_of(self.job) / self.rows)
        try:
            found = run_trial(job, seed, change=name, fields=fields, rows=self.rows, deadline=self.allowance.deadline)
        except NotAskable:
            raise
        except Exception as error:  # a person's own forward may raise anything where a part of it was exchanged
            if not name:
                raise
            said = error.problem if isinstance(error, GoodfitError) else f"{type(error).__name__}: {error}"
            raise NotAskable(f"the changed job cannot be trained: {said}") from error
        self.allowance.book(found)
        self.known[name, seed] = found
        return found


def shortened(job: Job, share: float) -> Job:
    """The job on a random ``share`` of its training rows, in their order, and at most `TELLING` validation rows."""
    wanted = max(2 * job.recipe.batch_size, round(share * count_of(job.task.train)))
    return job.with_task(train=_some(job.task.train, wanted, 0), validation=_some(job.task.validation, TELLING, 1))


def _some(rows: Dataset[Batch], wanted: int, seed: int) -> Dataset[Batch]:
    order = torch.randperm(count_of(rows), generator=torch.Generator().manual_seed(seed))
    return chosen(rows, order[:wanted].sort().values)


def rows_of(job: Job) -> float:
    """Rows that one training passes forward and back."""
    batches = math.ceil(count_of(job.task.train) / job.recipe.batch_size)
    updates = min(job.recipe.epochs * batches, job.recipe.max_updates or 10**12)
    return float(updates * min(job.recipe.batch_size, count_of(job.task.train)))


def parameters_of(job: Job) -> int:
    """Numbers that the job's network can learn or hold."""
    with preserved_rng():
        return sum(p.numel() for p in job.recipe.model().parameters())


def changed(job: Job, change: Change) -> Job:
    """The job after ``change``, which must differ in exactly the fields it names."""
    after = change.apply(job)
    found = set(job.diff(after))
    if not found:
        raise NotAskable("nothing would change")
    if found != set(change.fields):
        raise ValueError(f"{change.name!r} changes {sorted(found)}, and names {sorted(change.fields)}")
    return after


def effect(change: Change, pairs: Sequence[tuple[Trial, Trial]], controls: Sequence[Trial]) -> Effect:
    """Mean differences control - treatment, with intervals over rows and seeds."""
    train = _difference([(a.train, b.train) for a, b in pairs], [c.train for c in controls])
    validation = _difference([(a.validation, b.validation) for a, b in pairs], [c.validation for c in controls])
    value = float(np.mean([a.validation.balanced - b.validation.balanced for a, b in pairs]))
    spread = _spread([c.validation.balanced for c in controls]) * math.sqrt(2 / len(pairs))
    half = math.hypot(Z * spread, (validation.high - validation.low) / 4)
    balanced = Estimate(value, value - half, value + half)
    before = float(np.mean([a.train.error for a, _ in pairs])), float(np.mean([a.validation.error for a, _ in pairs]))
    return Effect(change, train, validation, balanced, before, tuple(b for _, b in pairs))


def _difference(pairs: Sequence[tuple[PartResult, PartResult]], controls: Sequence[PartResult]) -> Estimate:
    """Mean difference of the error shares; the spread over rows is not averaged out by seeds: the rows stay."""
    value = float(np.mean([a.error - b.error for a, b in pairs]))
    below, above = (float(np.mean(side)) for side in zip(*[_row_spread(a, b) for a, b in pairs], strict=True))
    seeds = Z * _spread([c.error for c in controls]) * math.sqrt(2 / len(pairs))
    return Estimate(value, value - math.hypot(below, seeds), value + math.hypot(above, seeds))


def _row_spread(first: PartResult, second: PartResult) -> tuple[float, float]:
    """How far the 95 % bootstrap interval over rows reaches below and above the mean difference."""
    a, b = first.by_row(), second.by_row()
    random = np.random.default_rng(0)
    same = a.shape == b.shape  # else the treatment has other rows
    means = _means(a - b, random) if same else _means(a, random) - _means(b, random)
    scale = max(1.0, float(np.mean(a)) / WORST)  # error shares are cut there
    low, middle, high = np.percentile(means, [2.5, 50, 97.5]) / scale
    return float(middle - low), float(high - middle)


def _means(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    drawn = values[random.integers(0, len(values), (RESAMPLES, min(len(values), MOST_ROWS)))]
    found: NDArray[np.float64] = drawn.mean(axis=1) * 1.0
    if len(values) > MOST_ROWS:
        found = found.mean() + (found - found.mean()) * math.sqrt(MOST_ROWS / len(values))
    return found


def _spread(values: Sequence[float]) -> float:
    """Standard deviation between seeds, drawn towards the usual one."""
    finite = [v for v in values if math.isfinite(v)]
    squares = float(np.sum((np.asarray(finite) - np.mean(finite)) ** 2)) if len(finite) > 1 else 0.0
    return math.sqrt((squares + USUAL_WEIGHT * USUAL_SPREAD**2) / (max(0, len(finite) - 1) + USUAL_WEIGHT))

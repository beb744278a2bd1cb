"""Rate range test: which learning rates train a network at all, and which one trains it furthest in a short run.

Short runs on a grid of rates, each from the same start for a seed, and not one run with a growing rate (Smith 2017):
there the loss at a rate depends on all the rates before it, a steep fall early on hides what comes later, and one
curve has no spread. Runs of their own are comparable, repeat over seeds, and are trained at once (`train_many`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch.utils.data import Dataset

from goodfit.core.errors import SettingsError, TrainingError
from goodfit.core.recipe import Recipe
from goodfit.core.run import Outcome
from goodfit.core.runtime import preserved_rng, seed_everything
from goodfit.core.statistics import Estimate
from goodfit.core.task import Batch, Task, chosen, count_of, first
from goodfit.training.batched import train_many
from goodfit.training.batches import batch_count
from goodfit.training.evaluation import mean_loss

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RATES = tuple(float(f"{10 ** (half / 2):.2g}") for half in range(-12, 3))
"""1e-6 to 10 in half decades."""
JUDGED = 1024
"""Training rows, evenly spread, on which the loss before and after is read."""
GROWN = 4.0
"""A loss that ends above so many times its start has diverged (the stop of common range tests)."""
GOOD = 0.5
"""Share of the largest fall of the loss that a usable rate reaches."""
NOTICEABLE = 0.01
"""Share of the first loss below which a fall is nothing, however sure it is."""
LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class RateRange:
    """What the rates did; nan where nothing can be said."""

    rates: tuple[float, ...]
    """Ascending."""
    start: Floats
    """(seeds,): loss before the first update."""
    losses: Floats
    """(rates, seeds): loss after the last update, in evaluation mode on the same rows; inf where it was no number."""
    updates: int
    helps: bool
    sentence: str
    suggested: Estimate
    """Where the loss falls furthest: geometric mean over seeds, with a 95 % interval over seeds, at the least half a
    step of the grid."""
    usable: tuple[float, float]
    """Lowest and highest rate around the best one at which no seed diverges and the loss falls at least half as far."""
    diverges: float
    """Lowest rate at which at least half of the seeds diverge; inf where none does."""


def rate_range(
    task: Task, recipe: Recipe, *, rates: Sequence[float] | None = None, seeds: int = 3, updates: int = 100
) -> RateRange:
    """Train ``recipe`` for ``updates`` updates at each of ``rates``, with ``seeds`` seeds counted from its own.

    The rate is constant: no schedule, no warm-up. Nothing of the caller is changed, random numbers included.
    Raises `SettingsError` where fewer than two rates or seeds, or no update are asked for, `TrainingError` where the
    training fails at every rate for another reason than its numbers.
    """
    asked = _checked(rates, seeds, updates)
    with preserved_rng():
        start, losses = _measured(task, recipe, asked, seeds, updates)
    return judged(asked, start, losses, updates)


def _checked(rates: Sequence[float] | None, seeds: int, updates: int) -> tuple[float, ...]:
    asked = tuple(sorted(set(map(float, RATES if rates is None else rates))))
    if len(asked) < 2 or not all(math.isfinite(rate) and rate > 0 for rate in asked):
        raise SettingsError(f"The 'rates' must be at least two different numbers above 0. Got {rates!r} instead")
    if seeds < 2:
        raise SettingsError(f"The 'seeds' must be at least 2: one run has no spread. Got {seeds!r} instead")
    if updates < 1:
        raise SettingsError(f"The 'updates' must be at least 1. Got {updates!r} instead")
    return asked


def _measured(task: Task, recipe: Recipe, rates: Sequence[float], seeds: int, updates: int) -> tuple[Floats, Floats]:
    """Losses before, (seeds,), and after, (rates, seeds)."""
    count = count_of(task.train)
    rows = chosen(task.train, torch.linspace(0, count - 1, min(JUDGED, count)).long())
    short = replace(task, validation=first(task.validation, 8), test=None)
    numbers = [(recipe.seed + index) % 2**32 for index in range(seeds)]
    start = np.array([_before(recipe, task, rows, seed) for seed in numbers])
    epochs = -(-updates // batch_count(task.train, recipe.batch_size))
    brief = replace(recipe, schedule="constant", warmup=0.0, patience=None, epochs=epochs, max_updates=updates)
    runs = [replace(brief, rate=rate, seed=seed) for rate in rates for seed in numbers]
    losses = np.array(_after(task, short, rows, runs)).reshape(len(rates), seeds)
    return start, np.where(np.isfinite(losses), losses, math.inf)


def _before(recipe: Recipe, task: Task, rows: Dataset[Batch], seed: int) -> float:
    seed_everything(seed)
    return mean_loss(recipe.model(), task, rows)


def _after(task: Task, short: Task, rows: Dataset[Batch], runs: Sequence[Recipe]) -> list[float]:
    """Final losses; inf where a training diverged or broke off."""
    try:
        trained = train_many(short, runs)
    except (RuntimeError, ValueError, IndexError, FloatingPointError) as error:
        if len(runs) > 1:
            return _one_by_one(task, short, rows, runs)
        raise TrainingError(f"The training failed: {error}") from error
    ended = [(each.run.outcome is Outcome.DIVERGED, each.module) for each in trained]
    return [math.inf if diverged else mean_loss(module, task, rows) for diverged, module in ended]


def _one_by_one(task: Task, short: Task, rows: Dataset[Batch], runs: Sequence[Recipe]) -> list[float]:
    """A loss that refuses what is no number ends a training with an error: others may still do."""
    found: list[float] = []
    failed: TrainingError | None = None
    for run in runs:
        try:
            found += _after(task, short, rows, [run])
        except TrainingError as error:
            failed = error
            found.append(math.inf)
    if failed is not None and not any(map(math.isfinite, found)):
        raise failed
    return found


def judged(rates: tuple[float, ...], start: Floats, losses: Floats, updates: int) -> RateRange:
    """What the losses say: ``start`` (seeds,), ``losses`` (rates, seeds), rates ascending.

    A rate helps where the fall of the loss, as a share of its start and paired by seed, is above zero by Student's t
    with the spread of its seeds and that of its neighbours pooled, at 5 % over all rates together (Bonferroni).
    """
    diverged = np.asarray(~np.isfinite(losses) | (losses > start + (GROWN - 1) * np.abs(start)))
    calm = np.asarray(~diverged.any(axis=1))
    shares = (start - np.where(calm[:, None], losses, 0.0)) / np.maximum(np.abs(start), 1e-12)
    falls = np.where(calm[:, None], shares, -math.inf)
    mean = falls.mean(axis=1)
    sure = calm & (mean > NOTICEABLE)
    sure[sure] = [mean[index] > _half(falls, calm, int(index)) for index in np.flatnonzero(sure)]
    bad = np.flatnonzero(2 * diverged.sum(axis=1) >= diverged.shape[1])
    diverges = rates[bad[0]] if len(bad) else math.inf
    nan = float("nan")
    if not sure.any():
        said = _nothing(rates, diverged)
        return RateRange(rates, start, losses, updates, False, said, Estimate(nan, nan, nan), (nan, nan), diverges)
    good = sure & (mean >= GOOD * mean[sure].max())
    best = int(np.argmax(np.where(sure, mean, -math.inf)))
    usable = rates[_last(good, best, -1)], rates[_last(good, best, 1)]
    suggested = _suggested(np.log(rates), np.where(sure[:, None], falls, -math.inf), diverges)
    said = _found(usable, suggested, diverges, len(start))
    return RateRange(rates, start, losses, updates, True, said, suggested, usable, diverges)


def _half(falls: Floats, calm: Flags, index: int) -> float:
    """Half the width of the interval of a mean fall."""
    seeds = falls.shape[1]
    near = [i for i in (index - 1, index, index + 1) if 0 <= i < len(falls) and calm[i]]
    spread = math.sqrt(float(falls[near].var(axis=1, ddof=1).mean()))
    return float(student.ppf(1 - LEVEL / 2 / len(falls), len(near) * (seeds - 1))) * spread / math.sqrt(seeds)


def _last(good: Flags, index: int, step: int) -> int:
    """The end of the run of good rates around ``index`` in one direction."""
    while 0 <= index + step < len(good) and good[index + step]:
        index += step
    return index


def _suggested(logs: Floats, falls: Floats, diverges: float) -> Estimate:
    best = logs[np.argmax(falls, axis=0)]  # (seeds,)
    seeds = len(best)
    half = float(student.ppf(1 - LEVEL / 2, seeds - 1)) * float(best.std(ddof=1)) / math.sqrt(seeds)
    half = max(half, float(np.median(np.diff(logs))) / 2)
    middle = float(best.mean())
    return Estimate(math.exp(middle), math.exp(middle - half), min(math.exp(middle + half), diverges))


def _nothing(rates: Sequence[float], diverged: Flags) -> str:
    asked = f"from {rates[0]:.2g} to {rates[-1]:.2g}"
    if diverged.any(axis=1).all():
        return f"No rate helps: at every rate {asked} the loss diverges."
    beyond = " where it does not diverge" if diverged.any() else ""
    return f"No rate helps: {asked} the loss falls by no more than chance{beyond}."


def _found(usable: tuple[float, float], suggested: Estimate, diverges: float, seeds: int) -> str:
    said = f"Rates from {usable[0]:.2g} to {usable[1]:.2g} help, {suggested.value:.2g} most"
    said += f" ({suggested.low:.2g} to {suggested.high:.2g} over {seeds} seeds)"
    return f"{said}; from {diverges:.2g} on the loss diverges." if math.isfinite(diverges) else f"{said}."

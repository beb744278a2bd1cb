"""How long an update takes, and with how many threads it takes least."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise

from goodfit.core.recipe import Recipe
from goodfit.core.runtime import cores, threads
from goodfit.core.step import Event, Step
from goodfit.core.task import Task, first
from goodfit.training.loop import fit

TRIAL_UPDATES = 6
TURNS = 2
WORTH = 1.2
"""All cores are taken only where they are this much quicker: while something else runs on the machine, two threads
that wait for each other can be many times slower than one, and the trial shows it."""


@dataclass
class Clock:
    """A callback that notes when each update ended, and when the validation pass after them did."""

    updates: list[float] = field(default_factory=list)
    epoch_end: float = 0.0
    events = frozenset({Event.UPDATE, Event.EPOCH_END})

    def __call__(self, step: Step) -> None:
        if step.event is Event.UPDATE:
            self.updates.append(time.monotonic())
        else:
            self.epoch_end = time.monotonic()


def quickest_threads(task: Task, recipe: Recipe, seconds: float = math.inf) -> int:
    """One thread or one for each core, by the median update of short trainings in turns.

    Each trial ends after its share of ``seconds``; one with all cores also when it has taken longer than the one
    with a single thread before it, which shows enough.
    """
    most = cores()
    if most == 1:
        return 1
    trial = replace(task, validation=first(task.validation, 8), test=None)
    times: dict[int, list[float]] = {1: [], most: []}
    for _ in range(TURNS):
        limit = seconds / (TURNS * len(times))
        for count, found in times.items():
            began = time.monotonic()
            with threads(count):
                found.append(_median_update(trial, recipe, limit))
            limit = min(limit, time.monotonic() - began)
    return most if min(times[1]) > WORTH * max(times[most]) else 1


def _median_update(task: Task, recipe: Recipe, limit: float) -> float:
    clock, began = Clock(), time.monotonic()
    fit(task, replace(recipe, epochs=TRIAL_UPDATES, max_updates=TRIAL_UPDATES), [clock], deadline=began + limit)
    took = [b - a for a, b in pairwise(clock.updates)]
    return statistics.median(took) if took else clock.updates[0] - began

"""How long an update takes, and with how many threads it takes least."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field, replace

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


def quickest_threads(task: Task, recipe: Recipe) -> int:
    """One thread or one for each core, by the median update of short trainings in turns."""
    most = cores()
    if most == 1:
        return 1
    trial = replace(task, validation=first(task.validation, 8), test=None)
    seconds: dict[int, list[float]] = {1: [], most: []}
    for _ in range(TURNS):
        for count, found in seconds.items():
            with threads(count):
                found.append(_median_update(trial, recipe))
    return most if min(seconds[1]) > WORTH * max(seconds[most]) else 1


def _median_update(task: Task, recipe: Recipe) -> float:
    clock = Clock()
    fit(task, replace(recipe, epochs=TRIAL_UPDATES, max_updates=TRIAL_UPDATES), [clock])
    return statistics.median(b - a for a, b in zip(clock.updates, clock.updates[1:], strict=False))

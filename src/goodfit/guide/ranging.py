"""Rates to try, from a range test of the job as it is by then."""

from __future__ import annotations

import math

from goodfit.causes import Change, changes
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng
from goodfit.guide.experiments import Allowance, rows_of
from goodfit.training.optimizers import build_optimizer
from goodfit.training.rate_range import rate_range

FACTORS = tuple(10 ** (half / 2) for half in range(-4, 5))
"""Of the rate as it is: a hundredth to a hundred times, in half decades."""
AROUND = (1 / 3, 1.0, 3.0)
"""A short test favours rates that start fast; a third and three times are confirmed beside it."""
SEEDS = 2
MOST_UPDATES = 100
PART = 4
"""A short run takes this part of a training at the most."""
ALIKE = 1.5
"""A suggestion nearer than this factor to the rate as it is says nothing new."""


def ranged(job: Job, allowance: Allowance, rows: float) -> tuple[Change, ...]:
    """Changes of the rate around what a range test suggests; none where no rate helps or the budget has no room.

    ``rows`` is what one training of the job as it was found takes; the test is booked in such trainings.
    """
    size = job.recipe.batch_size
    updates = max(1, min(MOST_UPDATES, int(rows_of(job) / size / PART)))
    cost = len(FACTORS) * SEEDS * updates * size / rows
    rate = _rate(job)
    if rate <= 0 or allowance.spent + cost > allowance.trainings / 2:
        return ()
    found = rate_range(job.task, job.recipe, rates=[rate * factor for factor in FACTORS], seeds=SEEDS, updates=updates)
    allowance.spent += cost
    allowance.runs += 1
    if not found.helps or not math.isfinite(found.suggested.value):
        return ()
    factors = [found.suggested.value / rate * around for around in AROUND]
    return tuple(changes.rate(float(f"{each:.2g}")) for each in factors if abs(math.log(each)) > math.log(ALIKE))


def _rate(job: Job) -> float:
    """The largest rate of the job's optimiser as built."""
    with preserved_rng():
        optimizer = build_optimizer(job.recipe, job.recipe.model().parameters())
    return max(float(group["lr"]) for group in optimizer.param_groups)

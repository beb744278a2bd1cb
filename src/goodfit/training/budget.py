"""Plan a training that ends in the time given: a schedule cut off half-way is worth little."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from goodfit.core.recipe import Recipe
from goodfit.core.task import Task
from goodfit.training.batches import batch_count
from goodfit.training.loop import fit
from goodfit.training.pace import Clock

TRIAL_UPDATES = 20
RESERVE = 0.8
"""Share of the budget that the plan uses: later epochs are slower than a trial on a busy machine."""


@dataclass(frozen=True)
class Budget:
    """Seconds for a whole run, counted from ``began`` (`time.monotonic`); None is no limit."""

    seconds: float | None
    began: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        return float("inf") if self.seconds is None else self.seconds - self.spent

    def deadline(self, share: float) -> float | None:
        """The moment at which ``share`` of what is left now will be used up."""
        return None if self.seconds is None else time.monotonic() + share * max(0.0, self.left)


def within(task: Task, recipe: Recipe, seconds: float) -> Recipe:
    """The recipe with as many of its epochs as fit into ``seconds``, judged by a short trial training.

    Where not even one epoch fits, the recipe keeps one and stops after the updates that do.
    """
    began, clock = time.monotonic(), Clock()
    fit(task, replace(recipe, epochs=1, max_updates=TRIAL_UPDATES), [clock], deadline=began + seconds / 4)
    made = len(clock.updates)
    per_update = (clock.updates[-1] - clock.updates[0]) / (made - 1) if made > 1 else clock.updates[0] - began
    validation = clock.epoch_end - clock.updates[-1]
    left = RESERVE * (seconds - (time.monotonic() - began))
    per_epoch = per_update * batch_count(task.train, recipe.batch_size) + validation
    epochs = min(recipe.epochs, int(left / per_epoch))
    if epochs > 0:  # below, where the trial alone has used up the time
        return replace(recipe, epochs=epochs)
    updates = max(1, int((left - validation) / per_update))
    return replace(recipe, epochs=1, max_updates=min(updates, recipe.max_updates or updates))

"""Changes of the rows themselves, for the remedies that make them."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from goodfit.causes import Change
from goodfit.core.job import Job
from goodfit.core.task import Rows
from goodfit.models.surgery import NotAskable

Edit = Callable[[Job, Rows, Rows], tuple[Rows, Rows]]
"""``(job, training rows, validation rows)`` to both as they should be; the same object for a part that stays."""


def of_rows(name: str, words: str, parts: tuple[str, ...], edit: Edit) -> Change:
    """A change of the named ``parts`` ('train', 'validation') of the data."""

    def apply(job: Job) -> Job:
        train, validation = job.task.train, job.task.validation
        if not isinstance(train, Rows) or not isinstance(validation, Rows):
            raise NotAskable("the data are not held in memory")
        return job.with_task(**dict(zip(("train", "validation"), edit(job, train, validation), strict=True)))

    return Change(name, words, tuple(f"task.{part}" for part in parts), apply)


def with_inputs(rows: Rows, inputs: Tensor) -> Rows:
    return Rows(inputs, rows.targets, rows.lengths)


def with_targets(rows: Rows, targets: Tensor) -> Rows:
    return Rows(rows.inputs, targets, rows.lengths)

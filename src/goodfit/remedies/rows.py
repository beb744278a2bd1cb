"""Changes of the rows themselves, for the remedies that make them."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from goodfit.causes import Change
from goodfit.core.job import Coding, Job
from goodfit.core.task import Rows
from goodfit.models.surgery import NotAskable

Edit = Callable[[Job, Rows, Rows], tuple[Rows, Rows]]
"""``(job, training rows, validation rows)`` to both as they should be; the same object for a part that stays."""


NUMBERED = (Coding.CLASSES, Coding.BINARY, Coding.NUMBERED)
"""Codings in which a target is the number of its class."""


def of_rows(name: str, words: str, parts: tuple[str, ...], edit: Edit, code: str) -> Change:
    """A change of the named ``parts`` ('train', 'validation') of the data."""

    def apply(job: Job) -> Job:
        train, validation = job.task.train, job.task.validation
        if not isinstance(train, Rows) or not isinstance(validation, Rows):
            raise NotAskable("the data are not held in memory")
        return job.with_task(**dict(zip(("train", "validation"), edit(job, train, validation), strict=True)))

    return Change(name, words, tuple(f"task.{part}" for part in parts), apply, code=code)


def with_inputs(rows: Rows, inputs: Tensor) -> Rows:
    return Rows(inputs, rows.targets, rows.lengths)


def with_targets(rows: Rows, targets: Tensor) -> Rows:
    return Rows(rows.inputs, targets, rows.lengths)

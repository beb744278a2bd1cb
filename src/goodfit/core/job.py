"""`Job`: a task and a recipe together, the unit that an experiment changes in one named field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

from torch import Tensor

from goodfit.core.recipe import Recipe
from goodfit.core.task import Task


class Coding(Enum):
    """How targets are written down, and so how outputs are read; the value is what a person calls it."""

    CLASSES = "class numbers"
    TOKENS = "class numbers, one a token"
    ONE_HOT = "one-hot rows"
    BINARY = "0 or 1"
    MULTI_LABEL = "several labels of 0 or 1"
    NUMBERED = "class numbers as real numbers"
    REAL = "real numbers"


CATEGORICAL = frozenset({Coding.CLASSES, Coding.TOKENS, Coding.ONE_HOT})
"""Codings whose outputs are one number a class, read by the largest."""


@dataclass(frozen=True, eq=False)
class Job:
    """A training as a person described it: what is learnt, how, and how its targets are to be read.

    ``sample`` is a batch of training inputs: shapes are tried out on it.
    """

    task: Task
    recipe: Recipe
    coding: Coding
    sample: Tensor

    def with_recipe(self, **changes: Any) -> Job:
        return replace(self, recipe=replace(self.recipe, **changes))

    def with_task(self, **changes: Any) -> Job:
        return replace(self, task=replace(self.task, **changes))

    def with_model(self, **edits: Any) -> Job:
        """The job with edits of its model: the factory is a `functools.partial` that takes them as keywords."""
        return self.with_recipe(model=_further(self.recipe.model, edits))

    def with_optimizer(self, **edits: Any) -> Job:
        return self.with_recipe(optimizer=_further(self.recipe.optimizer, edits))

    def diff(self, other: Job) -> tuple[str, ...]:
        """Names of what differs: a field of the recipe (``model.activation``), or of the task (``task.loss``)."""
        mine, theirs = dict(_fields(self.task)), dict(_fields(other.task))
        return (*self.recipe.diff(other.recipe), *(name for name in mine if mine[name] is not theirs[name]))


def _further(made: Any, edits: dict[str, Any]) -> Any:
    if not isinstance(made, partial):
        raise TypeError("edits need a functools.partial to be handed on to")
    return partial(made.func, *made.args, **{**made.keywords, **edits})


def _fields(task: Task) -> Iterator[tuple[str, Any]]:
    for name in ("train", "validation", "loss"):
        yield f"task.{name}", getattr(task, name)

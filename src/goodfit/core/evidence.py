"""What was found out: `Evidence` for causes, `Answer`s along the guide, the `Diagnosis`, and a `Remedy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goodfit.core.recipe import Recipe
    from goodfit.core.statistics import Estimate
    from goodfit.core.task import Task


class Reading(Enum):
    """What an experiment says of the prediction it tested."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    INCONCLUSIVE = "inconclusive"
    NOT_ASKABLE = "not askable"


@dataclass(frozen=True)
class Evidence:
    """One experiment: the prediction stated before it, the runs used, the effect, and what it says."""

    cause: str
    prediction: str
    runs: tuple[str, ...]
    effect: Estimate
    reading: Reading
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """A question of the guide answered: ``answer`` is one of the question's branches, or 'undetermined'."""

    question: str
    answer: str
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """Why a run does not fit, as far as it was asked.

    ``cause`` is a cause's label, 'healthy' or 'undetermined'; it is None where the guide's questions were
    answered but no experiment has been run that could name a cause.
    """

    cause: str | None
    sentence: str
    path: tuple[Answer, ...]
    ranked: tuple[Evidence, ...] = ()
    not_asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Remedy:
    """A change that would mend one cause, with its reason and where it is described."""

    name: str
    reason: str
    source: str
    apply: Callable[[Task, Recipe], tuple[Task, Recipe]]

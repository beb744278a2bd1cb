"""A cause: what it looks like, the one change that would mend it, and what must then happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from goodfit.core.job import Job

if TYPE_CHECKING:
    from goodfit.causes.facts import Facts


class Branch(Enum):
    """Where in the guide a cause is asked; the value is the leaf's name."""

    SETUP = "set-up"
    OPTIMISATION = "optimisation"
    BIAS = "model bias"
    OVERFITTING = "overfitting"
    DATA = "data"


@dataclass(frozen=True)
class Symptom:
    """How much the measurements look like a cause, 0 to 1, and in which words."""

    score: float
    sentence: str

    def __bool__(self) -> bool:
        return self.score > 0


NONE = Symptom(0.0, "")


@dataclass(frozen=True)
class Change:
    """One change of a job. ``fields`` are the names in which the changed job must differ, no more and no less."""

    name: str
    words: str
    """What a person would do, as an imperative: 'Divide the learning rate by 10'."""
    fields: tuple[str, ...]
    apply: Callable[[Job], Job]
    cost: float = 1.0
    """Trainings that one run of it takes."""
    code: str = ""
    """The same as lines of PyTorch for a person's own script, in the names of a job (`goodfit.causes.snippets`)."""


@dataclass(frozen=True)
class Finding:
    """What a question to the data alone, or to one pass of the network, has shown: evidence without a training."""

    effect: float
    low: float
    high: float
    supports: bool
    sentence: str


@dataclass(frozen=True)
class Cause:
    """One reason why a network does not fit.

    ``symptom`` reads measurements already taken. ``changes`` are tried in their order; a cause that no training
    can show has a ``finding`` instead (or as well).
    """

    label: str
    branch: Branch
    meaning: str
    prediction: str
    symptom: Callable[[Facts], Symptom]
    changes: Callable[[Facts], tuple[Change, ...]] = lambda facts: ()
    rungs: Callable[[Facts], tuple[Change, ...]] = lambda facts: ()
    """Stronger and stronger changes, tried after the others while each still does better than the one before."""
    finding: Callable[[Facts], Finding | None] = lambda facts: None
    remedy: str = ""

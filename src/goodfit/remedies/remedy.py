"""A remedy: what is done about a cause, why it works, where it is described, what it costs and when it harms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from goodfit.causes import Change, Facts


class Judged(Enum):
    """On which rows a remedy has to prove itself."""

    FOLDS = "N folds of the rows"
    """It changes how the network is trained: rows that were held out in turn say whether it helps."""
    VALIDATION = "the validation rows"
    """It changes training rows: held-out rows of the same kind would carry the fault themselves."""
    FINDING = "the fault itself"
    """It changes what the scores are measured on: scores before and after cannot be compared, and the remedy is
    judged by whether the fault that was found is gone."""


@dataclass(frozen=True)
class Remedy:
    """One thing to do about the causes it names.

    ``changes`` gives its strengths for a job, the mildest first; none where it does not apply to such a job.
    """

    name: str
    causes: tuple[str, ...]
    changes: Callable[[Facts], tuple[Change, ...]]
    reason: str
    """Why it helps."""
    source: str
    costs: str
    harms: str
    """When it does harm."""
    judged: Judged = Judged.FOLDS

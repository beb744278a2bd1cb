"""A remedy: what is done about a cause, why it works, where it is described, what it costs and when it harms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from goodfit.causes import CAUSES, Change, Facts

Offer = Callable[[Facts], tuple[Change, ...]]
"""What is offered for a job: changes, or none."""


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
    changes: Offer
    reason: str
    """Why it helps."""
    source: str
    costs: str
    harms: str
    """When it does harm."""
    judged: Judged = Judged.FOLDS


def own(*labels: str, touching: str = "") -> Offer:
    """The changes that the causes themselves name, or those of them that change the field ``touching``."""
    known = [each for each in CAUSES if each.label in labels]

    def offered(facts: Facts) -> tuple[Change, ...]:
        named = (change for cause in known for change in (*cause.changes(facts), *cause.rungs(facts)))
        return tuple(change for change in named if not touching or touching in change.fields)

    return together(offered)


def together(*offers: Offer) -> Offer:
    """All of them in their order, each name once: equal names are equal changes."""
    return lambda facts: tuple({change.name: change for offer in offers for change in offer(facts)}.values())

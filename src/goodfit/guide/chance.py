"""A change drawn at random: what a remedy with a reason has to beat."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from goodfit.causes import Branch, Cause, Change, Facts
from goodfit.core.job import Job
from goodfit.guide.experiments import changed
from goodfit.models.surgery import NotAskable

BRANCHES = (Branch.OPTIMISATION, Branch.SETUP)
"""Where changes are drawn from: more restraint or another network would not be a change without an aim."""


def drawn(job: Job, facts: Facts, causes: Iterable[Cause], seed: int) -> tuple[Cause, Change] | None:
    """A change of ``job`` that costs no more than a training, of one of ``causes``; None where none can be made."""
    possible = [
        (cause, change)
        for cause in causes
        if cause.branch in BRANCHES
        for change in cause.changes(facts)
        if change.cost <= 1
    ]
    first = int(np.random.default_rng(seed).integers(len(possible))) if possible else 0
    for cause, change in (*possible[first:], *possible[:first]):
        try:
            changed(job, change)
        except (NotAskable, ValueError):
            continue
        return cause, change
    return None

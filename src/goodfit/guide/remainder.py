"""What is left to find on a mended job."""

from __future__ import annotations

import numpy as np

from goodfit.core.card import HEALTHY, UNDETERMINED, is_problem
from goodfit.guide.candidate import LARGE, SMALL
from goodfit.guide.treatment import Course

RESTRAINED = ("overfitting", "label_noise")
"""Causes that show in the gap between the parts, and are seldom mended wholly."""


def remainder(course: Course) -> tuple[str, str]:
    """'healthy', 'undetermined' or the label of what was found and could not be mended, with a sentence.

    The thresholds are those of a verdict: an error is unexplained from `LARGE` above what a simple model reaches.
    """
    diagnosis = course.diagnosis
    if not is_problem(diagnosis):
        return diagnosis.cause or UNDETERMINED, diagnosis.sentence
    mended = {each.cause for each in course.applied}
    found = [each.cause.cause.label for each in course.rounds if each.cause is not None]
    untreated = [label for label in found if label not in mended]
    if untreated:
        return untreated[0], f"No remedy that was tried mends {untreated[0]}."
    if not course.applied:
        return diagnosis.cause or UNDETERMINED, "No remedy that was tried mends it."
    return _errors_left(course)


def _errors_left(course: Course) -> tuple[str, str]:
    facts = course.rounds[-1].round.facts
    train = float(np.mean([each.train.error for each in course.after]))
    validation = float(np.mean([each.validation.error for each in course.after]))
    told = f"Mended, the error is {train:.0%} of the best constant's in training and {validation:.0%} in validation"
    if train > max(min(facts.reach, 1.0) + LARGE, SMALL):
        return UNDETERMINED, f"{told}: the training error is still large, and nothing more was found."
    others = any("task.validation" in each.change.fields for each in course.applied)
    known = 1.0 if others else facts.reach_validation  # what a simple model reached on rows that are no longer judged
    if validation > known + LARGE and validation > train + LARGE:
        labels = [each.cause for each in course.applied if each.cause in RESTRAINED]
        gap = f"{told}: the validation error is still far above the training error"
        return (labels[-1], f"{gap}.") if labels else (UNDETERMINED, f"{gap}, and nothing more was found.")
    return HEALTHY, f"{told}; nothing more was found."

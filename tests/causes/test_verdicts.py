"""The whole diagnosis on small jobs: each cause is named where it is, and not where it only seems to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from threadpoolctl import threadpool_limits

from goodfit.causes import CAUSES
from goodfit.core.evidence import Diagnosis, Reading
from goodfit.core.runtime import preserved_rng, threads
from goodfit.guide.diagnosis import diagnose
from goodfit.intake import read_job
from tests.causes.jobs import FAULTY, LOOKALIKES, OTHERS
from tests.causes.making import Job
from tests.causes.others import slipped_and_wide

LABELS = tuple(cause.label for cause in CAUSES)
TWINS = {
    "saddle_point": "bad_initialisation",
    "dead_units": "bad_initialisation",
    "missing_warmup": "learning_rate_too_high",
}
"""Two names for one fault: zero weights are both, and so are biases that kill; a lower rate needs no warm-up."""


def verdict(made: Callable[[], Job]) -> Diagnosis:
    with preserved_rng(), threads(1), threadpool_limits(1):
        return diagnose(read_job(made()), trainings=16, seeds=(0, 1))


def told(found: Diagnosis) -> str:
    best = [f"{e.cause} {e.symptom:.2f} {e.reading.value} {e.effect.value:+.2f} {e.seen}" for e in found.ranked[:4]]
    return "\n".join([found.sentence, *best])


def symptom(found: Diagnosis, label: str) -> float:
    return next(each.symptom for each in found.ranked if each.cause == label)


def test_every_label_has_its_three_jobs() -> None:
    assert set(FAULTY) == set(LOOKALIKES) == set(OTHERS) == set(LABELS)
    assert all(label != truth and truth in LABELS for label, (_, truth) in OTHERS.items())


@pytest.mark.parametrize("label", LABELS)
def test_the_fault_is_named(label: str) -> None:
    found = verdict(FAULTY[label])
    assert found.cause in {label, TWINS.get(label)}, told(found)
    assert found.cost.trainings <= 16
    named = next(each for each in found.ranked if each.cause == found.cause)
    assert named is found.ranked[0]
    assert named.reading is Reading.SUPPORTS
    assert symptom(found, label) > 0.25, told(found)


@pytest.mark.parametrize("label", LABELS)
def test_a_harmless_neighbour_is_healthy(label: str) -> None:
    found = verdict(LOOKALIKES[label])
    assert found.cause == "healthy", told(found)


@pytest.mark.parametrize("label", LABELS)
def test_the_symptom_of_another_cause_does_not_mislead(label: str) -> None:
    made, truth = OTHERS[label]
    found = verdict(made)
    assert found.cause == truth, told(found)


def test_wrong_labels_learnt_better_by_heart_are_no_remedy() -> None:
    found = verdict(slipped_and_wide)
    assert found.cause == "bad_labels", told(found)

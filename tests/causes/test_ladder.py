"""Rates that are off by many powers of ten: the ladder goes on while each rung does better, and no further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import nn

from goodfit.causes import CAUSES, rate
from goodfit.core.evidence import Diagnosis
from goodfit.core.runtime import preserved_rng, threads
from goodfit.guide.diagnosis import diagnose
from goodfit.intake import read_job
from tests.causes.facts import plain
from tests.causes.making import CROSS, Job, adam, job, net, rings, sgd, surface, wine
from tests.causes.test_verdicts import told

LOW, HIGH = (next(each for each in CAUSES if each.label == f"learning_rate_too_{name}") for name in ("low", "high"))


def circles(rate: float) -> Job:
    return job(rings(), lambda: net(2, 32, 3), CROSS, adam(rate), epochs=15)


def hills(rate: float) -> Job:
    return job(surface(), lambda: net(4, 32, 1), nn.MSELoss(), sgd(rate), epochs=20, task="regression")


def verdict(given: Job) -> Diagnosis:
    with preserved_rng(), threads(1):
        return diagnose(read_job(given), trainings=16, seeds=(0, 1))


@pytest.mark.parametrize("factor", [1e-3, 1e-4])
def test_a_rate_far_too_low(factor: float) -> None:
    found = verdict(circles(0.01 * factor))
    assert found.cause == "learning_rate_too_low", told(found)
    assert "model_bias" not in found.further
    assert found.treated is not None
    assert found.treated.changes[0] == f"Multiply the learning rate by {1 / factor:g}"
    assert found.treated.after[1] < 0.1
    assert found.cost.trainings <= 9


@pytest.mark.parametrize(("made", "wrong"), [(circles, 1e3), (hills, 500.0)])
def test_a_rate_far_too_high(made: Callable[[float], Job], wrong: float) -> None:
    found = verdict(made(wrong))
    assert found.cause == "learning_rate_too_high", told(found)
    assert "model_bias" not in found.further
    assert found.treated is not None
    assert "10000" in found.treated.changes[0]


def test_one_step_is_enough_where_it_mends_the_job() -> None:
    found = verdict(job(wine(), lambda: net(13, 32, 3), CROSS, sgd(0.001), epochs=20))
    assert found.cause == "learning_rate_too_low", told(found)
    assert found.cost.trainings <= 6
    assert found.treated is not None
    assert found.treated.changes == ("Multiply the learning rate by 10",)


def test_rungs_stay_within_rates_that_are_used() -> None:
    def rungs(value: float) -> tuple[int, int]:
        optimizer = replace(plain().model.optimizer, name="Adam", rates=(value,))
        known = replace(plain(), model=replace(plain().model, optimizer=optimizer))
        return len(LOW.rungs(known)), len(HIGH.rungs(known))

    assert [rungs(value)[0] for value in (1e-8, 1e-6, 1e-5, 1e-3, 1.0)] == [3, 2, 1, 0, 0]
    assert [rungs(value)[1] for value in (1e-3, 0.1, 3.0, 100.0)] == [0, 0, 1, 2]
    assert rate.BEYOND > 1

"""One good start does not make a job healthy where a fault is plain."""

from __future__ import annotations

from torch import Tensor, nn

from goodfit.core.evidence import Diagnosis
from goodfit.core.runtime import preserved_rng, threads
from goodfit.guide.diagnosis import diagnose
from goodfit.intake import read_job
from tests.causes.making import Job, adam, job, moons, net
from tests.causes.test_verdicts import told


def clipped(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy(outputs.clamp(1e-7, 1 - 1e-7), targets)


def raw(*end: nn.Module) -> Job:
    """A loss of probabilities on raw outputs: it learns only where the first outputs happen to lie between 0 and 1."""
    x, y, v, w = moons(noise=0.1)
    parts = x, y[:, None].astype(float), v, w[:, None].astype(float)
    return job(parts, lambda: net(2, 20, 20, 1, act=nn.Tanh, end=end), clipped, adam(0.02), epochs=25)


def verdict(given: Job, *seeds: int) -> Diagnosis:
    with preserved_rng(), threads(1):
        return diagnose(read_job(given), trainings=16, seeds=seeds)


def test_a_fault_that_the_first_start_hides_is_found_with_another() -> None:
    found = verdict(raw(), 0, 1, 2)
    assert found.cause == "wrong_output_activation", told(found)
    assert found.treated is not None
    assert found.treated.after[0] < 0.3


def test_starts_that_all_do_well_are_healthy_and_cost_one_training_each() -> None:
    found = verdict(raw(), 0, 5, 7)
    assert found.cause == "healthy", told(found)
    assert found.cost.trainings <= 3


def test_without_a_symptom_no_other_start_is_asked() -> None:
    found = verdict(raw(nn.Sigmoid()), 0, 1, 2)
    assert found.cause == "healthy", told(found)
    assert found.cost.trainings == 1

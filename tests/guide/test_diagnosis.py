"""Whole diagnoses: the same verdict twice, several faults, what is left undetermined, and what follows from what."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import goodfit
from goodfit.causes import CAUSES
from goodfit.core.errors import SettingsError
from goodfit.core.evidence import Diagnosis, Reading
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng
from goodfit.guide import diagnosis as guide
from goodfit.guide.tree import TREE, question
from tests.guide.jobs import adam, classes, drawn, net, numbers, read, sgd

X = drawn(200, 4)
Y = 2 * X[:, :1] - X[:, 1:2] + 0.1 * drawn(200, 1, 1)
ABOVE = X.abs()


def of(inputs: Tensor, targets: Tensor, **changes: Any) -> dict[str, Any]:
    parts = {
        "train": TensorDataset(inputs[:150], targets[:150]),
        "val": TensorDataset(inputs[150:], targets[150:]),
    }
    return numbers(**{"epochs": 12, **parts, **changes})


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Dropout(0.9), nn.Linear(32, 1))


def heavy(parameters: Iterable[Any]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1e-6, weight_decay=10.0)


JOBS: dict[str, dict[str, Any]] = {
    "healthy": numbers(epochs=15),
    "rate too high": of(X, Y, optimizer=sgd(3.0)),
    "rate too low": of(X, Y, optimizer=adam(1e-4)),
    "all units killed": of(ABOVE, 2 * ABOVE[:, :1] - ABOVE[:, 1:2] + 0.1 * drawn(200, 1, 1), optimizer=adam(0.5)),
    "dropout and a low rate": of(X, Y, model=dropping, optimizer=adam(1e-4)),
    "wild scales and few epochs": of(X * torch.tensor([1000.0, 0.01, 1.0, 1.0]), Y, optimizer=sgd(1e-2), epochs=6),
    "classes, rate too high": classes(optimizer=adam(3.0)),
}


def diagnosed(job: Job, **limits: Any) -> Diagnosis:
    with preserved_rng():
        return guide.diagnose(job, **limits)


@cache
def of_job(name: str) -> Diagnosis:
    return diagnosed(read(JOBS[name]), trainings=30.0)


def plain(found: Diagnosis) -> dict[str, Any]:
    known = found.to_json()
    del known["cost"]["seconds"]
    return known


# -- the same twice


@pytest.mark.parametrize("name", ["healthy", "dropout and a low rate", "classes, rate too high"])
def test_the_same_job_gives_the_same_diagnosis_to_the_last_digit(name: str) -> None:
    torch.manual_seed(99)  # what was drawn before does not matter
    np.random.seed(99)
    again = diagnosed(read(JOBS[name]), trainings=30.0)
    assert json.dumps(plain(of_job(name)), sort_keys=True) == json.dumps(plain(again), sort_keys=True)


def test_other_seeds_are_other_trainings() -> None:
    other = diagnosed(read(JOBS["rate too high"]), trainings=30.0, seeds=(11, 12, 13))
    assert other.cause == of_job("rate too high").cause
    assert "seed 11" in other.ranked[0].runs[0]
    assert other.ranked[0].effect != of_job("rate too high").ranked[0].effect


# -- several faults


@pytest.mark.parametrize(
    ("name", "primary", "further", "fields"),
    [
        ("dropout and a low rate", "learning_rate_too_low", "over_regularised", {"model.dropout"}),
        ("wild scales and few epochs", "unnormalised_input", "too_few_epochs", {"model.standardise", "epochs"}),
    ],
)
def test_two_faults_are_both_named_and_both_mended(name: str, primary: str, further: str, fields: set[str]) -> None:
    found = of_job(name)
    assert {found.cause, *found.further} >= {primary, further}
    assert len(found.further) <= 3
    assert found.cause not in found.further
    assert found.treated is not None
    assert fields <= set(found.treated.fields)
    assert len(found.treated.changes) == 1 + len(found.further)
    assert found.treated.after[1] < 0.2 * found.treated.before[1]


def test_one_fault_has_no_further_one() -> None:
    assert of_job("rate too high").further == ()


def test_a_job_with_everything_wrong_has_at_most_four_findings() -> None:
    wild = torch.tensor([1000.0, 0.01, 1.0, 1.0])
    found = diagnosed(
        read(of(X * wild, Y + 50, model=dropping, optimizer=heavy, epochs=2, batch_size=75)), trainings=200.0
    )
    assert found.cause not in ("healthy", *found.further)
    assert len({found.cause, *found.further}) == 1 + len(found.further) <= 4


# -- what follows from what


def test_units_killed_by_the_rate_are_its_consequence_and_not_the_cause() -> None:
    found = of_job("all units killed")
    assert found.cause == "learning_rate_too_high"
    assert "100% at the end" in found.consequences["dead_units"]
    assert "gone once learning_rate_too_high is mended" in found.consequences["dead_units"]
    assert "dead_units" not in found.further


@pytest.mark.parametrize("name", JOBS)
def test_a_consequence_is_a_symptom_of_another_cause(name: str) -> None:
    found = of_job(name)
    symptoms = {each.cause: each.symptom for each in found.ranked}
    assert found.cause not in found.consequences
    assert all(symptoms[label] > 0 for label in found.consequences)
    if found.cause in ("healthy", "undetermined"):
        assert not found.consequences


# -- what a diagnosis holds


@pytest.mark.parametrize("name", JOBS)
def test_the_ranking_goes_by_value(name: str) -> None:
    found = of_job(name)
    values = [each.value for each in found.ranked]
    assert values == sorted(values, reverse=True)
    assert all(value == 0 or each.reading is Reading.SUPPORTS for value, each in zip(values, found.ranked, strict=True))
    if found.cause not in ("healthy", "undetermined"):
        assert found.ranked[0].cause == found.cause
        assert found.ranked[0].value > 0


@pytest.mark.parametrize("name", JOBS)
def test_every_cause_is_considered_once_and_what_was_not_asked_has_its_reason(name: str) -> None:
    found = of_job(name)
    labels = [each.cause for each in found.ranked]
    assert sorted(labels) == sorted(cause.label for cause in CAUSES)
    for each in found.ranked:
        assert bool(each.runs) == bool(each.fields)
        assert each.prediction.endswith(".")
        if not each.runs and each.reading is Reading.INCONCLUSIVE and each.symptom > 0.2:
            assert found.not_asked.get(each.cause) or each.reason
    assert all(found.not_asked.values())


@pytest.mark.parametrize("name", JOBS)
def test_the_path_leads_through_the_guide(name: str) -> None:
    path = of_job(name).path
    assert path[0].question == TREE[0].name
    for first, second in pairwise(path):
        assert question(first.question).branches[first.answer] == second.question


@pytest.mark.parametrize("name", JOBS)
def test_the_cost_is_that_of_the_trainings_made(name: str) -> None:
    cost = of_job(name).cost
    assert cost is not None
    assert 0 < cost.trainings <= 30.0
    assert cost.runs >= 1
    assert cost.seconds > 0


def test_a_healthy_job_is_cheap_and_is_not_treated() -> None:
    found = of_job("healthy")
    assert found.cause == "healthy"
    assert found.treated is None
    assert found.cost is not None
    assert found.cost.trainings <= 6


def test_a_mended_job_is_better_by_what_the_evidence_says() -> None:
    found = of_job("rate too high")
    assert found.cause == "learning_rate_too_high"
    assert found.treated is not None
    gain = found.treated.before[1] - found.treated.after[1]
    assert found.ranked[0].effect.low <= gain <= found.ranked[0].effect.high
    assert found.ranked[0].effect.low > 0
    assert found.treated.score_after > found.treated.score_before


# -- the budget


@pytest.mark.parametrize("trainings", [1.0, 2.0, 3.5, 7.0])
@pytest.mark.parametrize("name", ["rate too low", "wild scales and few epochs"])
def test_a_budget_is_kept(name: str, trainings: float) -> None:
    found = diagnosed(read(JOBS[name]), trainings=trainings)
    assert found.cost is not None
    assert found.cost.trainings <= trainings + 0.05


def test_too_small_a_budget_is_undetermined_with_what_was_found_so_far() -> None:
    found = diagnosed(read(JOBS["rate too low"]), trainings=1.0)
    assert found.cause == "undetermined"
    assert "budget" in found.sentence
    assert found.path
    assert found.treated is None
    assert {each.cause: each.symptom for each in found.ranked}["learning_rate_too_low"] > 0.5


def test_less_than_one_training_is_one_and_nothing_more() -> None:
    found = diagnosed(read(JOBS["rate too low"]), trainings=0.5)
    assert found.cause == "undetermined"
    assert found.cost is not None
    assert found.cost.runs == 1


def test_seconds_are_kept() -> None:
    found = diagnosed(read(numbers(optimizer=sgd(1e-5), epochs=400)), trainings=1000.0, seconds=2.0)
    assert found.cost is not None
    assert found.cost.seconds < 6.0


# -- the person's own


def states(given: dict[str, Any]) -> list[Tensor]:
    return [each.clone() for part in ("train", "val") for each in given[part].tensors]


def test_the_job_and_its_data_stay_as_they_were() -> None:
    given = JOBS["wild scales and few epochs"]
    before, job = states(given), read(given)
    recipe, task, sample = vars(job.recipe).copy(), vars(job.task).copy(), job.sample.clone()
    model, optimizer = dict(job.recipe.model.keywords), dict(job.recipe.optimizer.keywords)  # type: ignore[union-attr, attr-defined]
    diagnosed(job, trainings=6.0)
    assert all(torch.equal(a, b) for a, b in zip(before, states(given), strict=True))
    assert vars(job.recipe) == recipe
    assert {name: value for name, value in vars(job.task).items() if name in task} == task
    assert torch.equal(job.sample, sample)
    assert job.recipe.model.keywords == model  # type: ignore[attr-defined]
    assert job.recipe.optimizer.keywords == optimizer  # type: ignore[union-attr]


class Careful:
    """A factory that keeps what it made, to be looked at afterwards."""

    def __init__(self) -> None:
        self.made: list[nn.Module] = []

    def __call__(self) -> nn.Module:
        self.made.append(net())
        return self.made[-1]


def test_factories_are_called_anew_for_each_training() -> None:
    factory, optimizers = Careful(), []

    def optimizer(parameters: Iterable[Any]) -> torch.optim.Optimizer:
        optimizers.append(torch.optim.SGD(parameters, lr=3.0))
        return optimizers[-1]

    found = diagnosed(read(of(X, Y, model=factory, optimizer=optimizer)), trainings=6.0)
    assert found.cost is not None
    assert len(factory.made) > found.cost.runs
    assert len({id(each) for each in factory.made}) == len(factory.made)
    assert all(each.param_groups[0]["lr"] in (3.0, pytest.approx(0.3), pytest.approx(0.03)) for each in optimizers[:2])


def test_a_batch_that_cannot_grow_does_not_end_the_diagnosis() -> None:
    bits, x = (drawn(44, 1, 5)[:, 0] > 0).long(), drawn(44, 4)
    parts = {"train": TensorDataset(x[:33], bits[:33]), "val": TensorDataset(x[33:], bits[33:])}
    found = goodfit.diagnose(**classes(**parts, model=lambda: net(outputs=2), batch_size=8, epochs=3))
    assert found.ranked


UNSTEPPABLE = [
    ("optimizer", lambda p: torch.optim.LBFGS(p), "without a closure. Got LBFGS"),
    ("scheduler", lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o), "without a loss. Got ReduceLROnPlateau"),
    ("scheduler", lambda o: 3, "Got int"),
    ("scheduler", lambda o: {}["rate"], "The 'scheduler' function failed: KeyError: 'rate'"),
]


@pytest.mark.parametrize(("key", "made", "sentence"), UNSTEPPABLE)
def test_what_cannot_be_stepped_is_refused_in_words(key: str, made: Any, sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        goodfit.diagnose(**numbers(**{key: made}))
    assert sentence in str(error.value)


def test_an_optimiser_that_comes_with_a_scheduler_of_its_own_is_taken() -> None:
    def scheduled(parameters: Iterable[Any]) -> torch.optim.Optimizer:
        made = torch.optim.Adam(parameters, lr=0.02)
        torch.optim.lr_scheduler.StepLR(made, 100)
        return made

    assert read(numbers(optimizer=scheduled, scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 9)))


# -- curves


def test_a_diagnosis_keeps_the_losses_of_control_and_treatment_by_seed() -> None:
    found = of_job("rate too high")
    before, after = ([each for each in found.curves if each.changed is changed] for changed in (False, True))
    assert [0, 1] == [each.seed for each in before][:2] == [each.seed for each in after][:2]
    for each in found.curves:
        assert each.epochs[0] == 1
        assert each.epochs == tuple(range(1, len(each.epochs) + 1))
        assert len(each.train) == len(each.validation) == len(each.epochs)
    assert all(np.isnan(each.validation[-1]) for each in before)  # the rate drives it out of the numbers
    assert all(each.validation[-1] < 0.1 for each in after)


def test_of_a_long_training_the_losses_of_some_epochs_are_kept() -> None:
    losses = tuple(float(each) for each in range(1, 1002))
    trial = SimpleNamespace(seed=4, train_losses=losses, validation_losses=losses[:-1])
    found = guide._curve(trial, changed=True)  # type: ignore[arg-type]
    assert len(found.epochs) == guide.MOST_EPOCHS
    assert (found.epochs[0], found.epochs[-1]) == (1, 1000)
    assert found.train == found.validation == tuple(float(each) for each in found.epochs)

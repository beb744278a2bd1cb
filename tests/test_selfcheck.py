"""goodfit's own runs put to the test."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from goodfit import selfcheck
from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.progress import Silent
from goodfit.core.run import Outcome
from goodfit.core.task import Rows, Signature
from goodfit.guide.experiments import OutOfBudget
from goodfit.guide.tree import BRANCHES, LEAVES
from goodfit.models import mlp
from goodfit.selfcheck import IN_VAIN, TESTED, allowed, confirmed, job_of, joined, why_not
from goodfit.training import fit
from tests.tasks import line, recipe, tokens

SMALL = Answer("training loss", "small", "It is 1 %.")
FITS = Diagnosis(None, f"{LEAVES['fits']} It is 1 %.", (SMALL,))
LARGE = Diagnosis(
    None, f"{BRANCHES['model bias or optimisation']} It is 90 %.", (Answer("training loss", "large", "It is 90 %."),)
)
SOUND = Answer("sound", "yes", "Nothing was found.")


def found(cause: str) -> Diagnosis:
    return Diagnosis(cause, "Steps are too large.", (SOUND, SMALL), not_asked={"overfitting": "there is no gap"})


@pytest.fixture(scope="module")
def trained() -> Any:
    task = line(200)
    return task, fit(task, recipe(task, epochs=8))


def test_good_scores_and_no_change_that_mends_are_healthy() -> None:
    both = joined(FITS, found("healthy"))
    assert both.cause == "healthy"
    assert both.sentence == f"{LEAVES['fits']} {TESTED} It is 1 %."
    assert [each.question for each in both.path] == ["sound", "training loss"]


def test_bad_scores_that_no_change_mends_are_undetermined() -> None:
    both = joined(LARGE, found("healthy"))
    assert both.cause == "undetermined"
    assert IN_VAIN in both.sentence


def test_a_cause_is_named_whatever_the_scores_say() -> None:
    for scores in (FITS, LARGE):
        assert joined(scores, found("learning_rate_too_high")) == found("learning_rate_too_high")


def test_experiments_that_ended_too_early_leave_the_sentence() -> None:
    both = joined(FITS, found("undetermined"))
    assert (both.cause, both.sentence) == ("undetermined", FITS.sentence)
    assert both.not_asked["experiments"] == "Steps are too large."


def test_the_job_is_as_long_as_the_weights_kept_and_knows_no_test_part(trained: Any) -> None:
    task, run = trained
    job = job_of(task, run)
    assert job.task.test is None
    assert job.recipe.epochs == run.best_epoch
    assert job_of(task, replace(run, outcome=Outcome.DIVERGED)).recipe.epochs == 8
    slower = job.with_optimizer(rate_factor=0.1)
    assert job.diff(slower) == ("optimizer.rate_factor",)
    made = slower.recipe.optimizer(job.recipe.model().parameters())
    assert made.param_groups[0]["lr"] == pytest.approx(0.1 * run.recipe.rate)


def test_short_trainings_may_be_repeated_more_often(trained: Any) -> None:
    job = job_of(*trained)
    assert allowed(job) == selfcheck.MOST_TRAININGS
    assert allowed(job.with_recipe(epochs=10_000)) == selfcheck.TRAININGS


def test_a_run_that_fits_is_confirmed_and_random_numbers_stay(trained: Any) -> None:
    state = torch.get_rng_state()
    task = line(300)
    made = replace(recipe(task, epochs=40), model=partial(mlp, task.signature, width=16, depth=1), rate=0.02)
    result = confirmed(FITS, task, fit(task, made), Silent())
    assert result.cause == "healthy"
    torch.set_rng_state(state)
    confirmed(FITS, *trained, Silent())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_asked_says_why(trained: Any) -> None:
    task, run = trained
    coded = replace(task, signature=Signature((2,), 1, categories=(5,)))
    large = replace(task, train=Rows(torch.zeros(1001, 1000), torch.zeros(1001, 1)))
    for each in (tokens(), coded, large, replace(task, train=torch.utils.data.TensorDataset(torch.zeros(2, 2)))):
        reason = why_not(each)
        assert reason
        told = confirmed(FITS, each, run, Silent())
        assert (told.cause, told.not_asked) == (None, {"experiments": reason})
    assert why_not(task) == ""


def test_a_run_without_time_left_is_not_asked(trained: Any) -> None:
    told = confirmed(FITS, *trained, Silent(), most=0.5)
    assert (told.cause, told.not_asked) == (None, {"experiments": selfcheck.LATE})


@pytest.mark.parametrize("error", [OutOfBudget("3 s"), ValueError("a bug")])
def test_a_run_is_not_lost_to_its_questions(trained: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(selfcheck.guide, "diagnose", fails)
    told = confirmed(FITS, *trained, Silent())
    assert (told.cause, told.sentence) == (None, FITS.sentence)
    assert told.not_asked["experiments"]

"""goodfit's own runs put to the test."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from goodfit import data, selfcheck
from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.progress import Silent
from goodfit.core.recipe import Recipe
from goodfit.core.run import Outcome, Run
from goodfit.core.settings import DataSettings
from goodfit.core.task import ACCURACY, Signature, Task
from goodfit.data.images.arrays import ArrayPictures
from goodfit.data.images.rows import LazyPictures, Scale, rows_in_memory
from goodfit.guide import views
from goodfit.guide.experiments import OutOfBudget
from goodfit.guide.tree import BRANCHES, LEAVES
from goodfit.models import mlp
from goodfit.models.attention import attention
from goodfit.models.cnn import cnn
from goodfit.models.surgery import NotAskable
from goodfit.selfcheck import IN_VAIN, TESTED, affordable, allowed, confirmed, job_of, joined, questions
from goodfit.training import fit
from tests.tasks import cut, line, recipe

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
    assert job_of(task, replace(run, best_epoch=2), whole=True).recipe.epochs == run.epochs
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


def coded(rows: int = 600, *, turned: bool = False, shuffled: bool = False) -> Task:
    """A table of two numbers and two columns of codes: the class is the parity of the first code, the rest means
    nothing. ``turned``: the other class where the first number is positive. ``shuffled``: the training labels are.
    """
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(rows, 2, generator=generator)
    codes = torch.stack([torch.randint(1, most, (rows,), generator=generator) for most in (13, 41)], dim=1)
    targets = (codes[:, 0] + (turned & (numbers[:, 0] > 0))) % 2
    train, validation, test = cut(torch.cat([numbers, codes.float()], dim=1), targets)
    if shuffled:
        train.targets = train.targets[torch.randperm(len(train), generator=generator)]
    signature = Signature((4,), 2, categories=(13, 41))
    return Task(
        "coded", "table", "classification", train, validation, test, signature, functional.cross_entropy, ACCURACY
    )


def tagged(by_place: bool = False) -> Task:
    """Sentences of twelve words, as goodfit's own reader codes them. A label is the word's number modulo three;
    ``by_place``: and one more after the first word.
    """
    random = np.random.default_rng(0)
    drawn = {tuple(random.integers(0, 12, random.integers(3, 12)).tolist()) for _ in range(160)}
    pairs = [
        ([f"w{'abcdefghijkl'[k]}" for k in words], [str((k + (by_place and at > 0)) % 3) for at, k in enumerate(words)])
        for words in sorted(drawn)
    ]
    return data.load(pairs, DataSettings(kind="sequences"), 0)


def pictures(rows: int, lazily: bool) -> Task:
    """Bright squares in one of four corners."""
    random = np.random.default_rng(0)
    found = random.integers(0, 60, (rows, 8, 8, 1), dtype=np.uint8)
    targets = np.arange(rows) % 4
    for picture, place in zip(found, targets, strict=True):
        picture[4 * (place // 2) :, 4 * (place % 2) :][:4, :4] += 40
    held, scale = ArrayPictures(found, (8, 8, 1)), Scale((50.0,), (30.0,))
    spans = np.split(np.arange(rows), [int(0.6 * rows), int(0.8 * rows)])
    make = LazyPictures if lazily else rows_in_memory
    train, validation, test = (make(held, span, targets[span], scale) for span in spans)
    return Task(
        "corners",
        "images",
        "classification",
        train,
        validation,
        test,
        Signature((1, 8, 8), 4),
        functional.cross_entropy,
        ACCURACY,
    )


def run_of(task: Task, **changes: Any) -> Run:
    """A training of a network that suits the task; ``model`` names keywords of its factory."""
    factory = cnn if task.kind == "images" else attention if task.signature.tokens else mlp
    shape = {"width": 16, "depth": 1, **changes.pop("model", {})}
    known = {"rate": 1e-2, "epochs": 12, "batch_size": 16, **changes}
    return fit(task, Recipe(partial(factory, task.signature, **shape), **known))


@pytest.mark.parametrize(
    "task",
    [tagged(), coded(), pictures(200, lazily=False), pictures(120, lazily=True)],
    ids=["sequences", "codes", "pictures", "pictures in files"],
)
def test_sound_runs_of_every_kind_are_healthy(task: Task) -> None:
    told = confirmed(FITS, task, run_of(task), Silent())
    assert told.cause == "healthy"
    assert not [name for name in told.not_asked.values() if "Error" in name]


@pytest.mark.parametrize("task", [tagged(), coded(1_000, turned=True)], ids=lambda task: str(task.kind))
def test_steps_that_are_too_large_are_named_for_every_kind(task: Task) -> None:
    told = confirmed(LARGE, task, run_of(task, rate=3.0), Silent())
    assert told.cause == "learning_rate_too_high"


def test_shuffled_labels_of_a_table_with_codes_are_named() -> None:
    task = coded(shuffled=True)
    told = confirmed(LARGE, task, run_of(task), Silent())
    assert told.cause == "bad_labels"


def test_a_network_of_one_unit_is_too_small_for_sentences() -> None:
    task = tagged(by_place=True)
    run = run_of(task, epochs=40, model={"width": 1, "heads": 1, "normalisation": "none"})
    told = confirmed(LARGE, task, run, Silent())
    assert told.cause == "model_bias"


def test_of_large_data_a_part_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    task = pictures(1_500, lazily=False)
    before = questions(task)
    monkeypatch.setattr(views, "MOST_NUMBERS", 50_000)
    monkeypatch.setattr(selfcheck, "MOST_NUMBERS", 50_000)
    assert questions(task) < before
    assert confirmed(FITS, task, run_of(task, epochs=2), Silent()).cause == "healthy"


def test_a_network_many_times_as_dear_is_not_askable() -> None:
    task = tagged()
    sample, _ = views.taken(task.train, torch.arange(40))
    small, large = (partial(attention, task.signature, width=width, depth=1) for width in (4, 64))
    affordable(small, sample, width=8)
    with pytest.raises(NotAskable, match="times as long"):
        affordable(large, sample, width=8)


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

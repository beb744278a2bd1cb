"""goodfit's own runs mended: planted faults, what stays as it is, and what may be changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

import goodfit
from goodfit import api, mending
from goodfit.causes import changes
from goodfit.core.errors import GoodfitError
from goodfit.core.evidence import Diagnosis
from goodfit.core.progress import Silent
from goodfit.core.recipe import Recipe
from goodfit.core.run import Run
from goodfit.core.score import score
from goodfit.core.statistics import Estimate
from goodfit.core.task import Rows, Task
from goodfit.guide.treatment import Course
from goodfit.mending import Edited, better, mended, recipe_of, unfit
from goodfit.plan import Plan, plan
from goodfit.remedies.rows import of_rows
from goodfit.saying import options, shown
from goodfit.selfcheck import job_of
from goodfit.training import fit
from tests.cli.made import invoke
from tests.tasks import line, recipe

NOTHING = Estimate(0.0, 0.0, 0.0)
SHORT: dict[str, Any] = {"training__epochs": 12}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with TemporaryDirectory() as folder, monkeypatch.context() as patch:
        patch.chdir(folder)
        yield


def towns(rows: int = 600, seed: int = 0) -> pl.DataFrame:
    """Which of two straight lines parts the classes depends on the town."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, rows))
    town = random.choice(list("ABCDEF"), rows)
    yes = np.where(np.isin(town, list("ABC")), 1.5 * first - second, 1.5 * second + first) > 0
    names = [f"town {each}" for each in town]
    return pl.DataFrame({"a": first, "b": second, "town": names, "y": np.where(yes, "yes", "no")})


def sentences() -> list[tuple[list[str], list[str]]]:
    random = np.random.default_rng(0)
    drawn = {tuple(random.integers(0, 12, random.integers(3, 12)).tolist()) for _ in range(60)}
    return [([f"w{'abcdefghijkl'[k]}" for k in words], [str(k % 3) for k in words]) for words in sorted(drawn)]


FAULTS: dict[str, tuple[Any, str | None, dict[str, Any], str]] = {
    "rate": (towns(), "y", {**SHORT, "training__rate": 10.0}, "learning_rate_too_high"),
    "width": (towns(), "y", {"training__epochs": 20, "training__rate": 1e-2, "model__width": 1}, "model_bias"),
    "order": (
        towns().sort("y"),
        "y",
        {**SHORT, "training__rate": 1e-2, "training__shuffle": False},
        "unshuffled_data",
    ),
    "sentences": (
        sentences(),
        None,
        {
            "training__epochs": 8,
            "training__rate": 3.0,
            "training__batch_size": 8,
            "model__width": 16,
            "model__depth": 1,
        },
        "learning_rate_too_high",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_come_out_mended(fault: str) -> None:
    data, target, given, cause = FAULTS[fault]
    result = goodfit.run(data, target, **given)
    told = result.document["treatment"]
    assert result.diagnosis.cause == cause == result.document["verdict"]["cause"]
    assert told["kept"]
    assert result.treatment is not None
    assert [each["change"] for each in told["applied"]] == [each.change for each in result.treatment.applied]
    scores = told["scores"]
    assert set(scores["after"]) == {"train", "validation", "test"}
    assert scores["after"]["test"] == result.document["score"]["test"]
    assert scores["after"]["test"]["value"] > max(0.9, scores["before"]["test"]["value"] + 0.05)
    assert scores["difference"]["validation"]["interval"][0] > 0
    # The model predicts new rows, the saved weights are its own, and the config repeats all of it.
    rows = [words for words, _ in data] if target is None else towns(200, 9).drop("y")
    truth = [labels for _, labels in data] if target is None else towns(200, 9)["y"].to_list()
    assert np.mean([list(a) == list(b) for a, b in zip(result.predict(rows), truth, strict=True)]) > 0.85
    saved = load_file(result.directory / "model.safetensors")
    assert all(torch.equal(weight, saved[name]) for name, weight in result.model.state_dict().items())
    if fault == "rate":
        again = goodfit.run(data, config=result.directory / "config.yaml")
        assert all(torch.equal(weight, saved[name]) for name, weight in again.model.state_dict().items())
    patch = invoke("show", "--patch").stdout
    assert patch == told["patch"]
    for each in result.treatment.applied:
        assert each.change in patch
    if fault == "order":
        assert told["options"] == {"training.shuffle": "true"}
        assert "--set training.shuffle=true" in patch
        assert "shuffle=True" in patch
    page = result.report.read_text()
    assert 'id="mended"' in page
    shown_ = " ".join(invoke("show").stdout.split())
    assert " ".join(mending.BETTER.split()) in shown_
    assert "-> " in shown_


def test_a_healthy_run_is_the_same_bit_for_bit() -> None:
    treated, plain = (goodfit.run(towns(), "y", treat=treat, training__rate=3e-2, **SHORT) for treat in (True, False))
    assert treated.diagnosis.cause == "healthy"
    assert treated.treatment is None
    assert treated.document["treatment"] is None
    for name, weight in treated.run.weights.items():
        assert torch.equal(weight, plain.run.weights[name])
    assert treated.document["score"] == plain.document["score"]
    assert invoke("show", "--patch").stdout.startswith("Nothing was changed in this run")


def test_without_treatment_the_cause_is_named_and_nothing_changed() -> None:
    data, target, given, cause = FAULTS["rate"]
    result = goodfit.run(data, target, treat=False, **given)
    assert result.diagnosis.cause == cause
    assert result.document["treatment"] is None
    assert result.run.recipe.rate == 10.0
    assert "treat: false" in invoke("run", "x.csv", "--no-treat", "--print-config").stdout


def test_the_test_part_is_scored_after_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    kept = mending.mended

    def noted(*given: Any, **rest: Any) -> Any:
        assert "test" not in said
        found = kept(*given, **rest)
        said.append("chosen")
        return found

    def trapped(task: Any, predictions: Any, **rest: Any) -> Any:
        said.extend(["test"] if "test" in predictions else [])
        return score(task, predictions, **rest)

    monkeypatch.setattr(api, "mended", noted)
    monkeypatch.setattr(api, "score", trapped)
    monkeypatch.setattr(mending, "score", trapped)
    data, target, given, _ = FAULTS["order"]
    result = goodfit.run(data, target, **given)
    assert result.treatment is not None
    assert said == ["chosen", *["test"] * (2 + len(result.baselines))]


@pytest.mark.parametrize("error", [ValueError("a bug"), GoodfitError("no")])
def test_a_run_is_not_lost_to_its_treatment(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(mending.guide, "treat", fails)
    data, target, given, cause = FAULTS["rate"]
    result = goodfit.run(data, target, **given)
    assert result.diagnosis.cause == cause
    assert result.treatment is None
    assert "the treatment failed" in result.document["treatment"]["sentence"]
    assert "the treatment failed" in invoke("show", "--patch").stdout
    assert json.loads((result.directory / "result.json").read_text()) == result.document


def test_a_mended_model_that_is_no_better_is_not_handed_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "better", lambda *_: False)
    data, target, given, _ = FAULTS["rate"]
    result = goodfit.run(data, target, **given)
    told = result.document["treatment"]
    assert (told["kept"], told["sentence"]) == (False, mending.NO_BETTER)
    assert result.treatment is None
    assert result.run.recipe.rate == 10.0
    assert set(told["scores"]["after"]) == {"train", "validation"}
    assert invoke("show", "--patch").stdout == mending.NO_BETTER + "\n"


# --- the parts


@pytest.fixture(scope="module")
def trained() -> tuple[Task, Run]:
    task = line(200)
    return task, fit(task, recipe(task, epochs=8))


def course(task: Task, run: Run, *made: Any) -> Course:
    """A course that made these changes."""
    job = mended_ = job_of(task, run, whole=True)
    for each in made:
        mended_ = each.apply(mended_)
    applied = tuple(mending.guide.Applied("x", each, mending.Judged.FOLDS, NOTHING) for each in made)
    known: Any = dict.fromkeys(("diagnosis", "facts", "cost", "choices", "not_tried", "before", "after"))
    return Course(job=job, mended=mended_, applied=applied, **known)


def test_changes_of_the_optimiser_are_fields_of_the_recipe(trained: Any) -> None:
    task, run = trained
    own = replace(run.recipe, optimizer="sgd", rate=0.3, patience=3)

    def found(*made: Any) -> Recipe:
        return recipe_of(course(task, run, *made), own)

    assert own.diff(found(changes.rate(0.1), changes.rate(0.1))) == ("rate",)
    assert found(changes.rate(0.1), changes.rate(0.1)).rate == pytest.approx(0.003)
    assert own.diff(found(changes.weight_decay(0.5))) == ("weight_decay",)
    assert found(changes.optimizer("m", "m", momentum=0.5)).optimizer == "momentum"
    adam = found(changes.optimizer("a", "a", adaptive=1e-3), changes.rate(3.0))
    assert (adam.optimizer, adam.rate, adam.weight_decay) == ("adam", pytest.approx(3e-3), 0.0)


def test_epochs_follow_and_the_rest_of_the_run_stays(trained: Any) -> None:
    task, run = trained
    own = replace(run.recipe, epochs=10, patience=3, max_updates=30)
    same = recipe_of(course(task, run, changes.clip(1.0)), own)
    assert (same.epochs, same.patience, same.clip, same.max_updates) == (10, 3, 1.0, 30)
    longer = recipe_of(course(task, run, changes.epochs(2)), own)
    assert (longer.epochs, longer.patience, longer.max_updates) == (16, 3, 48)
    shorter = recipe_of(course(task, run, changes.stop_after(4, 8)), own)
    assert (shorter.epochs, shorter.patience) == (4, None)
    assert recipe_of(course(task, run), own).model is own.model


def test_a_column_that_is_blanked_stays_so_for_new_rows(trained: Any) -> None:
    task, run = trained

    def blank(job: Any) -> Any:
        parts = {}
        for part in ("train", "validation"):
            rows = job.task.part(part)
            parts[part] = Rows(rows.inputs * torch.tensor([1.0, 0.0]), rows.targets)
        return job.with_task(**parts)

    change = changes.Change("blank", "Blank it", ("task.train", "task.validation"), blank)
    assert unfit(job_of(task, run), change) == ""
    model = recipe_of(course(task, run, change), run.recipe).model()
    rows = torch.randn(5, 2)
    assert torch.equal(model(rows), model(rows * torch.tensor([1.0, 7.0])))
    assert not torch.equal(model(rows), model(rows * torch.tensor([7.0, 1.0])))


def test_changes_of_what_rows_look_like_are_refused(trained: Any) -> None:
    job = job_of(*trained)
    assert unfit(job, changes.standardise_targets()) == mending.FOREIGN
    assert unfit(job, changes.resplit()) == mending.FOREIGN
    assert unfit(job, changes.rate(0.1)) == ""
    fewer = of_rows("fewer", "Fewer", ("validation",), lambda _, a, b: (a, b.taken(torch.arange(20))), "")
    other = of_rows("other", "Other", ("validation",), lambda _, a, b: (a, Rows(b.inputs + 1, b.targets)), "")
    assert (unfit(job, fewer), unfit(job, other)) == ("", mending.FOREIGN)


def test_better_means_beyond_the_interval_and_finite(trained: Any) -> None:
    task, _ = trained
    truth = 30 + 10 * task.validation.targets[:, 0].numpy()
    random = np.random.default_rng(0)

    def card(error: float) -> Any:
        return score(task, {"validation": truth + error * random.normal(size=len(truth))})

    assert better(card(5.0), card(1.0), task)
    assert not better(card(1.0), card(5.0), task)
    assert not better(card(1.0), card(0.95), task)
    assert better(card(float("nan")), card(1.0), task)
    assert not better(card(1.0), card(float("nan")), task)


def test_what_settings_can_say(trained: Any) -> None:
    task, run = trained
    todo = plan(task, goodfit_settings())
    job = job_of(task, run, whole=True)
    model = partial(Edited(todo.recipe.model, job.sample), width=2, dropout=0.5, initialisation="he")
    recipe_ = replace(todo.recipe, rate=1e-4, model=model)
    made = [changes.rate(0.1), changes.model("w", "Wider", width=2), changes.model("h", "He", initialisation="he")]
    said, unsaid = options(todo, recipe_, todo.task.loss, course(task, run, *made).applied)
    assert said == {"training.rate": "0.0001", "model.width": "256", "model.dropout": "0.5"}
    assert unsaid == ("He",)
    stand_in = replace(todo.recipe, model=partial(Edited(todo.recipe.model, job.sample), stand_in="linear", width=2))
    assert options(todo, stand_in, todo.task.loss, ())[0] == {}
    smooth = partial(functional.cross_entropy, label_smoothing=0.1)
    words = replace(todo, task=replace(task, loss=functional.cross_entropy))
    assert options(words, todo.recipe, smooth, ())[0].keys() <= {"training.label_smoothing"}
    assert [shown(each) for each in (True, ("flip=0.5", "crop=0.1"), 1 / 3)] == [
        "true",
        "[flip=0.5, crop=0.1]",
        "0.333333",
    ]


def goodfit_settings() -> Any:
    from goodfit.core.settings import Settings

    return Settings()


def test_nothing_is_begun_without_time_or_cause(trained: Any) -> None:
    task, run = trained
    todo = Plan(task, run.recipe, goodfit_settings())
    asked = Diagnosis("learning_rate_too_high", "x", (), rounds=(1,))
    card = score(task, {"validation": 30 + 10 * task.validation.targets[:, 0].numpy()})
    late: Any = mended(asked, todo, run, card, Silent(), most=0.0)
    assert (late.kept, late.sentence) == (False, mending.LATE)
    for nothing in (replace(asked, cause="healthy"), replace(asked, cause=None), replace(asked, rounds=())):
        assert mended(nothing, todo, run, card, Silent()) is None
    untreated = replace(todo, settings=todo.settings.model_copy(update={"treat": False}))
    assert mended(asked, untreated, run, card, Silent()) is None


def test_a_timed_run_that_was_not_mended_is_repeated_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "FEWEST", 1e9)
    data, target, given, _ = FAULTS["rate"]
    result = goodfit.run(data, target, time="60s", **given)
    assert result.document["treatment"]["sentence"] == mending.LATE
    assert not result.settings.treat
    assert Path(result.directory / "config.yaml").read_text().count("treat: false") == 1

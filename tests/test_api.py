"""`goodfit.run` from Python: what may go in, what comes out, and what is left behind when something goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch import nn

import goodfit
from goodfit import api
from goodfit.core.errors import DataError, SettingsError, TrainingError
from goodfit.core.step import Event, Step
from goodfit.core.task import Signature
from goodfit.data.frames import frame_of
from goodfit.ledger import Ledger

QUICK: dict[str, Any] = {"model__name": "linear", "training__epochs": 3, "training__rate": 0.05}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Not pytest's own: each run leaves a page of 1.5 MB, and pytest keeps three sessions of them.
    with TemporaryDirectory() as folder, monkeypatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


def flats(rows: int = 120, seed: int = 0) -> pl.DataFrame:
    """Rents that follow from size and town, with a little noise."""
    random = np.random.default_rng(seed)
    size = random.uniform(20, 120, rows).round(1)
    town = random.choice(["Ankara", "Bonn", "Cork"], rows)
    rent = 10 * size + 200 * (town == "Cork") + random.normal(0, 20, rows)
    part = ["train"] * (rows - 60) + ["validation"] * 30 + ["test"] * 30
    return pl.DataFrame({"size": size, "town": town, "rent": rent, "part": part})


def points(rows: int = 80) -> np.ndarray[Any, Any]:
    """Three numbers and, in the last column, whether their sum is positive."""
    inputs = np.random.default_rng(1).normal(size=(rows, 3))
    return np.column_stack([inputs, inputs.sum(axis=1) > 0])


def scores(result: goodfit.Result) -> dict[str, float]:
    return {part: result.scorecard.value(part) for part in result.scorecard.estimates}


# --- what may go in


def as_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(frame.to_dict(as_series=False))


def as_csv(frame: pl.DataFrame) -> Path:
    frame.write_csv("flats.csv")
    return Path("flats.csv")


@pytest.mark.parametrize("make", [as_csv, lambda frame: str(as_csv(frame)), as_pandas, lambda frame: frame])
def test_paths_and_frames_give_the_same_run(make: Callable[[pl.DataFrame], Any]) -> None:
    found = goodfit.run(make(flats()), "rent", data__split_col="part", **QUICK)
    expected = goodfit.run(flats().lazy(), "rent", data__split_col="part", **QUICK)
    assert scores(found) == pytest.approx(scores(expected), rel=1e-6)
    assert found.task.objective == "regression"


@pytest.mark.parametrize("matrix", [points(), torch.from_numpy(points())], ids=["numpy", "torch"])
@pytest.mark.parametrize("target", [3, -1, np.int64(3), "column_3"])
def test_the_target_of_a_matrix_is_a_column_number(matrix: Any, target: Any) -> None:
    result = goodfit.run(matrix, target, **QUICK)
    assert result.task.classes == ("0", "1")
    assert result.settings.data.target == "column_3"


@pytest.mark.parametrize("target", [4, -5])
def test_a_column_number_that_does_not_exist(target: int) -> None:
    with pytest.raises(DataError, match=rf"no column {target}\. Choose one of 0 to 3"):
        goodfit.run(points(), target)


def test_pandas_columns_without_names_are_told_by_their_number() -> None:
    assert frame_of(pd.DataFrame(points())).data.equals(frame_of(points()).data.rename(lambda name: name[-1]))
    assert goodfit.run(pd.DataFrame(points()), 3, **QUICK).task.classes == ("0", "1")


@pytest.mark.parametrize("names", [["a", "a"], [1, "1"]])
def test_columns_of_one_name_are_refused(names: list[Any]) -> None:
    with pytest.raises(DataError, match="more than one column has the same name"):
        goodfit.run(pd.DataFrame([[1, 2]], columns=names), "a")


def test_settings_from_a_file_a_mapping_and_keywords(tmp_path: Path) -> None:
    config = tmp_path / "goodfit.yaml"
    config.write_text("seed: 7\nmodel:\n  name: linear\ntraining:\n  epochs: 9\n  rate: 0.01\n")
    mapping = {"seed": 7, "model": {"name": "linear"}, "training.epochs": 9, "training.rate": 0.01}
    for given in (config, str(config), mapping):
        settings = goodfit.run(flats(), "rent", config=given, training__epochs=2, training__rate=None).settings
        assert (settings.seed, settings.model.name) == (7, "linear")
        assert (settings.training.epochs, settings.training.rate) == (2, 0.01)


def test_numpy_numbers_are_settings_too() -> None:
    settings = goodfit.run(flats(), "rent", **{**QUICK, "training__epochs": np.int64(2), "seed": np.int32(5)}).settings
    assert (settings.training.epochs, settings.seed) == (2, 5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {"training__rte": 0.1},
            r"goodfit\.run: There is no setting 'training\.rte'\. Did you mean 'training\.rate'\?",
        ),
        ({"lr": 0.1}, r"There is no setting 'lr'\. Did you mean 'training\.rate'"),
        ({"training__rate": "fast"}, r"'training\.rate' setting must be a number greater than 0\. Got 'fast' instead"),
        ({"model__name": "mpl"}, r"Did you mean 'mlp'\?"),
        ({"config": "none.yaml"}, r"none\.yaml: There is no such file of settings"),
        ({"config": {"seeed": 1}}, r"config: There is no setting 'seeed'\. Did you mean 'seed'\?"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_left_behind(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        goodfit.run(flats(), "rent", **wrong)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model__name": "mlp", "model__kernel": 3}, r"'model\.kernel' setting .* tokens"),
        (
            {"model__name": "mlp", "model__width": 65536, "model__depth": 250},
            r"weights.* GB .* are free\. Lower model\.width or model\.depth",
        ),
    ],
)
def test_a_model_that_cannot_be_made_leaves_no_run_behind(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        goodfit.run(flats(), "rent", **wrong)
    assert list(Path().iterdir()) == []


def test_wrong_data_leave_no_run_behind() -> None:
    with pytest.raises(DataError, match=r"no column 'rnt' .*Did you mean 'rent'\?"):
        goodfit.run(flats(), "rnt")
    with pytest.raises(SettingsError, match="no data to train on"):
        goodfit.run(target="rent")
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        goodfit.run("nowhere.csv", "rent")
    with pytest.raises(DataError, match="a dict is no table"):
        goodfit.run({"rent": [1, 2]}, "rent")
    assert list(Path().iterdir()) == []


# --- what comes out


def test_a_result_predicts_and_says_what_it_is() -> None:
    result = goodfit.run(as_pandas(flats()), "rent", **{**QUICK, "training__epochs": 40})
    new = as_pandas(flats(rows=61, seed=9))
    guesses = result.predict(new.drop(columns="rent"))
    assert guesses.shape == (61,)
    assert np.corrcoef(guesses, new["rent"])[0, 1] > 0.9
    assert repr(result).startswith(f"<goodfit run {result.document['run']}: mean absolute error train ")
    assert result.verdict in repr(result)
    page = result.report.read_text()
    assert result.report == result.directory / "report.html"
    assert "<html" in page
    assert "</html>" in page
    assert json.loads((result.directory / "result.json").read_text()) == result.document
    with pytest.raises(DataError, match="classification only"):
        result.predict_proba(new)


def test_classes_have_probabilities() -> None:
    result = goodfit.run(points(), 3, **{**QUICK, "training__epochs": 40})
    inputs = points(rows=700)[:, :3]
    chances = result.predict_proba(inputs)
    assert chances.shape == (700, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (np.array(result.task.classes)[chances.argmax(axis=1)] == result.predict(inputs)).all()
    # Rows are judged in batches, and each row for itself.
    np.testing.assert_allclose(result.predict_proba(inputs[600:]), chances[600:], atol=1e-6)
    with pytest.raises(DataError, match="4 columns"):
        result.predict(points())


# --- the same again


def without_place(document: Any) -> Any:
    """A document without what differs between two runs: run id, paths, seconds."""
    told = {key: value for key, value in document.items() if key not in ("run", "report", "directory", "next")}
    timeless = {key: value for key, value in told.items() if key != "seconds"}
    if told["diagnosis"]:
        cost = {key: value for key, value in told["diagnosis"]["cost"].items() if key != "seconds"}
        timeless["diagnosis"] = {**told["diagnosis"], "cost": cost}
    if told["treatment"] and "cost" in told["treatment"]:
        cost = {key: value for key, value in told["treatment"]["cost"].items() if key != "seconds"}
        timeless["treatment"] = {**told["treatment"], "cost": cost}
    training = {key: value for key, value in told["training"].items() if key != "seconds"}
    return {**timeless, "training": training}


def timeless(diagnosis: Any) -> Any:
    """A diagnosis without the seconds it took."""
    found = diagnosis.to_json()
    if found["cost"]:
        del found["cost"]["seconds"]
    return found


def test_equal_seeds_give_equal_documents_and_others_do_not() -> None:
    model: dict[str, Any] = {"training__epochs": 3, "model__name": "mlp", "model__dropout": 0.2}
    first, second = (goodfit.run(flats(), "rent", seed=3, **model) for _ in range(2))
    assert first.document["run"] != second.document["run"]
    assert without_place(first.document) == without_place(second.document)
    assert without_place(goodfit.run(flats(), "rent", seed=4, **model).document) != without_place(first.document)


def test_the_saved_config_repeats_the_run() -> None:
    first = goodfit.run(as_csv(flats()), "rent", seed=5, time="30s", training__epochs=5)
    again = goodfit.run(config=first.directory / "config.yaml")
    assert scores(again) == scores(first)
    assert again.settings == first.settings
    assert timeless(again.diagnosis) == timeless(first.diagnosis)


def test_the_config_of_a_frame_names_no_other_data() -> None:
    first = goodfit.run(as_csv(flats()), "rent", **QUICK)
    other = goodfit.run(flats(seed=1), config=first.directory / "config.yaml")
    assert other.settings.data.path is None
    assert other.settings.data.target == "rent"
    assert scores(other) != scores(first)


# --- the test part


def test_the_test_part_is_scored_only_after_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    score, diagnose = api.score, api.diagnose_scores

    def trapped_score(task: Any, predictions: Any, **rest: Any) -> Any:
        assert "test" not in predictions or said, "the test part was scored before the verdict"
        said.extend(["test"] if "test" in predictions else [])
        return score(task, predictions, **rest)

    def noted(task: Any, run: Any, card: Any, cards: Any) -> Any:
        assert all("test" not in each.truth for each in (card, *cards.values()))
        said.append("verdict")
        return diagnose(task, run, card, cards)

    monkeypatch.setattr(api, "score", trapped_score)
    monkeypatch.setattr(api, "diagnose_scores", noted)
    result = goodfit.run(flats(), "rent", **QUICK)
    mended = result.treatment is not None  # then the run as it was is scored beside it
    assert said == ["verdict", *["test"] * (1 + mended + len(result.baselines))]


def test_other_test_rows_change_the_test_score_and_nothing_else() -> None:
    broken = flats().with_columns(rent=pl.when(pl.col("part") == "test").then(-1e4).otherwise(pl.col("rent")))
    first, second = (goodfit.run(frame, "rent", data__split_col="part", **QUICK) for frame in (flats(), broken))
    assert second.scorecard.value("test") > 5 * first.scorecard.value("test")
    assert [second.scorecard.value(part) for part in api.CHOOSING] == [first.scorecard.value(p) for p in api.CHOOSING]
    assert timeless(second.diagnosis) == timeless(first.diagnosis)
    for name, weight in first.run.weights.items():
        assert torch.equal(weight, second.run.weights[name])


# --- runs that do not end well


class Broken(nn.Module):
    """A model that cannot be trained."""

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.layer = nn.Linear(signature.inputs[0] + 1, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(rows)
        return found


@pytest.fixture
def _broken_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = api.plan

    def planned(task: Any, settings: Any) -> Any:
        todo = plan(task, settings)
        return replace(todo, recipe=replace(todo.recipe, model=lambda: Broken(task.signature)))

    monkeypatch.setattr(api, "plan", planned)


def only_run() -> Any:
    with Ledger("goodfit_runs", readonly=True) as ledger:
        (entry,) = ledger.runs()
        return entry


@pytest.mark.usefixtures("_broken_recipe")
def test_a_training_that_fails_is_recorded_and_leaves_no_files() -> None:
    with pytest.raises(TrainingError, match="shapes cannot be multiplied"):
        goodfit.run(flats(), "rent", **QUICK)
    entry = only_run()
    assert entry.status == "failed"
    assert "shapes cannot be multiplied" in entry.outcome
    assert entry.result is None
    assert list(entry.directory.iterdir()) == []


class Impatient:
    """A person who presses Ctrl-C at an event."""

    events = frozenset({Event.EPOCH_END})

    def stage(self, doing: str) -> None:
        """Nothing."""

    def inferred(self, facts: Any) -> None:
        """Nothing."""

    def __call__(self, step: Step) -> None:
        if step.epoch == 2:
            raise KeyboardInterrupt


def test_ctrl_c_is_recorded_and_keeps_what_was_measured() -> None:
    with pytest.raises(KeyboardInterrupt):
        goodfit.run(flats(), "rent", progress=Impatient(), **QUICK)
    entry = only_run()
    assert (entry.status, entry.outcome) == ("interrupted", "stopped by the person")
    assert list(entry.directory.iterdir()) == []
    with Ledger("goodfit_runs", readonly=True) as ledger:
        assert [row.quantity for row in ledger.measurements(entry.id)] == ["train_loss", "validation_loss"]


def test_a_run_that_diverges_is_a_result() -> None:
    result = goodfit.run(flats(), "rent", training__rate=1e30, training__optimizer="sgd", training__epochs=3)
    assert result.run.outcome.name == "DIVERGED"
    assert only_run().status == "done"
    assert result.report.exists()

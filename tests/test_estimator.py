"""The scikit-learn estimators: labels in their own type, every kind of input, and scikit-learn's own tools."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from goodfit import GoodFitClassifier, GoodFitRegressor
from goodfit.core.errors import SettingsError
from goodfit.ledger import Ledger

QUICK: dict[str, Any] = {"model": "linear", "epochs": 15, "rate": 0.1, "batch_size": 16}
LIVELY: dict[str, Any] = {"model": "linear", "epochs": 10, "rate": 0.1, "batch_size": 8}
"""For scikit-learn's checks, which ask for a fair score on 200 rows."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Not pytest's own: each run leaves a page of 1.5 MB, and pytest keeps three sessions of them.
    with TemporaryDirectory() as folder, monkeypatch.context() as patch:
        patch.chdir(folder)
        yield


@parametrize_with_checks([GoodFitClassifier(**LIVELY), GoodFitRegressor(**LIVELY)])
def test_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    # All pass. check_array_api_input skips itself: it wants SCIPY_ARRAY_API in the environment.
    check(estimator)


def blobs(classes: list[Any], rows: int = 60) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows around one corner for each class, far from the others'."""
    codes = np.arange(rows) % len(classes)
    inputs = 4 * np.eye(len(classes))[codes] + np.random.default_rng(0).normal(0, 0.3, (rows, len(classes)))
    return inputs, np.array(classes)[codes]


def line(rows: int = 80) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A target of whole numbers, few and different, that follows from the inputs."""
    inputs = np.random.default_rng(0).normal(size=(rows, 2))
    return inputs, np.round(inputs @ [2.0, -1.0])


@pytest.fixture(scope="module")
def fitted() -> Iterator[GoodFitClassifier]:
    with TemporaryDirectory() as folder:
        yield GoodFitClassifier(**QUICK, out=folder).fit(*blobs(["cat", "dog", "eel"]))


# --- what a fit leaves


def test_a_fit_is_a_recorded_run(fitted: GoodFitClassifier) -> None:
    with Ledger(fitted.out, readonly=True) as ledger:
        entry = ledger.get(fitted.document_["run"])
    assert entry.status == "done"
    assert entry.result == fitted.document_
    assert fitted.report_ == entry.directory / "report.html"
    assert fitted.report_.stat().st_size > 0
    assert fitted.diagnosis_ is fitted.result_.diagnosis
    assert fitted.n_features_in_ == 3
    assert fitted.classes_.tolist() == ["cat", "dog", "eel"]


def test_the_history_has_a_value_for_each_epoch(fitted: GoodFitClassifier) -> None:
    history = fitted.history_
    epochs = fitted.document_["training"]["epochs"]
    assert list(history) == ["epoch", "train_loss", "validation_loss"]
    assert history["epoch"] == list(range(1, epochs + 1))
    assert len(history["train_loss"]) == len(history["validation_loss"]) == epochs
    assert history["train_loss"][-1] < history["train_loss"][0]


def test_a_fitted_estimator_can_be_saved(fitted: GoodFitClassifier) -> None:
    inputs, _ = blobs(["cat", "dog", "eel"])
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(inputs), fitted.predict_proba(inputs))


# --- labels and amounts


@pytest.mark.parametrize(
    "classes",
    [
        ["b", "a", "c"],
        [3, 1, 20],
        [1.0, 3.0, 10.0],
        [True, False],
        ["NA", "yes", "no"],
        ["a", " a", "'a'"],
        ["2020-01", "2020-02"],
        ["1,000", "2,000", "none"],
        ["é", "日本", ""],
    ],
    ids=repr,
)
def test_labels_come_back_in_their_own_type(classes: list[Any]) -> None:
    inputs, labels = blobs(classes)
    model = GoodFitClassifier(**QUICK).fit(inputs, labels)
    guesses = model.predict(inputs)
    assert guesses.dtype == labels.dtype
    assert guesses.tolist() == labels.tolist()
    assert model.classes_.tolist() == sorted(classes)
    chances = model.predict_proba(inputs)
    assert model.classes_[chances.argmax(axis=1)].tolist() == labels.tolist()
    assert model.score(inputs, labels) == 1


def test_the_class_decides_what_the_target_is() -> None:
    inputs, amounts = line()
    regressor, classifier = GoodFitRegressor(**QUICK).fit(inputs, amounts), GoodFitClassifier(**QUICK)
    assert regressor.result_.task.objective == "regression"
    assert regressor.score(inputs, amounts) > 0.9
    assert classifier.fit(inputs, amounts > 0).result_.task.objective == "classification"
    two = GoodFitRegressor(**QUICK).fit(inputs, (amounts > 0).astype(int))
    assert two.result_.task.objective == "regression"
    assert len(np.unique(two.predict(inputs))) > 2
    many = np.arange(80) % 30
    assert len(GoodFitClassifier(**QUICK).fit(inputs, many).classes_) == 30


# --- every kind of input


def as_list(inputs: np.ndarray[Any, Any]) -> Any:
    return inputs.tolist()


CONTAINERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "list": (as_list, as_list),
    "object": (lambda x: x.astype(object), lambda y: y.astype(object)),
    "torch": (torch.from_numpy, lambda y: torch.from_numpy(y.astype(np.int64))),
    "pandas": (lambda x: pd.DataFrame(x, columns=["a", "b"]), pd.Series),
    "pandas without names": (pd.DataFrame, lambda y: pd.Series(y, name=0)),
    "polars": (lambda x: pl.DataFrame(x, schema=["a", "b"]), pl.Series),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_all_containers_give_the_same_model(kind: str) -> None:
    inputs, amounts = line()
    expected = GoodFitRegressor(**QUICK).fit(inputs, amounts).predict(inputs)
    make, make_target = CONTAINERS[kind]
    model = GoodFitRegressor(**QUICK).fit(make(inputs), make_target(amounts))
    np.testing.assert_allclose(model.predict(make(inputs)), expected, rtol=1e-5, atol=1e-6)
    named = kind in ("pandas", "polars")
    assert getattr(model, "feature_names_in_", np.array([])).tolist() == (["a", "b"] if named else [])


def test_pyarrow_tables() -> None:
    arrow = pytest.importorskip("pyarrow")
    inputs, amounts = line()
    table = arrow.table({"a": inputs[:, 0], "b": inputs[:, 1]})
    model = GoodFitRegressor(**QUICK).fit(table, arrow.chunked_array([amounts]))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.predict(table).shape == (len(inputs),)


def mixed(rows: int = 90) -> pd.DataFrame:
    random = np.random.default_rng(0)
    town = pd.Categorical(random.choice(["Ankara", "Bonn", "Cork"], rows))
    size = np.where(random.random(rows) < 0.1, np.nan, random.uniform(20, 120, rows))
    return pd.DataFrame({"town": town, "size": size, "target": random.normal(size=rows)})


@pytest.mark.parametrize("make", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_categories_missing_values_and_a_column_called_target(make: Callable[[pd.DataFrame], Any]) -> None:
    frame = mixed()
    coast = np.where(frame["town"] == "Cork", "coast", "inland")
    columns = frame.assign(town=frame["town"].astype(str))
    inputs = make(columns) if make is not pl.from_pandas else pl.DataFrame(columns.to_dict("list"), nan_to_null=True)
    model = GoodFitClassifier(**QUICK).fit(inputs, coast)
    assert model.result_.settings.data.target == "target_"
    assert model.score(inputs, coast) == 1
    assert model.feature_names_in_.tolist() == ["town", "size", "target"]


def test_the_target_keeps_its_name() -> None:
    inputs, amounts = line()
    model = GoodFitRegressor(**QUICK).fit(inputs, pd.Series(amounts, name="rent"))
    assert model.result_.task.metric.unit == "rent"


# --- columns at predict


def test_columns_must_be_those_of_the_fit() -> None:
    inputs, amounts = line()
    frame = pl.DataFrame(inputs, schema=["a", "b"])
    model = GoodFitRegressor(**QUICK).fit(frame, amounts)
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        model.predict(frame[["b", "a"]])
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing:\n- b"):
        model.predict(frame[["a"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        by_place = model.predict(inputs)
    np.testing.assert_allclose(by_place, model.predict(frame))


def test_columns_without_names_must_be_as_many() -> None:
    inputs, amounts = line()
    model = GoodFitRegressor(**QUICK).fit(inputs, amounts)
    with pytest.raises(ValueError, match="X has 3 features, but GoodFitRegressor is expecting 2 features as input"):
        model.predict(np.zeros((4, 3)))
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        named = model.predict(pd.DataFrame(inputs, columns=["u", "v"]))
    np.testing.assert_allclose(named, model.predict(inputs))


# --- parameters


def test_every_parameter_reaches_the_run() -> None:
    settings = {"training.optimizer": "sgd", "model": {"activation": "tanh"}, "seed": 9, "data.test": 0.3}
    model = GoodFitRegressor(
        model="mlp",
        width=np.int64(5),
        depth=1,
        rate=np.float32(0.5),
        epochs=2,
        batch_size=7,
        time="30s",
        random_state=4,
        out="elsewhere",
        settings=settings,
    )
    found = model.fit(*line()).result_.settings
    assert (found.model.name, found.model.width, found.model.depth, found.model.activation) == ("mlp", 5, 1, "tanh")
    assert (found.training.rate, found.training.epochs, found.training.batch_size) == (0.5, 2, 7)
    assert (found.training.optimizer, found.seed, found.data.test) == ("sgd", 4, 0.3)
    assert Path("elsewhere", "ledger.sqlite").exists()
    assert model.get_params()["settings"] is settings


def test_clone_and_set_params() -> None:
    model = GoodFitRegressor(**QUICK, settings={"training.optimizer": "sgd"}).fit(*line())
    again = clone(model).set_params(epochs=2)
    assert again.get_params() == {**model.get_params(), "epochs": 2}
    with pytest.raises(NotFittedError):
        again.predict(line()[0])
    assert len(again.fit(*line()).history_["epoch"]) == 2


def test_equal_states_give_equal_models_and_other_ones_do_not() -> None:
    inputs, amounts = line()

    def guesses(state: Any) -> list[float]:
        found: list[float] = GoodFitRegressor(**QUICK, random_state=state).fit(inputs, amounts).predict(inputs).tolist()
        return found

    assert guesses(1) == guesses(1)
    assert guesses(1) != guesses(2)
    assert guesses(np.random.RandomState(0)) == guesses(np.random.RandomState(0))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rate": -1}, r"GoodFitRegressor: The 'training\.rate' setting must be a number greater than 0\. Got -1"),
        ({"model": "mpl"}, r"Did you mean 'mlp'\?"),
        ({"settings": {"training.rte": 1}}, r"settings of GoodFitRegressor: There is no setting 'training\.rte'\. Did"),
        ({"settings": {"data.target": "x"}}, r"The 'data\.target' setting follows from X and y\. Leave it out"),
        ({"settings": {"data": {"kind": "series"}}}, r"The 'data\.kind' setting follows"),
    ],
)
def test_wrong_parameters_are_named_at_fit(wrong: dict[str, Any], says: str) -> None:
    model = GoodFitRegressor(**wrong)
    with pytest.raises(SettingsError, match=says):
        model.fit(*line())
    assert not Path("goodfit_runs").exists()


# --- bad input


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["a"] * 6, "y has one class only, 'a'"),
        (["a", None, "b", "a", "b", "a"], r"y, row 2: y is missing in 1 of 6 rows\. Fill these values in"),
        (pd.Series(["a", "b", None, "b", "a", None]), "y, row 3: y is missing in 2 of 6 rows"),
        ([0.5, np.nan, 1.0, 1.0, 0.5, 0.5], "Input y contains NaN"),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "Unknown label type"),
        (["a", "b"], "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
    ],
)
def test_labels_that_cannot_be_learnt(labels: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        GoodFitClassifier(**QUICK).fit(np.random.default_rng(0).normal(size=(6, 2)), labels)
    assert not Path("goodfit_runs").exists()


@pytest.mark.parametrize("gone", [None, np.nan, np.inf, "many"])
def test_amounts_that_cannot_be_learnt(gone: Any) -> None:
    inputs, amounts = line()
    with pytest.raises(ValueError, match=r"Input y contains|y is missing|could not convert"):
        GoodFitRegressor(**QUICK).fit(inputs, [gone, *amounts[1:]])


# --- scikit-learn's tools


def test_cross_validation_and_a_search() -> None:
    inputs, labels = blobs(["cat", "dog"], rows=90)
    assert cross_val_score(GoodFitClassifier(**QUICK), inputs, labels, cv=3).min() > 0.9
    search = GridSearchCV(GoodFitClassifier(**QUICK), {"rate": [1e-9, 0.1]}, cv=2).fit(inputs, labels)
    assert search.best_params_ == {"rate": 0.1}
    assert search.predict(inputs[:2]).tolist() == ["cat", "dog"]
    with Ledger("goodfit_runs", readonly=True) as ledger:
        assert [entry.status for entry in ledger.runs()] == ["done"] * 8


def test_pipelines() -> None:
    inputs, amounts = line()
    model = make_pipeline(StandardScaler(), GoodFitRegressor(**QUICK))
    assert model.fit(inputs, amounts).score(inputs, amounts) > 0.9
    frame = mixed()
    transform = make_column_transformer((OneHotEncoder(sparse_output=False), ["town"]), remainder="passthrough")
    for kind in ("default", "pandas", "polars"):
        if kind == "polars":
            frame = frame.assign(town=frame["town"].astype(str))
        steps = make_pipeline(transform.set_output(transform=kind), GoodFitClassifier(**QUICK))
        assert steps.fit(frame, frame["town"] == "Cork").score(frame, frame["town"] == "Cork") == 1

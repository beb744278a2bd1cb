"""scikit-learn estimators: ``fit(X, y)`` is an ordinary goodfit run on a table, recorded and with its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data
from torch import Tensor

from goodfit.api import execute, plain
from goodfit.core import configuration
from goodfit.core.errors import DataError, SettingsError
from goodfit.core.settings import Settings
from goodfit.data.columns import Reading, reading_of
from goodfit.data.frames import frame_of
from goodfit.result import Result

FIXED = ("data.path", "data.kind", "data.target", "data.objective")
"""Settings that follow from ``X``, ``y`` and the estimator's class."""

LEAST_ROWS = 3
"""One row each for training, validation and test."""


class InputError(DataError, ValueError):
    """Bad input; a ValueError too, which is what scikit-learn's tools expect of an estimator."""


class _GoodFit(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    def __init__(
        self,
        model: str = "auto",
        width: int | None = None,
        depth: int | None = None,
        rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        time: str | None = None,
        random_state: Any = 0,
        out: str = "goodfit_runs",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.width = width
        self.depth = depth
        self.rate = rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.time = time
        self.random_state = random_state
        self.out = out
        self.settings = settings

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    def _run(self, inputs: pl.DataFrame, target: pl.Series, objective: str) -> None:
        # A fit is often one of hundreds, in a search: experiments on each are asked for, not the default.
        settings = self._resolved({"data.kind": "table", "data.target": target.name, "data.objective": objective})
        self.result_ = execute(settings, inputs.with_columns(target))
        self.diagnosis_ = self.result_.diagnosis
        self.document_ = self.result_.document
        self.report_ = self.result_.report
        self.history_ = _history(self.result_)

    def _resolved(self, fixed: Mapping[str, Any]) -> Settings:
        name = type(self).__name__
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seed = check_random_state(seed).randint(2**31)
        chosen = {
            "model.name": None if self.model == "auto" else self.model,
            "model.width": self.width,
            "model.depth": self.depth,
            "training.rate": self.rate,
            "training.epochs": self.epochs,
            "training.batch_size": self.batch_size,
            "time": self.time,
            "seed": seed,
            "out": self.out,
        }
        given = {key: plain(value) for key, value in chosen.items() if value is not None}
        extra = configuration.from_mapping(self.settings or {}, f"settings of {name}")
        for each in extra:
            if each.key in FIXED:
                raise SettingsError(f"The {each.key!r} setting follows from X and y", "Leave it out.", where=each.where)
        plain_run = configuration.from_mapping({"diagnose": False}, name)
        return configuration.merge(plain_run, extra, configuration.from_mapping({**given, **fixed}, name))

    def _inputs(self, X: Any, *, fitting: bool) -> pl.DataFrame:
        """The columns of ``X``, by the names they had when fitted; ValueError where they are not the same."""
        if isinstance(X, Tensor):
            X = X.detach().cpu().numpy()
        if nw.dependencies.is_into_dataframe(X):
            validate_data(self, X, reset=fitting, skip_check_array=True)
            frame = frame_of(X, "X").data
        else:
            least = LEAST_ROWS if fitting else 1
            finite: dict[str, Any] = {"ensure_all_finite": "allow-nan", "ensure_min_samples": least}
            frame = frame_of(validate_data(self, X, reset=fitting, dtype=None, **finite), "X").data
        if fitting:
            self._columns = frame.columns
        # scikit-learn has checked the names where both had some; else columns go by their place.
        return frame.rename(dict(zip(frame.columns, self._columns, strict=True)))


class GoodFitClassifier(ClassifierMixin, _GoodFit):  # type: ignore[misc]
    """A network for classes of any type that can be sorted, chosen, trained and judged by goodfit.

    Each `fit` is a run in the folder ``out``, with its report: a fifth of the rows chooses the epoch, another
    fifth is read once, for the test score of the report (``settings={"data.test": 0.1}`` for other shares).

    ``X`` is a frame (pandas, polars, pyarrow), an array, a tensor or a list of lists of numbers, categories,
    dates and missing values; ``y`` an array, a series or a list. ``settings`` are any others by their dotted
    names; ``time`` is a budget such as "90s". Results:

    ``classes_``, ``n_features_in_``, ``feature_names_in_`` (where all names are texts);
    ``history_``, lists by name: epoch, train_loss, validation_loss; ``diagnosis_``; ``document_``, all figures
    as in result.json; ``report_``, the path of the page; ``result_``, everything.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on ``X`` (rows, columns) and ``y`` (rows,). ValueError or DataError for what cannot be learnt."""
        inputs = self._inputs(X, fitting=True)
        labels, name = _one_column(self, y, inputs)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has one class only, {self.classes_.tolist()[0]!r}", "Add rows of another class.")
        self._names = _names(self.classes_.tolist())
        self._run(inputs, pl.Series(name, [self._names[code] for code in codes]), "classification")
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row, (rows,), in the type of ``y``."""
        check_is_fitted(self)
        number = {name: code for code, name in enumerate(self._names)}
        guesses = self.result_.predict(self._inputs(X, fitting=False))
        found: NDArray[Any] = self.classes_[[number[name] for name in guesses.tolist()]]
        return found

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (rows, classes), columns in the order of ``classes_``."""
        check_is_fitted(self)
        order = [self.result_.task.classes.index(name) for name in self._names]
        return self.result_.predict_proba(self._inputs(X, fitting=False))[:, order]


class GoodFitRegressor(RegressorMixin, _GoodFit):  # type: ignore[misc]
    """A network for amounts, chosen, trained and judged by goodfit; as `GoodFitClassifier` in all else.

    `score` is scikit-learn's R squared; the report's is the mean absolute error in the unit of ``y``.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on ``X`` (rows, columns) and ``y`` (rows,). ValueError or DataError for what cannot be learnt."""
        inputs = self._inputs(X, fitting=True)
        values, name = _one_column(self, y, inputs)
        numbers = check_array(values, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        self._run(inputs, pl.Series(name, numbers), "regression")
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Amounts (rows,) in the unit of ``y``."""
        check_is_fitted(self)
        return self.result_.predict(self._inputs(X, fitting=False))


def _one_column(estimator: _GoodFit, y: Any, inputs: pl.DataFrame) -> tuple[NDArray[Any], str]:
    """``y`` as an array (rows,) without missing values, and a name for it that no input has."""
    if y is None:
        raise InputError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    if isinstance(y, Tensor):
        y = y.detach().cpu().numpy()
    name = "target"
    if nw.dependencies.is_into_series(y):
        series = nw.from_native(y, series_only=True)
        name = series.name if isinstance(series.name, str) and series.name else name
        y = series.to_numpy()
        _refuse_missing(series.is_null().to_numpy())
    values = column_or_1d(y, warn=True)
    _refuse_missing(np.array([value is None for value in values.tolist()]))
    check_consistent_length(inputs, values)
    while name in inputs.columns:
        name += "_"
    return values, name


def _refuse_missing(gone: NDArray[np.bool_]) -> None:
    if gone.any():
        problem = f"y is missing in {gone.sum():,} of {len(gone):,} rows"
        raise InputError(problem, "Fill these values in, or remove the rows.", where=f"y, row {gone.argmax() + 1}")


def _names(classes: list[Any]) -> list[str]:
    """A text for each class that the table reader takes as it stands: ``NA`` would be missing, ``' a'`` trimmed."""
    names = [str(label) for label in classes]
    column = pl.Series(names)
    if Reading("category")(column).to_list() == names and reading_of(column).kind != "date":
        return names
    return [repr(label) for label in classes]


def _history(result: Result) -> dict[str, list[Any]]:
    """One list a quantity; epochs are counted from 1."""
    curves = {name: result.run.curve(name)[1] for name in ("train_loss", "validation_loss")}
    return {"epoch": list(range(1, result.run.epochs + 1)), **curves}

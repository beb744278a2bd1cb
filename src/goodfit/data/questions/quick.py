"""What a simple model reaches on rows it has not seen: training rows out of fold, and validation rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from goodfit.core.statistics import Estimate, UnitScores, estimate, share
from goodfit.core.task import Batch, Objective
from goodfit.data.questions import codes
from goodfit.data.questions.features import (
    MOST_ROWS,
    Bools,
    Floats,
    Ints,
    classes,
    numbers,
    pair,
    same_rows,
    sample,
    token_rows,
    vocabulary,
)

Told = Callable[[Batch, int, int], tuple[Floats, Ints, Ints]]
"""``(sequences, most, seed)`` to what is told of at most so many tokens, their labels, and their sequences' numbers."""

FOLDS = 4
UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Part:
    """One part as a simple model sees it: a matrix, targets, and which rows must not be parted by a fold."""

    matrix: Floats
    targets: Floats
    """Class numbers (rows,), or standardised numbers (rows, outputs)."""
    groups: Ints
    rows: Ints
    """Which rows of the data these are (the sequence, for labelled sequences)."""


@dataclass(frozen=True)
class Scores:
    """How predictions of one part do; a share of right answers, or of the variance explained (1 - error / variance
    about the training mean). Balanced: every class weighs the same; NaN for regression.
    """

    score: Estimate
    balanced: Estimate
    recalls: dict[int, float]
    constant: Estimate


@dataclass(frozen=True)
class QuickFit:
    """A simple model on the training distribution (``held_out``, out of fold) and on validation rows.

    ``predictions`` are class numbers (rows,) or standardised numbers (rows, outputs) for the training rows
    ``train.rows``, ``validation_predictions`` for ``validation_part.rows``; ``probabilities`` (rows, classes) in the
    order of ``classes``, None for regression. ``unseen`` marks validation rows that are no exact copies of a training
    row: only they are scored (unless hardly any are left).
    """

    model: str
    classes: tuple[int, ...]
    train: Part
    validation_part: Part
    predictions: Floats
    probabilities: Floats | None
    validation_predictions: Floats
    validation_probabilities: Floats | None
    unseen: Bools
    on_train: Scores
    on_validation: Scores

    @property
    def held_out(self) -> Estimate:
        return self.on_train.score

    @property
    def validation(self) -> Estimate:
        return self.on_validation.score

    @property
    def balanced_held_out(self) -> Estimate:
        return self.on_train.balanced

    @property
    def balanced_validation(self) -> Estimate:
        return self.on_validation.balanced

    @property
    def constant_held_out(self) -> Estimate:
        return self.on_train.constant

    @property
    def constant_validation(self) -> Estimate:
        return self.on_validation.constant


def quick_fit(train: Batch, validation: Batch, objective: Objective, seed: int = 0) -> QuickFit | None:
    """The best of three simple models by its out-of-fold score, or None where nothing can be asked.

    Not askable: fewer than eight rows, a single class, targets that are neither classes nor finite numbers. Rows that
    are exact copies of each other stay in one fold, as do the tokens of a sequence.
    """
    parts = prepared(train, validation, objective, seed)
    if parts is None or len(parts[0].matrix) < 2 * FOLDS:
        return None
    first, second = parts
    known = np.unique(first.targets) if first.targets.ndim == 1 else np.empty(0)
    if first.targets.ndim == 1 and len(known) < 2:
        return None
    with one_thread():
        found = [(name, model, _out_of_fold(model, first, known, seed)) for name, model in _models(first, seed)]
        name, model, outputs = max(found, key=lambda entry: _fitness(entry[2], first, known))
        model.fit(first.matrix, _flat(first.targets))
        later = _outputs(model, second.matrix, known) if len(second.matrix) else outputs[:0]
    unseen = ~np.isin(*_copies(first.matrix, second.matrix))
    chosen = unseen if unseen.sum() >= max(8, 0.1 * len(unseen)) else np.ones_like(unseen)
    labelled = first.targets.ndim == 1
    guess, guess_later = _decided(outputs, known), _decided(later, known)
    return QuickFit(
        name, tuple(int(c) for c in known), first, second,
        guess, outputs if labelled else None, guess_later, later if labelled else None, unseen,
        scores(guess, first.targets, first, first.groups, seed),
        scores(guess_later[chosen], second.targets[chosen], first, second.groups[chosen], seed),
    )  # fmt: skip


def prepared(train: Batch, validation: Batch, objective: Objective, seed: int) -> tuple[Part, Part] | None:
    """Both parts as matrices and targets; None where targets are neither classes nor finite numbers."""
    if objective == "sequence_labelling":
        told = (_coded if codes.holds_token_codes(train[0], objective) else _plain)(train[0], validation[0])
        return _tokens(told, train, MOST_ROWS, seed), _tokens(told, validation, MOST_ROWS // 2, seed)
    kept = sample(len(train[0]), MOST_ROWS, seed), sample(len(validation[0]), MOST_ROWS, seed)
    matrices = pair(train[0][kept[0]], validation[0][kept[1]])
    labels = [classes(targets, objective) for _, targets in (train, validation)]
    if any(found is None for found in labels):
        values = [numbers(targets) for _, targets in (train, validation)]
        middle, spread = values[0].mean(0), values[0].std(0)
        if not all(np.isfinite(value).all() for value in values) or not spread.any():
            return None
        spread = np.where(spread > 0, spread, 1.0)
        labels = [(value - middle) / spread for value in values]
    parts = [
        Part(matrix, np.asarray(targets)[index], same_rows(matrix), index)
        for matrix, targets, index in zip(matrices, labels, kept, strict=True)
    ]
    return parts[0], parts[1]


def scores(predictions: Floats, targets: Floats, train: Part, groups: Ints, seed: int) -> Scores:
    """Scores of predictions; the constant is the commonest class of the training rows, or their mean."""
    if targets.ndim == 1:
        return _class_scores(predictions, targets, train, groups, seed)
    error = ((predictions - targets) ** 2).sum(1)
    spread = ((targets - train.targets.mean(0)) ** 2).sum(1)
    if not spread.any():
        return Scores(UNKNOWN, UNKNOWN, {}, Estimate(0.0, 0.0, 0.0))
    ratio = estimate(UnitScores(error, spread), groups, seed=seed)
    return Scores(Estimate(1 - ratio.value, 1 - ratio.high, 1 - ratio.low), UNKNOWN, {}, Estimate(0.0, 0.0, 0.0))


def _class_scores(predictions: Floats, targets: Floats, train: Part, groups: Ints, seed: int) -> Scores:
    if not len(targets):
        return Scores(UNKNOWN, UNKNOWN, {}, UNKNOWN)
    right = (predictions == targets).astype(np.float64)
    present, index, counts = np.unique(targets, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[index]
    recalls = {int(c): float(right[targets == c].mean()) for c in present}
    values, times = np.unique(train.targets, return_counts=True)
    constant = (targets == values[times.argmax()]).astype(np.float64)
    ones = np.ones_like(right)
    return Scores(
        share(UnitScores(right, ones), groups, seed=seed),
        share(UnitScores(right * weights, weights), groups, seed=seed),
        recalls,
        share(UnitScores(constant, ones), groups, seed=seed),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread (small data are quicker with one) and no word of solvers that stopped early: near enough will do."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def folds(part: Part, seed: int) -> list[tuple[Ints, Ints]]:
    """Training and test rows of each fold; classes (or quarters of the targets) alike, copies together."""
    if part.targets.ndim == 1:
        _, strata = np.unique(part.targets, return_inverse=True)
    else:
        strata = part.targets[:, 0].argsort(kind="stable").argsort(kind="stable") * 4 // len(part.targets)
    if np.bincount(strata).max() < FOLDS:
        strata = np.zeros_like(strata)
    alone = len(np.unique(part.groups))
    if alone == len(part.groups) or alone < 5 * FOLDS:
        split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(part.matrix, strata)
    else:
        split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(part.matrix, strata, part.groups)
    return [(fitted, asked) for fitted, asked in split if len(fitted) and len(asked)]


def _tokens(told: Told, part: Batch, most: int, seed: int) -> Part:
    matrix, labels, rows = told(part, most, seed)
    return Part(matrix, labels.astype(np.float64), rows, rows)


def _coded(train: Tensor, validation: Tensor) -> Told:
    known = codes.token_levels([train, validation])
    return lambda part, most, seed: codes.tokens(part, known, most, seed)


def _plain(train: Tensor, validation: Tensor) -> Told:
    words = vocabulary(train, validation)
    return lambda part, most, seed: token_rows(*part, words, most, seed)


def _models(part: Part, seed: int) -> list[tuple[str, Any]]:
    near = max(1, min(7, len(part.matrix) // 4))
    leaf = 1 if part.matrix.shape[0] < 400 else 2
    trees = {"n_estimators": 60, "min_samples_leaf": leaf, "random_state": seed, "n_jobs": 1}
    if part.targets.ndim == 1:
        return [
            ("logistic regression", make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=60, tol=1e-3))),
            ("nearest neighbours", make_pipeline(StandardScaler(), KNeighborsClassifier(near))),
            ("extremely randomised trees", ExtraTreesClassifier(**trees)),
        ]
    return [
        ("ridge regression", make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 4, 8)))),
        ("nearest neighbours", make_pipeline(StandardScaler(), KNeighborsRegressor(near, weights="distance"))),
        ("extremely randomised trees", ExtraTreesRegressor(**trees, max_features=0.7)),
    ]


def _out_of_fold(model: Any, part: Part, known: Floats, seed: int) -> Floats:
    width = len(known) if part.targets.ndim == 1 else part.targets.shape[1]
    found = np.zeros((len(part.matrix), width))
    for fitted, asked in folds(part, seed):
        if part.targets.ndim == 1 and len(np.unique(part.targets[fitted])) < 2:
            found[asked, np.searchsorted(known, part.targets[fitted][0])] = 1.0
            continue
        model.fit(part.matrix[fitted], _flat(part.targets[fitted]))
        found[asked] = _outputs(model, part.matrix[asked], known)
    return found


def _outputs(model: Any, matrix: Floats, known: Floats) -> Floats:
    if not len(known):
        predicted = np.asarray(model.predict(matrix), dtype=np.float64)
        return predicted.reshape(len(matrix), -1)
    found = np.zeros((len(matrix), len(known)))
    found[:, np.searchsorted(known, model.classes_)] = model.predict_proba(matrix)
    return found


def _fitness(outputs: Floats, part: Part, known: Floats) -> float:
    if len(known):
        return float((_decided(outputs, known) == part.targets).mean())
    return -float(((outputs - part.targets) ** 2).mean())


def _decided(outputs: Floats, known: Floats) -> Floats:
    return np.asarray(known[outputs.argmax(1)]) if len(known) else outputs


def _flat(targets: Floats) -> Floats:
    return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets


def _copies(train: Floats, validation: Floats) -> tuple[Ints, Ints]:
    """Numbers of validation and of training rows, equal for exact copies."""
    numbered = same_rows(np.concatenate([train, validation]))
    return numbered[len(train) :], numbered[: len(train)]

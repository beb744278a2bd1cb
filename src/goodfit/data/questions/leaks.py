"""Does validation (or training) hold what it should not: copies, the answer in a column, the other side of a cut?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from torch import Tensor

from goodfit.core.statistics import Estimate
from goodfit.core.task import Batch, Objective
from goodfit.data.questions.features import Bools, Floats, Ints, classes, columns, numbers, pair, same_rows, sample
from goodfit.data.questions.quick import Part, folds, one_thread, quick_fit

MOST_ROWS = 2_000
FEW_ROWS = 20
"""Toy sets this small (a truth table) are trained and judged on the same rows on purpose."""
NEAR = 0.2
"""A validation row is MUCH nearer than training rows are to each other below this share of their 1 % quantile."""
TELLS = 0.9
"""Skill (share of the constant's error removed) of a column that gives the target away."""
LITTLE = 0.05
"""The rest must know something, or the target may simply be made from that one column."""


@dataclass(frozen=True)
class Duplicates:
    """Rows of validation that training already holds.

    ``share``: validation rows that are exact copies of a training row; ``same_target``: those with the same target too;
    ``expected``: the share that chance or repetition in the training rows themselves explains; ``excess`` what is left,
    with interval. ``near``: validation rows (no exact copies) far nearer to a training row than training rows are to
    each other, with interval.
    """

    share: float
    same_target: float
    expected: float
    excess: Estimate
    near: Estimate

    @property
    def found(self) -> bool:
        return self.excess.low > 0.02 or self.near.low > 0.02


@dataclass(frozen=True)
class Telling:
    """A single input column that gives the target away.

    Skills: the share of the constant's error removed, out of fold, by the column ``alone`` and by the ``rest`` of the
    columns without it; ``others``: by the column alone on other data (a test split) after fitting on these.
    """

    column: int
    alone: float
    rest: float
    others: float | None


@dataclass(frozen=True)
class SortedSplit:
    """Training and validation lie on two sides of a cut through sorted rows: ``by`` 'targets' or a column number."""

    by: str | int
    train: tuple[float, float]
    validation: tuple[float, float]


def duplicates(train: Batch, validation: Batch, seed: int = 0) -> Duplicates:
    """Exact and near copies across the parts; rows of one or two columns or toy sets are never called copies."""
    kept = sample(len(validation[0]), MOST_ROWS, seed)
    rows, asked = columns(train[0]), columns(validation[0][kept])
    numbered = same_rows(np.concatenate([rows, asked]))
    first, second = numbered[: len(rows)], numbered[len(rows) :]
    copied = np.isin(second, first)
    targets = [numbers(part.flatten(1) if part.ndim > 1 else part) for part in (train[1], validation[1][kept])]
    both = same_rows(np.concatenate([np.c_[first, targets[0]], np.c_[second, targets[1]]]))
    same = np.isin(both[len(rows) :], both[: len(rows)])
    expected = _expected_share(rows, first)
    near = _near_share(pair(train[0], validation[0][kept]), copied, seed)
    return Duplicates(_mean(copied), _mean(same), expected, _above(int(copied.sum()), len(copied), expected), near)


def telling_columns(
    inputs: Tensor, targets: Tensor, objective: Objective, others: Batch | None = None, seed: int = 0
) -> tuple[Telling, ...]:
    """Columns that nearly determine the target while all the rest know far less (but something).

    A few columns at most (one, or a tenth of them) may be named, and at least five columns are needed: a natural
    feature that separates the classes has neighbours that do nearly as well, a made target has nothing else.
    With ``others`` a column that fails there is named even where the rest know nothing.
    """
    kept = sample(len(inputs), MOST_ROWS, seed)
    matrix, part = columns(inputs[kept]), _targets(targets[kept], objective)
    if part is None or matrix.shape[1] < 5 or not inputs.is_floating_point():
        return ()
    asked = Part(matrix, part, same_rows(matrix), kept)
    with one_thread():
        skills = {i: _alone(asked, i, seed) for i in _candidates(matrix, part)}
        tells = [i for i, skill in skills.items() if skill >= TELLS]
        if not tells or len(tells) > max(1, matrix.shape[1] // 10):
            return ()
        rest = _rest(inputs[kept], targets[kept], tells, objective, seed)
        elsewhere = {i: None if others is None else _elsewhere(asked, i, others, objective) for i in tells}
    return tuple(Telling(i, skills[i], rest, elsewhere[i]) for i in tells if _gives_away(skills[i], rest, elsewhere[i]))


def sorted_split(train: Batch, validation: Batch, objective: Objective) -> SortedSplit | None:
    """Whether validation rows continue the order of training rows: targets, else one column, do not overlap at all."""
    parts = [_targets(targets, objective) for _, targets in (train, validation)]
    values = [part.reshape(len(part), -1)[:, 0] for part in parts if part is not None]
    if len(values) < 2 or min(len(value) for value in values) < 8:
        return None
    apart = _apart(values[0][:, None], values[1][:, None], strict=objective == "regression")
    if apart is not None:
        return SortedSplit("targets", _range(values[0]), _range(values[1]))
    if not train[0].is_floating_point():
        return None
    matrices = columns(train[0]), columns(validation[0])
    column = _apart(*matrices, strict=True)
    if column is None or not _continued(matrices[0][:, column], matrices[1][:, column]):
        return None
    return SortedSplit(column, _range(matrices[0][:, column]), _range(matrices[1][:, column]))


def _mean(found: Bools) -> float:
    return float(found.mean()) if len(found) else 0.0


def _above(count: int, total: int, expected: float) -> Estimate:
    """A share minus what was expected, with the exact binomial interval (at least 0)."""
    if not total:
        return Estimate(0.0, 0.0, 0.0)
    found = binomtest(count, total).proportion_ci(0.99, method="exact")
    return Estimate(*(max(0.0, float(value) - expected) for value in (count / total, found.low, found.high)))


def _expected_share(rows: Floats, numbered: Ints) -> float:
    """How often a healthy split would show copies.

    Rows with a column that is (nearly) unique among distinct rows cannot meet by chance. Else: as often as a training
    row has a copy within training, or as all combinations of the columns' values are covered.
    """
    distinct = len(np.unique(numbered))
    counts = np.array([len(np.unique(column)) for column in rows.T])
    if rows.shape[1] <= 2 or distinct <= FEW_ROWS:
        return 1.0
    if counts.max() >= 0.5 * distinct:
        return 0.0
    _, index, times = np.unique(numbered, return_inverse=True, return_counts=True)
    covered = distinct * float(np.exp(-np.log(np.maximum(counts, 1)).sum()))
    return max(float((times[index] > 1).mean()), min(1.0, covered))


def _near_share(parts: tuple[Floats, Floats], copied: Bools, seed: int) -> Estimate:
    rows, asked = parts[0][sample(len(parts[0]), 2 * MOST_ROWS, seed)], parts[1][~copied]
    rows = rows[np.unique(same_rows(rows), return_index=True)[1]]
    varied = rows.std(0) > 0
    if varied.sum() <= 3 or len(rows) <= FEW_ROWS or not len(asked):  # in few columns rows are near by chance
        return Estimate(0.0, 0.0, 0.0)
    scaler = StandardScaler().fit(rows[:, varied])
    with one_thread():
        search = NearestNeighbors(n_neighbors=2, n_jobs=1).fit(scaler.transform(rows[:, varied]))
        apart = search.kneighbors(return_distance=True)[0][:, 0]
        away = search.kneighbors(scaler.transform(asked[:, varied]), 1)[0][:, 0]
    close = away < NEAR * np.quantile(apart, 0.01)
    return _above(int(close.sum()), len(copied), 0.002)


def _targets(targets: Tensor, objective: Objective) -> Floats | None:
    if objective == "sequence_labelling":
        return None
    known = classes(targets, objective)
    if known is not None:
        return known.astype(np.float64)
    values = numbers(targets)
    return values if np.isfinite(values).all() else None


def _candidates(matrix: Floats, targets: Floats) -> list[int]:
    """The sixteen columns that a straight line or the class means say most about."""
    wanted = targets[:, None] == np.unique(targets) if targets.ndim == 1 else targets
    wanted = wanted - wanted.mean(0)
    centred = matrix - matrix.mean(0)
    scale = np.sqrt(np.outer((centred**2).sum(0), (wanted**2).sum(0)))
    strength = np.divide(np.abs(centred.T @ wanted), scale, out=np.zeros_like(scale), where=scale > 0).max(1)
    return [int(i) for i in np.argsort(-strength)[:16] if strength[i] > 0.2]


def _alone(part: Part, column: int, seed: int) -> float:
    own = part.matrix[:, [column]]
    found = _tree(part).fit(own, part.targets).predict(own).reshape(part.targets.shape)
    if _skill(found, part.targets, part.targets) < TELLS:  # not even on the rows it was fitted on
        return 0.0
    for fitted, asked in folds(part, seed):
        tree = _tree(part).fit(part.matrix[fitted][:, [column]], part.targets[fitted])
        found[asked] = tree.predict(part.matrix[asked][:, [column]]).reshape(found[asked].shape)
    return _skill(found, part.targets, part.targets)


def _tree(part: Part) -> DecisionTreeClassifier | DecisionTreeRegressor:
    if part.targets.ndim == 1:
        return DecisionTreeClassifier(min_samples_leaf=3, random_state=0)
    return DecisionTreeRegressor(min_samples_leaf=3, random_state=0)


def _skill(found: Floats, truth: Floats, train: Floats) -> float:
    """Share of the constant's error that predictions remove."""
    if truth.ndim == 2:
        spread = ((truth - train.mean(0)) ** 2).sum()
        return float(1 - ((found - truth) ** 2).sum() / spread) if spread else 0.0
    values, counts = np.unique(train, return_counts=True)
    constant = float((truth != values[counts.argmax()]).mean())
    return 1 - float((found != truth).mean()) / constant if constant else 0.0


def _rest(inputs: Tensor, targets: Tensor, without: list[int], objective: Objective, seed: int) -> float:
    flat = inputs.flatten(1)
    others = torch.tensor([i for i in range(flat.shape[1]) if i not in without])
    rest = flat[:, others]
    fit = quick_fit((rest, targets), (rest[:0], targets[:0]), objective, seed)
    if fit is None:
        return 0.0
    constant = fit.constant_held_out.value
    return (fit.held_out.value - constant) / (1 - constant) if constant < 1 else 0.0


def _elsewhere(part: Part, column: int, others: Batch, objective: Objective) -> float | None:
    truth = _targets(others[1], objective)
    if truth is None or len(truth) < 8:
        return None
    tree = _tree(part).fit(part.matrix[:, [column]], part.targets)
    return _skill(tree.predict(columns(others[0])[:, [column]]).reshape(truth.shape), truth, part.targets)


def _gives_away(alone: float, rest: float, others: float | None) -> bool:
    if others is not None and others < 0.5 * alone:
        return rest <= 0.8 * alone
    return 2 * LITTLE <= rest <= 0.7 * alone


def _apart(first: Floats, second: Floats, strict: bool) -> int | None:
    """The first column whose values in one part all lie above those of the other; equality allowed unless strict."""
    varied = (first.min(0) < first.max(0)) | (second.min(0) < second.max(0))
    above, below = second.min(0) - first.max(0), first.min(0) - second.max(0)
    found = np.nonzero(varied & ((above > 0) | (below > 0) if strict else (above >= 0) | (below >= 0)))[0]
    return int(found[0]) if len(found) else None


def _continued(first: Floats, second: Floats) -> bool:
    """Whether one part goes on where the other ends: many different values, and no gap between the parts."""
    gap = max(second.min() - first.max(), first.min() - second.max())
    return bool(len(np.unique(first)) > 0.5 * len(first) and gap < 0.1 * (first.max() - first.min()))


def _range(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())

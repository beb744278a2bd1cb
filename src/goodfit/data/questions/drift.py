"""Do training and validation rows come from one distribution? A classifier two-sample test, and class shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, norm, rankdata
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from goodfit.core.statistics import Estimate
from goodfit.core.task import IGNORED, Objective
from goodfit.data.questions.features import Floats, Ints, classes, pair, same_rows, sample
from goodfit.data.questions.quick import Part, folds, one_thread

MOST_ROWS = 1_000
"""Rows of each part that are compared."""
LEVEL = 0.995
"""Of each interval: 0.99 shared by two classifiers (Bonferroni)."""
WIDER = 1.6
"""Out-of-fold scores share training rows, so their area scatters more than DeLong's formula knows: over 240 random
splits of four data sets by 1.05 to 1.48 of its standard error, once by 3.9 of them."""
RESAMPLES = 999


@dataclass(frozen=True)
class Drift:
    """How well a classifier tells validation rows from training rows it was not fitted on.

    ``separability`` is the area under its ROC curve; 0.5 is chance, and the interval holds 0.5 unless the parts differ.
    ``by_input`` names the columns (of the flattened, possibly averaged inputs) whose own distributions differ beyond
    chance, with their share of all such differences, largest first.
    """

    separability: Estimate
    by_input: tuple[tuple[int, float], ...]
    classifier: str

    @property
    def found(self) -> bool:
        return self.separability.low > 0.5


@dataclass(frozen=True)
class ClassShift:
    """Shares of the classes in both parts; ``distance`` is their total variation distance beyond which chance goes in
    2.5 % of random splits; ``p`` the share of random splits that are at least as far apart.
    """

    classes: tuple[int, ...]
    train: tuple[float, ...]
    validation: tuple[float, ...]
    distance: Estimate
    p: float


def two_sample(train_inputs: Tensor, validation_inputs: Tensor, seed: int = 0) -> Drift | None:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017); None with fewer than 16 rows in a part.

    The better of logistic regression and extremely randomised trees, each with an interval at `LEVEL` (DeLong 1988).
    Copies of a row stay in one fold, so that rows drawn several times do not give their part away.
    """
    first = train_inputs[sample(len(train_inputs), MOST_ROWS, seed)]
    second = validation_inputs[sample(len(validation_inputs), MOST_ROWS, seed + 1)]
    if min(len(first), len(second)) < 16:
        return None
    matrices = pair(first, second)
    matrix = np.concatenate(matrices)
    part = np.repeat([0.0, 1.0], [len(first), len(second)])
    asked = Part(matrix, part, same_rows(matrix), np.arange(len(matrix)))
    with one_thread():
        found = [(name, roc_area(_out_of_fold(model, asked, seed), part, WIDER)) for name, model in _classifiers(seed)]
    name, best = max(found, key=lambda entry: entry[1].low)
    return Drift(best, _by_input(*matrices), name)


def roc_area(outputs: Floats, truth: Floats, wider: float = 1.0, level: float = LEVEL) -> Estimate:
    """Area under the ROC curve with DeLong's interval (DeLong et al. 1988), ``wider`` by a factor; ``truth`` is 0 or 1.

    An area below one half is chance, so the upper end never lies below it.
    """
    ones, zeros = outputs[truth == 1], outputs[truth == 0]
    m, n = len(ones), len(zeros)
    ranks = rankdata(np.concatenate([ones, zeros]))
    above = (ranks[:m] - rankdata(ones)) / n
    below = 1 - (ranks[m:] - rankdata(zeros)) / m
    area = float(above.mean())
    # The floor: where all are told apart the formula sees no spread at all.
    error = max(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n), 0.5 / (m + n))
    half = float(wider * norm.ppf(0.5 + level / 2) * error)
    return Estimate(area, max(0.0, area - half), max(0.5, min(1.0, area + half)))


def class_shares(
    train_targets: Tensor, validation_targets: Tensor, objective: Objective = "classification", seed: int = 0
) -> ClassShift | None:
    """Whether the classes have the same shares in both parts, judged by random splits; None without classes."""
    labels = [_labels(targets, objective) for targets in (train_targets, validation_targets)]
    if labels[0] is None or labels[1] is None or not len(labels[0]) or not len(labels[1]):
        return None
    known, index = np.unique(np.concatenate([labels[0], labels[1]]), return_inverse=True)
    split = len(labels[0])
    first = np.bincount(index[:split], minlength=len(known))
    second = np.bincount(index[split:], minlength=len(known))
    chance = _distance(*_random_splits(first, second, seed))
    value = float(_distance(first[None], second[None])[0])
    margin = float(np.quantile(chance, 0.975))
    p = (1 + int((chance >= value - 1e-12).sum())) / (1 + len(chance))
    return ClassShift(
        tuple(int(c) for c in known),
        tuple((first / first.sum()).tolist()),
        tuple((second / second.sum()).tolist()),
        Estimate(value, max(0.0, value - margin), min(1.0, value + margin)),
        p,
    )


def _labels(targets: Tensor, objective: Objective) -> Ints | None:
    if objective == "sequence_labelling":
        flat = targets.detach().flatten().numpy()
        return np.asarray(flat[flat != IGNORED], dtype=np.int64)
    return classes(targets, objective)


def _random_splits(first: Ints, second: Ints, seed: int) -> tuple[Ints, Ints]:
    total = first + second
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(total, int(second.sum()), RESAMPLES)
    return total - drawn, drawn


def _distance(first: Ints, second: Ints) -> Floats:
    shares = first / first.sum(1, keepdims=True) - second / second.sum(1, keepdims=True)
    return np.asarray(np.abs(shares).sum(1) / 2)


def _classifiers(seed: int) -> list[tuple[str, Any]]:
    weights = {"class_weight": "balanced"}
    trees = ExtraTreesClassifier(60, min_samples_leaf=3, random_state=seed, n_jobs=1, **weights)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=60, tol=1e-3, **weights))
    return [("logistic regression", linear), ("extremely randomised trees", trees)]


def _out_of_fold(model: Any, part: Part, seed: int) -> Floats:
    """Each fold's scores as ranks: folds differ in their offset, which would lower an area over all of them."""
    found = np.full(len(part.matrix), 0.5)
    for fitted, asked in folds(part, seed):
        if len(np.unique(part.targets[fitted])) == 2:
            model.fit(part.matrix[fitted], part.targets[fitted])
            scores = model.predict_proba(part.matrix[asked])[:, 1]
            found[asked] = rankdata(scores) / len(asked)
    return found


def _by_input(first: Floats, second: Floats) -> tuple[tuple[int, float], ...]:
    count = first.shape[1]
    found = [ks_2samp(first[:, i], second[:, i], method="asymp") for i in range(count)]
    gaps = {i: float(test.statistic) for i, test in enumerate(found) if test.pvalue < 0.01 / count}
    total = sum(gaps.values())
    return tuple((i, gap / total) for i, gap in sorted(gaps.items(), key=lambda item: -item[1]))

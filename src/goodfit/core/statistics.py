"""Values with intervals.

A score is a ratio ``sums.sum() / weights.sum()`` over units that may be resampled: rows, or clusters of
rows that belong together (days of one week, tokens of one sentence, rows of one group).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import DegenerateDataWarning, binomtest, bootstrap
from scipy.stats import t as student

Floats = NDArray[np.float64]

MOST_UNITS = 5_000
"""More units than this are first pooled at random: the variance of the ratio is the same in expectation."""

FEWEST_UNITS = 8
"""With fewer units a percentile interval is far too narrow: none is given."""


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval; the ends are NaN where none could be computed."""

    value: float
    low: float
    high: float

    def excludes(self, number: float) -> bool:
        """Whether the interval lies wholly on one side of ``number``."""
        return self.low > number or self.high < number

    def as_json(self) -> dict[str, float | list[float] | None]:
        interval = None if np.isnan(self.low) else [self.low, self.high]
        return {"value": None if np.isnan(self.value) else self.value, "interval": interval}


@dataclass(frozen=True)
class UnitScores:
    """The parts of a score, one number a row: ``value = sums.sum() / weights.sum()``."""

    sums: Floats
    weights: Floats

    @property
    def value(self) -> float:
        total = float(self.weights.sum())
        return float(self.sums.sum()) / total if total else float("nan")


def pooled(scores: UnitScores, clusters: NDArray[np.int64] | None) -> UnitScores:
    """Add up the rows of each cluster, so that what belongs together is resampled together."""
    if clusters is None:
        return scores
    _, index = np.unique(clusters, return_inverse=True)
    units = int(index.max(initial=-1)) + 1
    sums, weights = np.zeros(units), np.zeros(units)
    np.add.at(sums, index, scores.sums)
    np.add.at(weights, index, scores.weights)
    return UnitScores(sums, weights)


def estimate(
    scores: UnitScores, clusters: NDArray[np.int64] | None = None, *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """The ratio and its percentile bootstrap interval over units (Efron & Tibshirani 1993, ch. 13)."""
    units = _at_most(pooled(scores, clusters), seed)
    if len(units.sums) < FEWEST_UNITS or not np.isfinite(units.sums).all():
        return Estimate(scores.value, float("nan"), float("nan"))

    def ratio(sums: Floats, weights: Floats, axis: int = -1) -> Floats:
        return np.asarray(sums.sum(axis) / weights.sum(axis))

    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        # A resample may weigh nothing: then there is no interval, and the result says so.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        result = bootstrap(
            (units.sums, units.weights),
            ratio,
            paired=True,
            vectorized=True,
            n_resamples=999,
            batch=100,
            confidence_level=level,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    interval = result.confidence_interval
    return Estimate(scores.value, float(interval.low), float(interval.high))


def share(scores: UnitScores, clusters: NDArray[np.int64] | None = None, *, seed: int = 0) -> Estimate:
    """`estimate` for a share of right answers. Where all are right or all are wrong, resampling shows no spread:
    the exact binomial interval over units is given instead (Clopper & Pearson 1934).
    """
    if scores.value not in (0.0, 1.0):
        return estimate(scores, clusters, seed=seed)
    units = len(pooled(scores, clusters).sums)
    exact = binomtest(round(scores.value * units), units).proportion_ci(0.95, method="exact")
    return Estimate(scores.value, float(exact.low), float(exact.high))


def difference(
    first: UnitScores, second: UnitScores, clusters: NDArray[np.int64] | None = None, *, seed: int = 0
) -> Estimate:
    """``first - second`` on the same rows with a paired interval; the weights must be equal."""
    return estimate(UnitScores(first.sums - second.sums, first.weights), clusters, seed=seed)


def unpaired_difference(first: Estimate, second: Estimate) -> Estimate:
    """``first - second`` of two independent estimates; half-widths add in quadrature (normal approximation)."""
    value = first.value - second.value
    half = float(np.hypot(first.high - first.low, second.high - second.low)) / 2
    return Estimate(value, value - half, value + half)


def corrected_difference(differences: Sequence[float] | Floats, held_share: float, *, level: float = 0.95) -> Estimate:
    """Mean difference over the folds of one or more cross-validations, with the interval of the corrected t-test.

    The folds' training rows overlap, so that their differences are not independent and the plain t-test finds far too
    much. For ``held_share``, the share of the rows that a fold holds back (1/5 for five folds), the variance of the
    mean of J differences is s^2 (1/J + h / (1 - h)): Nadeau & Bengio 2003, "Inference for the Generalization Error",
    section 4.2; for repeated k-fold Bouckaert & Frank 2004. No interval for fewer than two, or what is not finite.
    """
    value, error = _corrected(differences, held_share)
    half = float(student.ppf((1 + level) / 2, max(1, len(differences) - 1))) * error
    return Estimate(value, value - half, value + half)


def corrected_p(differences: Sequence[float] | Floats, held_share: float) -> float:
    """One-sided p of "the mean difference is not above zero" by the test of `corrected_difference`; 1 if unknown."""
    value, error = _corrected(differences, held_share)
    if np.isnan(error) or (error == 0 and value <= 0):
        return 1.0
    return float(student.sf(value / error, len(differences) - 1)) if error else 0.0


def _corrected(differences: Sequence[float] | Floats, held_share: float) -> tuple[float, float]:
    """The mean difference and its standard error."""
    if not 0 < held_share < 1:
        raise ValueError(f"a fold holds back a share of the rows between 0 and 1, not {held_share:g}")
    values = np.asarray(differences, dtype=float)
    value = float(values.mean()) if len(values) else float("nan")
    if len(values) < 2 or not np.isfinite(values).all():
        return value, float("nan")
    # Equal numbers have no spread, and rounding must not make one.
    spread = 0.0 if np.ptp(values) == 0 else float(values.std(ddof=1))
    return value, spread * float(np.sqrt(1 / len(values) + held_share / (1 - held_share)))


def _at_most(scores: UnitScores, seed: int) -> UnitScores:
    if len(scores.sums) <= MOST_UNITS:
        return scores
    groups = np.random.default_rng(seed).permutation(len(scores.sums)) % MOST_UNITS
    return pooled(scores, groups)

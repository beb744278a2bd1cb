"""Intervals cover what they should, and what belongs together is resampled together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.model_selection import RepeatedKFold
from sklearn.tree import DecisionTreeRegressor

from goodfit.core.statistics import (
    FEWEST_UNITS,
    MOST_UNITS,
    Estimate,
    UnitScores,
    corrected_difference,
    corrected_p,
    difference,
    estimate,
    pooled,
    share,
    unpaired_difference,
)


def of(values):
    values = np.asarray(values, dtype=float)
    return UnitScores(values, np.ones_like(values))


def test_the_value_is_the_weighted_ratio():
    assert UnitScores(np.array([1.0, 3.0]), np.array([2.0, 6.0])).value == 0.5
    assert np.isnan(UnitScores(np.zeros(2), np.zeros(2)).value)


def test_the_interval_agrees_with_the_normal_formula():
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = estimate(of(values))
    half = 1.96 * values.std(ddof=1) / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.05)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05)


def test_ninety_five_intervals_in_a_hundred_cover_the_truth():
    random = np.random.default_rng(1)
    covered = [(e := estimate(of(random.random(150) < 0.3))).low < 0.3 and e.high > 0.3 for _ in range(200)]
    assert 0.90 <= np.mean(covered) <= 0.99


def test_clusters_widen_the_interval_of_rows_that_repeat_each_other():
    values = np.repeat(np.random.default_rng(2).normal(size=40), 25)
    alone, together = estimate(of(values)), estimate(of(values), np.repeat(np.arange(40), 25))
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_pooling_keeps_the_sums():
    scores = UnitScores(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    merged = pooled(scores, np.array([7, 3, 7]))
    assert merged.sums.tolist() == [2.0, 5.0]
    assert merged.weights.tolist() == [1.0, 3.0]


def test_very_many_rows_are_pooled_and_the_interval_stays():
    values = np.random.default_rng(3).normal(size=6 * MOST_UNITS)
    found = estimate(of(values))
    half = 1.96 / np.sqrt(len(values))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)


def test_a_paired_difference_is_sharper_than_an_unpaired_one():
    random = np.random.default_rng(4)
    shared = random.normal(size=300)
    first, second = of(shared + 0.1), of(shared + 0.01 * random.normal(size=300))
    paired = difference(first, second)
    unpaired = unpaired_difference(estimate(first), estimate(second))
    assert paired.excludes(0)
    assert paired.value == pytest.approx(unpaired.value)
    assert not unpaired.excludes(0)


def test_few_units_or_a_value_that_is_no_number_has_no_interval():
    assert np.isnan(estimate(of(range(FEWEST_UNITS - 1))).low)
    assert np.isfinite(estimate(of(range(FEWEST_UNITS))).low)
    broken = estimate(of([*range(20), np.nan]))
    assert np.isnan(broken.value)
    assert broken.as_json() == {"value": None, "interval": None}


def test_resamples_that_weigh_nothing_leave_no_interval_and_no_warning():
    found = estimate(UnitScores(np.zeros(20), np.eye(20)[0]))
    assert found.value == 0
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_a_perfect_share_still_has_an_honest_interval():
    perfect, hopeless = share(of(np.ones(36))), share(of(np.zeros(36)))
    assert (perfect.high, hopeless.low) == (1.0, 0.0)
    assert perfect.low == pytest.approx(1 - hopeless.high) == pytest.approx(0.025 ** (1 / 36))
    clustered = share(of(np.ones(36)), np.repeat(np.arange(6), 6))
    assert clustered.low == pytest.approx(0.025 ** (1 / 6))
    mixed = of([0.0, 1.0] * 20)
    assert share(mixed) == estimate(mixed)


def test_equal_seeds_give_equal_intervals():
    values = of(np.random.default_rng(5).normal(size=50))
    assert estimate(values, seed=1) == estimate(values, seed=1) != estimate(values, seed=2)


def test_excludes():
    assert Estimate(1, 0.5, 2).excludes(0)
    assert not Estimate(1, -0.5, 2).excludes(0)


def test_the_corrected_interval_follows_the_formula():
    differences = [0.1, 0.3, 0.2, 0.0, 0.4]
    found = corrected_difference(differences, 1 / 5)
    half = 2.776 * np.std(differences, ddof=1) * np.sqrt(1 / 5 + 1 / 4)  # t of 4 degrees of freedom
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2 - half, rel=1e-3)
    assert found.high == pytest.approx(0.2 + half, rel=1e-3)
    level = corrected_difference(differences, 1 / 5, level=1 - 2 * corrected_p(differences, 1 / 5))
    assert level.low == pytest.approx(0, abs=1e-9)


def test_differences_without_spread_or_sense():
    assert corrected_p([0.0] * 5, 0.2) == corrected_p([-0.1] * 5, 0.2) == 1
    assert corrected_p([0.1] * 5, 0.2) == 0
    assert corrected_difference([0.1] * 5, 0.2) == Estimate(0.1, 0.1, 0.1)
    for unknown in ([0.1], [0.1, np.inf]):
        assert np.isnan(corrected_difference(unknown, 0.2).low)
        assert corrected_p(unknown, 0.2) == 1
    with pytest.raises(ValueError, match="share of the rows"):
        corrected_difference([0.1, 0.2], 4)


def test_two_equally_good_models_are_rarely_told_apart_and_the_plain_test_often_does():
    corrected, plain = [], []
    for seed in range(80):
        random = np.random.default_rng(seed)
        inputs = random.normal(size=(60, 2))
        targets = inputs.sum(axis=1) + random.normal(size=60)
        differences = []
        for train, held in RepeatedKFold(n_splits=5, n_repeats=4, random_state=seed).split(inputs):
            errors = [
                np.mean((DecisionTreeRegressor(max_depth=3).fit(x[train], targets[train]).predict(x[held]) - y) ** 2)
                for x, y in ((inputs[:, [0]], targets[held]), (inputs[:, [1]], targets[held]))
            ]
            differences.append(errors[0] - errors[1])
        corrected.append(corrected_p(differences, 1 / 5) < 0.05)
        plain.append(ttest_1samp(differences, 0, alternative="greater").pvalue < 0.05)
    assert np.mean(corrected) <= 0.08
    assert np.mean(plain) >= 0.15


def test_a_model_that_is_better_is_found():
    random = np.random.default_rng(0)
    assert corrected_p(0.1 + 0.05 * random.normal(size=5), 1 / 5) < 0.05

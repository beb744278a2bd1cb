"""A power law is found where there is one, its intervals cover, and "not reachable" is an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from goodfit.core.errors import TrainingError
from goodfit.core.statistics import Estimate
from goodfit.core.task import Rows
from goodfit.guide.learning_curve import LEAST, learning_curve, power_law
from goodfit.training import fit, mean_loss
from tests.tasks import line, straight

SIZES = (250, 500, 1000, 2000)


def errors(a: float, b: float, c: float, noise: float = 0.0, seeds: int = 3, seed: int = 0) -> list[list[float]]:
    random = np.random.default_rng(seed)
    return [[(a * n**-b + c) * float(np.exp(noise * random.normal())) for _ in range(seeds)] for n in SIZES]


@pytest.mark.parametrize(("a", "b", "c"), [(3.0, 0.3, 0.0), (3.0, 0.3, 0.1), (5.0, 0.5, 0.2), (40.0, 1.0, 0.05)])
def test_an_exact_law_is_found(a, b, c):
    law = power_law(SIZES, errors(a, b, c))
    assert (law.a, law.b, law.c) == pytest.approx((a, b, c), rel=0.02, abs=2e-3)
    assert law.predict(8000).value == pytest.approx(a * 8000**-b + c, rel=1e-3)
    assert law.predict(8000).low < law.predict(8000).value < law.predict(8000).high


def test_the_interval_of_twice_the_rows_covers_the_truth():
    truth = 3 * 4000**-0.3 + 0.1
    gain = 3 * 2000**-0.3 + 0.1 - truth
    laws = [power_law(SIZES, errors(3, 0.3, 0.1, noise=0.05, seed=seed)) for seed in range(40)]
    assert np.mean([law.predict(4000).low <= truth <= law.predict(4000).high for law in laws]) >= 0.9
    assert np.mean([law.gain(2).low <= gain <= law.gain(2).high for law in laws]) >= 0.9


def test_more_noise_and_further_away_make_it_wider():
    def width(found: Estimate) -> float:
        return found.high - found.low

    quiet, noisy = (power_law(SIZES, errors(3, 0.3, 0.05, noise=noise)) for noise in (0.02, 0.2))
    assert width(quiet.predict(4000)) < width(noisy.predict(4000))
    assert width(quiet.predict(4000)) < width(quiet.predict(40_000))


def test_what_is_said_of_twice_the_rows():
    helps = power_law(SIZES, errors(9, 0.45, 0.0))
    assert helps.in_words().startswith("Twice the rows would take the validation error from 29 % to 22 % [2")
    flat = power_law(SIZES, errors(0.3, 1e-6, 0.0, noise=0.02))
    assert flat.in_words().startswith("Twice the rows would hardly help")
    unsure = power_law(SIZES, errors(2, 0.2, 0.05, noise=0.1, seed=99))
    assert "may help or not" in unsure.in_words(4) or "hardly" in unsure.in_words(4)
    assert helps.in_words(3).startswith("3 times the rows")


def test_rows_for_an_error():
    law = power_law(SIZES, errors(9, 0.45, 0.0))
    there = law.rows_for(0.2)
    assert there.rows is not None
    assert there.rows.value == pytest.approx((9 / 0.2) ** (1 / 0.45), rel=0.02)
    assert there.rows.low < there.rows.value < there.rows.high
    assert there.words.startswith("About 4,700 rows would take the error to 20 % [")
    assert "is reached with the rows there are" in law.rows_for(0.35).words


def test_an_error_below_the_floor_is_not_reachable():
    law = power_law(SIZES, errors(300, 1.0, 0.25, noise=0.003))
    never = law.rows_for(0.1)
    assert never.rows is None
    assert never.words == "The error seems to level off at 25 %, so that no number of rows takes it to 10 %."
    doubtful = power_law(SIZES, errors(3, 0.3, 0.1, noise=0.05, seed=99)).rows_for(0.2)
    assert doubtful.rows is None
    assert "rows are not excluded" in doubtful.words
    far = power_law(SIZES, errors(1, 0.15, 0.0)).rows_for(0.05)
    assert far.rows is None
    assert "more than 100 times the rows" in far.words
    assert law.rows_for(0.0).rows is None


def test_errors_that_rise_with_the_rows_are_called_no_help():
    law = power_law(SIZES, [[0.2], [0.22], [0.24], [0.26]])
    assert "hardly help" in law.in_words()


def test_no_error_at_all_and_diverged_trainings():
    assert power_law(SIZES, [[0.0]] * 4).predict(4000).value == pytest.approx(LEAST, rel=0.05)
    law = power_law(SIZES, [[np.inf, 0.4], [0.3, np.nan], [0.25, 0.25], [0.2, 0.2]])
    assert 0.1 < law.predict(4000).value < 0.2
    with pytest.raises(TrainingError, match="needs errors at 3 sizes, and 2 gave any"):
        power_law(SIZES, [[np.nan], [np.inf], [0.2], [0.1]])


def test_trainings_are_asked_for_each_share_and_seed_and_the_curve_falls():
    task = line(600, noise=0.5)
    asked = []

    def train(share: float, seed: int) -> float:
        asked.append((share, seed))
        order = torch.randperm(len(task.train.inputs), generator=torch.Generator().manual_seed(seed))
        few = order[: round(share * len(order))]
        part = replace(task, train=Rows(task.train.inputs[few], task.train.targets[few]))
        recipe = straight(part, epochs=15, seed=seed, batch_size=8)
        model = recipe.model()
        model.load_state_dict(fit(part, recipe).weights)
        return mean_loss(model, part, task.validation)

    found = learning_curve(train, 360, seeds=(0, 1), shares=(1 / 16, 1 / 4, 1))
    assert asked == [(share, seed) for share in (1 / 16, 1 / 4, 1) for seed in (0, 1)]
    assert found.sizes == (22, 90, 360)
    assert np.mean(found.errors[0]) > np.mean(found.errors[-1])
    assert "rows would" in found.sentence

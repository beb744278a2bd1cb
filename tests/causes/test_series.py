"""Windows of a series: a split at random is a leak where it flatters the validation score, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from goodfit.causes import generalisation
from goodfit.core.evidence import Diagnosis, Reading
from goodfit.core.job import Job as Asked
from goodfit.core.runtime import preserved_rng, threads
from goodfit.data.questions.windows import Interleaved, interleaved_in_time
from goodfit.guide.diagnosis import diagnose
from goodfit.guide.experiments import changed
from goodfit.intake import read_job
from tests.causes.facts import plain
from tests.causes.making import CROSS, Array, Job, Parts, adam, cut, job, net
from tests.causes.test_verdicts import told


def windows(series: Array, length: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(series, length)


def states(rows: int = 800, length: int = 20) -> tuple[Array, Array]:
    """A noisy series whose level says little about its state, which stays for 60 steps."""
    r = np.random.default_rng(0)
    state = np.repeat(r.integers(0, 3, rows // 60 + 2), 60)[: rows + length]
    x = windows(r.normal(size=rows + length) + 0.25 * (state - 1), length)
    return x[:rows], state[length - 1 :][:rows]


def waves(rows: int = 600, length: int = 16) -> tuple[Array, Array]:
    """Two sines and a little noise; the next value after each window."""
    r, at = np.random.default_rng(0), np.arange(rows + length)
    series = np.sin(at / 5) + 0.5 * np.sin(at / 13.7) + 0.1 * r.normal(size=len(at))
    return windows(series, length)[:rows], series[length:, None]


def in_time(x: Array, y: Array, share: float = 0.7) -> Parts:
    cutting = int(share * len(x))
    return x[:cutting], y[:cutting], x[cutting:], y[cutting:]


def forecast(parts: Parts, rate: float = 0.003) -> Job:
    model = lambda: net(16, 32, 1)  # noqa: E731
    return job(parts, model, nn.MSELoss(), adam(rate), epochs=20, task="regression")


def verdict(given: Job) -> Diagnosis:
    with preserved_rng(), threads(1):
        return diagnose(read_job(given), trainings=16, seeds=(0, 1))


def test_a_random_split_that_flatters_is_a_leak() -> None:
    found = verdict(job(cut(*states()), lambda: net(20, 128, 3), CROSS, adam(0.005), epochs=25))
    assert found.cause == "data_leak", told(found)
    assert found.ranked[0].fields == ("task.train", "task.validation")
    assert found.ranked[0].effect.low > 0.05
    assert found.treated is not None
    assert found.treated.after[1] > found.treated.before[1] + 0.2  # the honest error


@pytest.mark.parametrize("parts", [cut(*waves()), in_time(*waves())], ids=["at random", "in time"])
def test_windows_whose_score_is_honest_are_healthy(parts: Parts) -> None:
    found = verdict(forecast(parts))
    assert found.cause == "healthy", told(found)


def test_another_cause_in_windows_split_at_random() -> None:
    found = verdict(forecast(cut(*waves()), rate=1e-5))
    assert found.cause == "learning_rate_too_low", told(found)
    leak = next(each for each in found.ranked if each.cause == "data_leak")
    assert leak.symptom > 0.5
    assert leak.reading is not Reading.SUPPORTS


def test_the_share_of_windows_between_training_windows_is_the_symptom() -> None:
    def seen(found: Interleaved | None) -> Any:
        return replace(plain(), data=replace(plain().data, interleaved=found))

    scores = [generalisation.leak(seen(Interleaved(share, 1, 8))).score for share in (0.0, 0.1, 0.5)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1] > 0.8) == (0, True)
    assert generalisation.leak(seen(None)).score == 0
    assert not generalisation.later(seen(None))


def test_the_split_in_time_changes_both_parts_and_parts_neighbours() -> None:
    asked = read_job(forecast(cut(*waves())))
    before = interleaved_in_time(*_inputs(asked))
    assert before is not None
    known = replace(plain(), data=replace(plain().data, interleaved=before))
    (change,) = generalisation.later(known)
    after = changed(asked, change)
    assert set(asked.diff(after)) == set(change.fields)
    assert interleaved_in_time(*_inputs(after)) is None


def _inputs(asked: Asked) -> Any:
    rows: Any = asked.task
    return rows.train.inputs, rows.validation.inputs

"""Padding on the last axis, (rows, channels, length): named where it leaks, and not where it is masked."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.core.evidence import Diagnosis
from goodfit.core.runtime import preserved_rng, threads
from goodfit.guide.diagnosis import diagnose
from goodfit.intake import read_job
from tests.causes.making import CROSS, Job, Parts, adam, cut, job
from tests.causes.test_verdicts import told

LENGTH = 40


class Listener(nn.Module):
    """A convolution and the mean of its states over all steps, or over those that are not silent."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.near, self.head, self.masked = nn.Conv1d(1, 8, 5, padding=2, bias=False), nn.Linear(8, 3), masked

    def forward(self, x: Tensor) -> Tensor:
        states = self.near(x).relu()
        real = (x != 0).float() if self.masked else torch.ones_like(x)
        return self.head((states * real).sum(2) / real.sum(2))


def clips(rows: int = 500) -> Parts:
    """Four to forty steps of noise in one of three loudnesses, then silence."""
    r = np.random.default_rng(0)
    y, ends = r.integers(0, 3, rows), r.integers(4, LENGTH + 1, rows)
    x = r.normal(size=(rows, 1, LENGTH)) * np.array([0.4, 1.0, 2.5])[y][:, None, None]
    x[np.arange(LENGTH) >= ends[:, None, None]] = 0
    return cut(x, y)


def verdict(masked: bool, rate: float) -> Diagnosis:
    given: Job = job(clips(), lambda: Listener(masked), CROSS, adam(rate), epochs=15)
    with preserved_rng(), threads(1):
        return diagnose(read_job(given), trainings=16, seeds=(0, 1))


def test_a_mean_over_silence_is_a_leak() -> None:
    found = verdict(masked=False, rate=0.02)
    assert found.cause == "padding_leak", told(found)
    assert found.ranked[0].fields == ("model.unpadded",)


def test_a_mean_over_what_is_there_is_healthy() -> None:
    found = verdict(masked=True, rate=0.02)
    assert found.cause == "healthy", told(found)


def test_the_rate_of_a_masked_one() -> None:
    found = verdict(masked=True, rate=1e-5)
    assert found.cause == "learning_rate_too_low", told(found)

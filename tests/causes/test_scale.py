"""Readings to scores: never down while the reading goes up, never below 0 or above 1."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from goodfit.causes.scale import either, log_ramp, ramp


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.9), (0.9, 0.1), (2.0, 200.0), (200.0, 2.0)])
@pytest.mark.parametrize("scale", [ramp, log_ramp])
def test_a_ramp_runs_from_0_to_1_and_never_back(scale: Callable[..., float], low: float, high: float) -> None:
    values = np.geomspace(min(low, high) / 5, max(low, high) * 5, 60)
    scores = [scale(v, low, high) for v in (values if high > low else values[::-1])]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0.0, 1.0)
    assert scale(low, low, high) == pytest.approx(0)
    assert scale(high, low, high) == pytest.approx(1)
    assert scale(math.nan, low, high) == 0


def test_a_log_ramp_is_straight_in_the_logarithm_and_bears_0_and_infinity() -> None:
    assert log_ramp(10, 1, 100) == pytest.approx(0.5)
    assert (log_ramp(0, 1, 100), log_ramp(0, 100, 1)) == (0, 1)
    assert (log_ramp(math.inf, 1, 100), log_ramp(math.inf, 100, 1)) == (1, 0)
    assert (ramp(math.inf, 1, 100), ramp(-math.inf, 1, 100)) == (1, 0)


def test_hints_together_are_more_than_each_and_never_more_than_sure() -> None:
    r = np.random.default_rng(0)
    for _ in range(50):
        hints = r.random(r.integers(1, 5)).tolist()
        together = either(*hints)
        assert max(hints) - 1e-12 <= together <= 1
        assert either(*hints, 0.0) == pytest.approx(together)
        assert either(*hints, 0.3) >= together
        assert either(*reversed(hints)) == pytest.approx(together)
    assert (either(), either(0.0, 0.0), either(0.2, 1.0), either(0.5, 0.5)) == (0, 0, 1, 0.75)

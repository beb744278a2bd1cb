"""Losses over seeds: lines and bands lie where their losses say, and what cannot be drawn is said."""

from __future__ import annotations

import math
import re

import pytest

from goodfit.core.evidence import Curve, Diagnosis, Treated
from goodfit.report import curves
from goodfit.report.curves import Losses, Scale

NAN, INF = math.nan, math.inf


def shown(*given: Curve, treated: Treated | None = None) -> Losses | None:
    return curves.losses(Diagnosis("overfitting", "", (), curves=given, treated=treated))


def curve(seed: int, losses: tuple[float, ...], changed: bool = False) -> Curve:
    return Curve(seed, changed, tuple(range(1, len(losses) + 1)), losses, losses)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", path)]


def test_a_band_reaches_from_the_lowest_to_the_highest_seed_around_the_middle() -> None:
    found = shown(curve(0, (4.0, 2.0)), curve(1, (4.0, 1.0)), curve(2, (4.0, 0.0)))
    assert found is not None
    band = found.charts[1].bands[0]
    scale = Scale(0.0, 4.0, 2, powers=False)
    assert points(band.line) == [(scale.x(1), scale.y(4.0)), (scale.x(2), scale.y(1.0))]
    assert points(band.area)[1:3] == [(scale.x(2), scale.y(2.0)), (scale.x(2), scale.y(0.0))]
    assert (found.before, found.after) == (3, 0)


def test_the_change_is_drawn_beside_and_both_charts_share_their_scales() -> None:
    found = shown(curve(0, (1.0, 0.9)), curve(0, (0.9, 0.3, 0.2), changed=True))
    assert found is not None
    assert [band.changed for band in found.charts[0].bands] == [False, True]
    assert found.charts[0].up == found.charts[1].up
    assert [tick.text for tick in found.charts[0].across] == ["1", "2", "3"]
    assert found.rows == (
        (1, ("1", "1", "0.900", "0.900")),
        (2, ("0.900", "0.900", "0.300", "0.300")),
        (3, ("–", "–", "0.200", "0.200")),
    )


def test_losses_far_apart_are_drawn_in_powers_of_ten_and_the_smallest_on_the_edge() -> None:
    found = shown(curve(0, (100.0, 1.0, 1e-9)))
    assert found is not None
    assert found.powers
    assert [tick.text for tick in found.charts[0].up] == ["0.1", "1", "10", "100"]
    assert points(found.charts[0].bands[0].line)[-1][1] == curves.HEIGHT - curves.BOTTOM
    assert "Losses below 0.10 lie on the lower edge." in found.notes


def test_a_training_that_diverged_is_said_and_leaves_no_number_out_of_bounds() -> None:
    found = shown(curve(0, (NAN,)), curve(0, (2.0, 1.0), changed=True))
    assert found is not None
    assert any("diverged in its first epoch" in note for note in found.notes)
    found = shown(curve(0, (2.0, INF, NAN)))
    assert found is not None
    assert any("not finite" in note for note in found.notes)
    assert found.charts[0].bands[0].dots
    assert shown(curve(0, (NAN, INF))) is None
    assert shown() is None


def test_a_change_of_the_loss_is_said() -> None:
    treated = Treated((), ("model.output", "task.loss"), (1.0, 1.0), (0.1, 0.1), 0.1, 0.9)
    found = shown(curve(0, (2.0, 1.0)), treated=treated)
    assert found is not None
    assert any("touches the loss itself" in note for note in found.notes)


@pytest.mark.parametrize("low", [-3.0, 0.0, 1e-8, 2.5, 9e4])
@pytest.mark.parametrize("size", [1e-6, 0.3, 7.0, 1e6])
def test_ticks_are_few_round_and_inside(low: float, size: float) -> None:
    ticks = curves.round_steps(low, low + size, 4)
    assert 2 <= len(ticks) <= 6
    assert all(low - 1e-6 * size <= each <= low + size * (1 + 1e-6) for each in ticks)


@pytest.mark.parametrize("decades", [1.1, 2.0, 3.0, 8.0, 30.0])
def test_powers_of_ten_are_few_and_inside(decades: float) -> None:
    ticks = curves.powers_of_ten(1e-5, 1e-5 * 10**decades)
    assert 2 <= len(ticks) <= 8
    assert 0.99e-5 <= min(ticks) <= max(ticks) <= 1.01e-5 * 10**decades


def test_a_long_training_is_a_short_table() -> None:
    found = shown(curve(0, tuple(1 / each for each in range(1, 201))))
    assert found is not None
    assert len(found.rows) == curves.MOST_ROWS
    assert (found.rows[0][0], found.rows[-1][0]) == (1, 200)
    assert shown(curve(0, (1.0,))).charts[0].bands[0].dots  # type: ignore[union-attr]
    assert shown(curve(0, (1.0, 1.0))) is not None

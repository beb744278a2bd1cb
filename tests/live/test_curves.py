"""Curves are thinned without losing what matters, and fast enough for many long runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from goodfit.core.run import Measurement
from goodfit.ledger import Ledger
from goodfit.live import store
from goodfit.live.curves import MOST_CURVES, SPARK, curve, curves, spark
from tests.live.made import rows, started


def measured(out: Path, values: list[float], every: int = 1) -> str:
    run = started(out, points=0)
    with Ledger(out) as ledger:
        ledger.measure(run, [Measurement("train_loss", i * every, value) for i, value in enumerate(values)])
    return run


@pytest.mark.parametrize("every", [1, 7])
def test_extremes_and_ends_stay(tmp_path: Path, every: int) -> None:
    draw = random.Random(0)
    values = [draw.random() for _ in range(5000)]
    values[1234], values[4321] = 50.0, -50.0
    run = measured(tmp_path, values, every)
    with Ledger(tmp_path, readonly=True) as ledger:
        found = curve(ledger, run, "train_loss", "", 100)
    points = [(step, value) for step, value in found.points]
    assert found.thinned
    assert len(points) <= 201
    assert points == sorted(points)
    assert set(points) <= {(i * every, value) for i, value in enumerate(values)}
    assert {(1234 * every, 50.0), (4321 * every, -50.0), (4999 * every, values[-1])} <= set(points)
    for bucket in range(100):
        inside = values[bucket * 50 : bucket * 50 + 50]
        kept = [value for step, value in points if bucket * 50 <= step // every < bucket * 50 + 50]
        assert min(inside) in kept
        assert max(inside) in kept


def test_a_short_curve_is_whole(tmp_path: Path) -> None:
    run = measured(tmp_path, [float(i) for i in range(200)])
    with Ledger(tmp_path, readonly=True) as ledger:
        found = curve(ledger, run, "train_loss", "", 100)
    assert not found.thinned
    assert found.points == [[i, float(i)] for i in range(200)]


def test_what_is_not_finite_is_a_gap(tmp_path: Path) -> None:
    run = measured(tmp_path, [1.0] * 300 + [float("nan")] * 300)
    with Ledger(tmp_path, readonly=True) as ledger:
        found = curve(ledger, run, "train_loss", "", 60)
    assert found.points[0] == [0, 1.0]
    assert found.points[-1] == [599, None]


def test_losses_come_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    run = started(tmp_path, points=3)
    with Ledger(tmp_path) as ledger:
        for layer in range(MOST_CURVES):
            ledger.measure(run, rows("gradient_norm", 0, 2, f"layer.{layer}"))
        found, more = curves(ledger, run, 100)
        other = started(tmp_path, points=0)
        assert curves(ledger, other, 100) == ([], 0)
    assert [each.quantity for each in found[:3]] == ["train_loss", "validation_loss", "gradient_norm"]
    assert (len(found), more) == (MOST_CURVES, 2)


def test_the_small_curve(tmp_path: Path) -> None:
    run = measured(tmp_path, [float(i) for i in range(1001)])
    with Ledger(tmp_path, readonly=True) as ledger:
        found = spark(ledger, run)
        assert len(found) == SPARK + 1
        assert (found[0], found[-1]) == (0.0, 1000.0)
        assert spark(ledger, "nothing") == []


def test_reading_is_by_index_and_not_by_pass(tmp_path: Path) -> None:
    """The list must not read all measurements of all runs, nor the tail those that were read before."""
    run = started(tmp_path)
    with Ledger(tmp_path, readonly=True) as ledger:
        queries: list[str] = []
        ledger._connection.set_trace_callback(queries.append)
        store.summaries(ledger)
        store.run(ledger, run, 100)
        ledger._connection.set_trace_callback(None)
        plans = [
            step[3] for query in queries if "SELECT" in query for step in ledger.select(f"EXPLAIN QUERY PLAN {query}")
        ]
    assert any("curves_of_run" in plan for plan in plans)
    assert [plan for plan in plans if plan.startswith("SCAN measurements")] == []

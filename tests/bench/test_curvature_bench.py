"""The benchmark of curvature on its smallest problem, and on what it must not get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bench import curvature
from bench.curvature import GOALS, OURS, Truth, cost, error, find_both, find_saddle, truth
from bench.curvature_peers import PEERS, Answer, Counted
from bench.curvature_problems import NAMES, Problem, problem


@pytest.fixture(scope="module")
def small() -> Problem:
    return problem("s")


@pytest.fixture(scope="module")
def known(small: Problem) -> Truth:
    return truth(small)


def test_problems_are_the_same_each_time(small: Problem) -> None:
    again = problem("s")
    assert all(torch.equal(a, b) for a, b in zip(small.model.parameters(), again.model.parameters(), strict=True))
    assert small.size == 1066
    assert all(parameter.grad is None for parameter in small.model.parameters())


def test_truth_is_that_of_the_matrix(small: Problem, known: Truth) -> None:
    assert len(known.every) == small.size
    assert known.smallest == known.every[0]
    assert known.top == tuple(sorted(known.top, reverse=True))
    assert error("both ends", (known.smallest, known.top[0] * 1.5), known) == pytest.approx(0.5)
    assert error("largest", (), known) is None
    assert error("density", (), known) is None


def test_products_are_counted_and_answers_are_right(small: Problem, known: Truth) -> None:
    answer = find_both(small)
    assert error("both ends", answer.values, known) < 0.01
    assert answer.products < 32
    saddle = find_saddle(small)
    assert saddle.values[0] < 0
    assert saddle.products < answer.products
    counted = Counted(abs)
    assert [counted(-1), counted(2)] == [1, 2]
    assert counted.times == 2


def test_the_cost_is_in_gradients(small: Problem) -> None:
    def free(given: Problem) -> Answer:
        return Answer(0)

    answer, ratio, interval = cost(small, free, rounds=3)
    assert answer == Answer(0)
    assert 0 <= interval[0] <= ratio <= interval[1] < 1


def test_a_quick_run_writes_its_rows(
    small: Problem, known: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curvature, "problems", lambda names: [small])
    monkeypatch.setattr(curvature, "convex_row", lambda count: curvature.Row("convex", 0, holds=True))
    monkeypatch.setattr(curvature, "truth", lambda given: known)
    monkeypatch.setattr(curvature, "traced", lambda given, quick: [])
    curvature.main(["--quick", "--peers", "--out", str(tmp_path / "rows.json")])
    rows = {each["name"]: each for each in json.loads((tmp_path / "rows.json").read_text())["rows"]}
    for quantity in OURS:
        assert rows[f"s: {quantity}, products"]["value"] > 0
        assert rows[f"s: {quantity}, cost"]["value"] > 0
    assert rows["s: both ends, error"]["holds"]
    assert rows["s: saddle, curvature of its direction in float64"]["holds"]
    assert rows["s: density of 4 draws, misplaced share"]["holds"]
    absent = [peer for peer in PEERS if not peer.present]
    assert all(rows[f"s: {peer.quantity}, {peer.tool}"]["value"] is None for peer in absent)


def test_no_goal_is_for_something_that_is_not_measured() -> None:
    assert {name for name, _ in GOALS} <= set(NAMES)
    assert {quantity for _, quantity in GOALS} <= set(OURS)

"""The benchmark of watching runs on something tiny, and compares like with like."""

from __future__ import annotations

import math

import torch

from bench.curvature_problems import Problem
from bench.overhead import Training, figures, whole
from tests.probes.models import mlp


def tiny() -> Problem:
    inputs, targets = torch.randn(12, 4), torch.randint(0, 3, (12,))
    return Problem("a", mlp(4, 5, 3), torch.nn.functional.cross_entropy, inputs, targets)


def test_watched_and_bare_trainings_make_the_same_updates() -> None:
    made = tiny()
    bare, watched = Training(made, 4, 8), Training(made, 4, 8, every=2)
    assert min(bare(), watched()) > 0
    assert all(torch.equal(a, b) for a, b in zip(bare.model.parameters(), watched.model.parameters(), strict=True))
    assert {each.step for each in watched.watched.measurements} == {1, 2, 3, 4, 5, 7}  # type: ignore[union-attr]


def test_every_figure_has_its_goal(monkeypatch) -> None:
    monkeypatch.setattr("bench.overhead.problem", lambda name: tiny())
    monkeypatch.setattr("bench.overhead.BATCHES", {"a": 4})
    rows = figures("a", steps=2, rounds=2)
    assert [row.goal for row in rows] == ["", "", "<= 1.30", "<= 1.05"]
    assert all(row.value is not None and math.isfinite(row.value) for row in rows)
    assert all(row.holds is (row.value <= float(row.goal.split()[1])) for row in rows if row.goal)


def test_a_whole_training_is_timed(monkeypatch) -> None:
    monkeypatch.setattr("bench.overhead.problem", lambda name: tiny())
    row = whole("a", steps=3, rounds=2)
    assert row.value is not None
    assert (row.value > 0, row.holds) == (True, None)

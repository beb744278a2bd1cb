"""The benchmark of many networks at once runs its code on something tiny."""

from __future__ import annotations

from bench.batched import digits, recipes, speedup
from goodfit.training.batched import why_not_together


def test_it_compares_the_same_trainings() -> None:
    task = digits(200)
    some = recipes(2, 4, 1, 1, rates=True)
    assert why_not_together(task, some) == ""
    assert [(each.seed, each.rate) for each in some] == [(0, 1e-4), (1, 1e-3)]
    value, (low, high) = speedup(task, some, 2)
    assert value > 0
    assert low <= high
    assert speedup(task, some, 2, forced=True)[0] > 0

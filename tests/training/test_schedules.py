"""Schedules against their closed forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from goodfit.training.schedules import SCHEDULES, factor


@pytest.mark.parametrize(("name", "half", "end"), [("constant", 1, 1), ("cosine", 0.5, 0), ("linear", 0.5, 0)])
def test_half_way_and_end(name, half, end):
    assert factor(name, 50, 100, 0.0) == pytest.approx(half)
    assert factor(name, 100, 100, 0.0) == pytest.approx(end)


def test_steps_fall_tenfold_at_half_and_three_quarters():
    assert [factor("step", update, 100, 0.0) for update in (0, 49, 50, 74, 75, 99)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


@given(name=st.sampled_from(sorted(SCHEDULES)), total=st.integers(1, 500), warmup=st.floats(0, 1))
def test_the_factor_rises_in_warm_up_then_never_and_stays_within_zero_and_one(name, total, warmup):
    course = [factor(name, update, total, warmup) for update in range(total)]
    rising = round(warmup * total)
    assert all(0 <= value <= 1 for value in course)
    assert course[:rising] == sorted(course[:rising])
    assert course[rising:] == sorted(course[rising:], reverse=True)


def test_cosine_equals_torchs_own():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for update in range(20):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(factor("cosine", update, 20, 0.0), abs=1e-9)
        optimizer.step()
        oracle.step()

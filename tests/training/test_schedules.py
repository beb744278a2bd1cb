"""Schedules against their closed forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from goodfit.training.schedules import SCHEDULES, Course, factor


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


def test_the_course_of_the_rate_equals_torchs_own_cosine():
    mine, theirs = (torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3) for _ in range(2))
    course, oracle = Course(mine, "cosine", 20, 0.0), torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=20)
    for _ in range(20):
        assert mine.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], abs=1e-9)
        theirs.step()
        course.step()
        oracle.step()


def test_groups_keep_their_own_rates():
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": parameters[:1], "lr": 1.0}, {"params": parameters[1:], "lr": 0.1}])
    course = Course(optimizer, "linear", 4, 0.0)
    course.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.75, 0.075])

"""Schedules against their closed forms."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from goodfit.core.recipe import Recipe
from goodfit.training.schedules import SCHEDULES, Course, build_schedule, factor


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


SCHEDULERS = {
    "steps": lambda optimizer: lr_scheduler.StepLR(optimizer, 7, gamma=0.5),
    "exponential": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 30),
    "one cycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=31),
    "lambda": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda update: 1 / (1 + update)),
    "cyclic": lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.1, 1.0, step_size_up=4, cycle_momentum=False),
    "chained": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer, [lr_scheduler.ConstantLR(optimizer, 0.5, 5), lr_scheduler.ExponentialLR(optimizer, 0.9)], [5]
    ),
}


def walked(name: str, warmup: float, groups: int = 1) -> list[list[float]]:
    """Rates of each update of 30 under a person's scheduler."""
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(groups)]
    optimizer = torch.optim.SGD([{"params": [each], "lr": 0.4 / (i + 1)} for i, each in enumerate(parameters)])
    recipe = Recipe(lambda: torch.nn.Linear(1, 1), schedule=SCHEDULERS[name], warmup=warmup)
    with warnings.catch_warnings():  # of SequentialLR's own making
        warnings.simplefilter("ignore")
        schedule = build_schedule(recipe, optimizer, 30)
        rates = []
        for _ in range(30):
            rates.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            schedule.step()
    return rates


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("groups", [1, 2])
def test_warm_up_in_front_of_a_persons_scheduler_multiplies_its_own_rates(name, groups):
    own, warmed = walked(name, 0.0, groups), walked(name, 0.3, groups)
    for update, (theirs, mine) in enumerate(zip(own, warmed, strict=True)):
        assert mine == pytest.approx([rate * min(1.0, (update + 1) / 9) for rate in theirs], rel=1e-9)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_persons_scheduler_without_warm_up_is_left_alone(name):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    made = build_schedule(Recipe(lambda: torch.nn.Linear(1, 1), schedule=SCHEDULERS[name]), optimizer, 30)
    assert isinstance(made, lr_scheduler.LRScheduler)


@pytest.mark.parametrize("warmup", [0.001, 1.0])
def test_a_warm_up_of_no_update_or_of_all_of_them(warmup):
    own, warmed = walked("steps", 0.0), walked("steps", warmup)
    rising = max(1, round(warmup * 30))
    for update, (theirs, mine) in enumerate(zip(own, warmed, strict=True)):
        assert mine == pytest.approx([rate * min(1.0, (update + 1) / rising) for rate in theirs])

"""Controlled experiments: one named change, paired seeds, each training once, within what is allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from goodfit.causes.cause import Change
from goodfit.core.errors import TrainingError
from goodfit.core.job import Job
from goodfit.core.run import Outcome
from goodfit.core.runtime import preserved_rng
from goodfit.core.statistics import UnitScores
from goodfit.core.trial import PartResult, Trial
from goodfit.guide import experiments
from goodfit.guide.experiments import Allowance, Effect, Laboratory, OutOfBudget, changed, effect, rows_of, shortened
from goodfit.models.surgery import NotAskable
from tests.guide.jobs import adam, classes, net, numbers, read, sgd

SEEDS = (0, 1, 2)


@pytest.fixture(autouse=True)
def random_numbers_stay() -> Iterator[None]:
    with preserved_rng():
        yield


def change(name: str = "clip", fields: tuple[str, ...] = ("clip",), cost: float = 1.0, **recipe: Any) -> Change:
    made = recipe or {"clip": 1e9}
    return Change(name, name, fields, lambda job: job.with_recipe(**made), cost)


def result(errors: Any, constant: float = 1.0) -> PartResult:
    sums = np.asarray(errors, dtype=float)
    units = UnitScores(sums, np.ones(len(sums)))
    return PartResult(1.0, min(1.0, units.value / constant), units, constant)


def trial(seed: int, validation: PartResult, name: str = "", work: float = 1.0, seconds: float = 0.01) -> Trial:
    empty: Any = np.zeros(0)
    return Trial(
        name,
        (),
        seed,
        Outcome.FINISHED,
        validation,
        validation,
        (),
        (),
        {},
        empty,
        updates=1,
        work=work,
        seconds=seconds,
    )


# -- one field at a time


def test_a_change_of_what_it_names_is_made() -> None:
    job = read(numbers())
    after = changed(job, change(epochs=16, fields=("epochs",)))
    assert after.recipe.epochs == 16
    assert job.recipe.epochs == 8


TOUCHING: list[tuple[str, Change]] = [
    ("another field", change(fields=("epochs",), epochs=3, clip=1.0)),
    ("another field only", change(fields=("clip",), epochs=3)),
    ("less than named", change(fields=("epochs", "clip"), epochs=3)),
    ("the loss", Change("", "", ("clip",), lambda job: job.with_recipe(clip=1.0).with_task(loss=functional.l1_loss))),
    ("the seed", change(fields=("clip",), clip=1.0, seed=7)),
    ("validation rows", Change("", "", ("task.train",), lambda job: job.with_task(validation=job.task.train))),
]


@pytest.mark.parametrize(("what", "wrong"), TOUCHING, ids=[each[0] for each in TOUCHING])
def test_a_change_that_touches_anything_else_is_refused(what: str, wrong: Change) -> None:
    job = read(numbers())
    with pytest.raises(ValueError, match="names"):
        changed(job, wrong)
    laboratory = Laboratory(job, SEEDS, Allowance(10))
    with pytest.raises(ValueError, match="names"):
        laboratory.treat(wrong)
    assert laboratory.allowance.runs == 0


def test_a_change_of_nothing_is_not_askable() -> None:
    with pytest.raises(NotAskable, match="nothing would change"):
        Laboratory(read(numbers()), SEEDS, Allowance(10)).treat(change(fields=("epochs",), epochs=8))


# -- each training once


def counted(monkeypatch: pytest.MonkeyPatch, work: Callable[[Job], float] = lambda job: 1.0) -> list[tuple[str, int]]:
    """Trainings made, by name and seed, in place of real ones."""
    made: list[tuple[str, int]] = []

    def fake(job: Job, seed: int, *, change: str = "", **_: Any) -> Trial:
        made.append((change, seed))
        return trial(seed, result(np.full(20, 0.5)), change, work(job))

    monkeypatch.setattr(experiments, "run_trial", fake)
    return made


def test_each_change_is_trained_once_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch)
    laboratory = Laboratory(read(numbers()), SEEDS, Allowance(10))
    first, again = laboratory.treat(change()), laboratory.treat(change())
    assert again is first
    for index in (0, 1, 1, 0):
        laboratory.control(index)
        laboratory.treat(change(), index)
    assert made == [("clip", 0), ("", 0), ("", 1), ("clip", 1)]
    assert laboratory.allowance.runs == 4
    assert laboratory.allowance.cost.runs == 4


def test_seeds_are_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    counted(monkeypatch)
    laboratory = Laboratory(read(numbers()), (5, 7, 9), Allowance(10))
    for index in (0, 1, 2):
        laboratory.control(index)
    for index in (2, 0):
        laboratory.treat(change(), index)
    assert [each.seed for each in laboratory.controls()] == [5, 7, 9]
    assert [each.seed for each in laboratory.effect(change()).trials] == [5, 9]


def test_the_seeds_of_a_treatment_are_the_controls() -> None:
    laboratory = Laboratory(read(numbers(epochs=2)), (3, 4), Allowance(10))
    for index in (0, 1):
        control, treated = laboratory.control(index), laboratory.treat(change(), index)
        assert np.array_equal(control.batch_losses, treated.batch_losses)  # a clip at 1e9 does nothing


class Fussy(nn.Module):
    """Refuses batches of more than twenty rows while it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = net()

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) > 20:
            raise RuntimeError("too many rows for me")
        found: Tensor = self.layers(x)
        return found


def test_a_change_that_cannot_be_trained_is_not_askable_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    laboratory = Laboratory(read(numbers(model=Fussy, epochs=1)), SEEDS, Allowance(10))
    laboratory.control()
    larger = change("batch 30", ("batch_size",), batch_size=30)
    with pytest.raises(NotAskable, match="cannot be trained: The training failed: too many rows for me"):
        laboratory.treat(larger)
    made = counted(monkeypatch)
    with pytest.raises(NotAskable, match="too many rows for me"):
        laboratory.treat(larger, 1)
    assert made == []


@pytest.mark.parametrize("error", [KeyError("act"), AttributeError("act"), TypeError("act"), ValueError("act")])
def test_an_exchanged_part_that_the_forward_cannot_take_is_not_askable(error: Exception) -> None:
    class Particular(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.last = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            if self.training and not isinstance(self.act, nn.ReLU):
                raise error
            found: Tensor = self.last(self.act(self.first(x)))
            return found

    swap = Change("tanh", "tanh", ("model.activation",), lambda job: job.with_model(activation="tanh"))
    laboratory = Laboratory(read(numbers(model=Particular)), SEEDS, Allowance(10))
    laboratory.control()
    with pytest.raises(NotAskable, match="act"):
        laboratory.treat(swap)


def test_a_control_that_cannot_be_trained_is_an_error() -> None:
    laboratory = Laboratory(read(numbers(model=Fussy, batch_size=30)), SEEDS, Allowance(10))
    with pytest.raises(TrainingError, match="too many rows for me"):
        laboratory.control()


# -- the budget

COSTS = st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.0, 2.0, 4.0])


@settings(max_examples=60, deadline=None)
@drawn_from(
    allowed=st.floats(1, 20), costs=st.lists(COSTS, max_size=12), order=st.lists(st.integers(0, 35), max_size=40)
)
def test_never_more_trainings_than_allowed(allowed: float, costs: list[float], order: list[int]) -> None:
    """Whatever is asked for, in whatever order, with whatever allowance."""
    job = read(numbers())
    listed = [change(f"change {i}", ("epochs",), cost, epochs=100 + i) for i, cost in enumerate(costs)]
    cost_of = {100 + i: cost for i, cost in enumerate(costs)}
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = counted(monkeypatch, lambda job: cost_of.get(job.recipe.epochs, 1.0))
        allowance = Allowance(allowed)
        laboratory = Laboratory(job, SEEDS, allowance)
        spent = 0.0
        for number in order:
            which, index = number // 3 % (len(listed) + 1), number % 3
            wanted = 1.0 if which == 0 else costs[which - 1]
            before = len(made)
            try:
                laboratory.control(index) if which == 0 else laboratory.treat(listed[which - 1], index)
            except OutOfBudget:
                assert spent + wanted > allowed
                continue
            spent += wanted if len(made) > before else 0.0
            assert spent <= allowed + 1e-6
            assert allowance.spent == pytest.approx(spent)
    assert len(made) == len(set(made))


@pytest.mark.parametrize("allowed", [1.0, 2.5, 6.0])
def test_real_trainings_keep_within_what_is_allowed(allowed: float) -> None:
    laboratory = Laboratory(read(numbers(rows=80, epochs=2)), SEEDS, Allowance(allowed))
    longer = [change(f"epochs x {k}", ("epochs",), float(k), epochs=2 * k) for k in (2, 3)]
    asked = [partial(laboratory.control, index) for index in range(3)]
    asked += [partial(laboratory.treat, each, index) for index in range(3) for each in longer]
    refused = 0
    for ask in asked:
        try:
            ask()
        except OutOfBudget:
            refused += 1
    assert refused
    found = laboratory.allowance
    assert found.spent <= allowed
    assert found.spent == pytest.approx(sum(each.work for each in laboratory.known.values()))
    assert found.cost.trainings == pytest.approx(found.spent, abs=0.01)


def test_what_would_not_end_in_time_is_not_begun() -> None:
    allowance = Allowance(math.inf, seconds=10.0, began=time.monotonic() - 9.0)
    allowance.book(trial(0, result(np.ones(9)), seconds=0.5))
    allowance.take(1.0)
    allowance.book(trial(0, result(np.ones(9)), seconds=3.0))
    with pytest.raises(OutOfBudget, match="10 s"):
        allowance.take(1.0)


def test_the_time_of_a_training_is_known_from_shorter_ones() -> None:
    allowance = Allowance(math.inf, seconds=10.0)
    allowance.book(trial(0, result(np.ones(9)), work=0.1, seconds=0.9))
    allowance.take(1.0)
    with pytest.raises(OutOfBudget):
        allowance.take(2.0)


def test_a_training_in_the_way_of_time_is_cut_off() -> None:
    laboratory = Laboratory(read(numbers(epochs=1_000_000)), SEEDS, Allowance(math.inf, seconds=0.3))
    began = time.monotonic()
    found = laboratory.control()
    assert found.outcome is Outcome.OUT_OF_TIME
    assert time.monotonic() - began < 5.0


def test_laboratories_share_an_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    counted(monkeypatch)
    job, allowance = read(numbers()), Allowance(3.0)
    for laboratory in (Laboratory(job, SEEDS, allowance), Laboratory(job, SEEDS, allowance)):
        laboratory.control()
    assert allowance.spent == 2.0


def test_a_mended_job_of_twice_the_epochs_costs_two(monkeypatch: pytest.MonkeyPatch) -> None:
    counted(monkeypatch)
    job, allowance = read(numbers()), Allowance(2.5)
    Laboratory(job, SEEDS, allowance).control()
    longer = Laboratory(job.with_recipe(epochs=16), SEEDS, allowance, rows=rows_of(job))
    with pytest.raises(OutOfBudget, match=r"2\.0 trainings"):
        longer.control()


def test_a_short_run_has_the_share_of_the_rows_and_of_the_cost() -> None:
    job = read(numbers(rows=400))
    short = shortened(job, 0.25)
    assert job.diff(short) == ("task.train", "task.validation")
    inputs, all_inputs = short.task.train.inputs, job.task.train.inputs  # type: ignore[attr-defined]
    assert len(inputs) == 75
    places = [int((all_inputs == row).all(dim=1).nonzero()) for row in inputs]
    assert places == sorted(places)
    assert places[-1] > 200
    assert rows_of(short) / rows_of(job) == pytest.approx(0.25)
    assert len(shortened(job, 0.001).task.train.inputs) == 2 * job.recipe.batch_size  # type: ignore[attr-defined]


# -- effects and their intervals


def pairs_of(
    spread: float = 0.0, rows: int = 400, seeds: int = 2, gain: float = 0.2
) -> tuple[list[tuple[Trial, Trial]], list[Trial]]:
    """Controls whose errors differ by seed as far as ``spread``, and treatments lower by ``gain``."""
    random = np.random.default_rng(0)
    rest = random.normal(size=rows)
    rest -= rest.mean()
    level = 0.6 + spread * np.linspace(-1, 1, seeds)
    controls = [trial(seed, result(level[seed] + 0.2 * rest)) for seed in range(seeds)]
    treated = [trial(seed, result(level[seed] - gain + 0.1 * rest), "change") for seed in range(seeds)]
    return list(zip(controls, treated, strict=True)), controls


def width(found: Effect) -> float:
    return found.validation.high - found.validation.low


def test_an_effect_is_the_mean_difference_of_pairs() -> None:
    found = effect(change(), *pairs_of(spread=0.1, seeds=3))
    assert found.validation.value == pytest.approx(0.2)
    assert found.train.value == pytest.approx(0.2)
    assert found.validation.low < 0.2 < found.validation.high
    assert found.validation.low > 0


def test_an_interval_widens_with_the_spread_between_seeds() -> None:
    widths = [width(effect(change(), *pairs_of(spread=spread))) for spread in (0.0, 0.1, 0.2, 0.4)]
    assert widths == sorted(widths)
    assert widths[-1] > 3 * widths[0]


def test_an_interval_shrinks_with_rows_and_with_seeds() -> None:
    by_rows = [width(effect(change(), *pairs_of(rows=rows))) for rows in (12, 50, 400)]
    assert by_rows == sorted(by_rows, reverse=True)
    assert by_rows[-1] < by_rows[0]
    by_seeds = [width(effect(change(), *pairs_of(seeds=seeds))) for seeds in (1, 2, 4)]
    assert by_seeds == sorted(by_seeds, reverse=True)


def test_one_seed_alone_has_no_narrow_interval() -> None:
    pairs, controls = pairs_of(seeds=1, rows=100_000)
    assert width(effect(change(), pairs, controls)) > 0.05


def test_rows_are_paired_too() -> None:
    """A treatment with the control's own hard rows is told apart better than one with others."""
    random = np.random.default_rng(1)
    hard = random.exponential(1.0, 300)
    control = trial(0, result(0.5 * hard / hard.mean()))
    same, other = (trial(0, result(0.4 * each / each.mean()), "change") for each in (hard, random.permutation(hard)))
    found = [effect(change(), [(control, each)], [control]) for each in (same, other)]
    assert found[0].validation.value == pytest.approx(found[1].validation.value)
    assert width(found[0]) < width(found[1])


def test_other_validation_rows_are_compared_unpaired() -> None:
    control, treated = trial(0, result(np.full(50, 0.5))), trial(0, result(np.full(30, 0.2)), "change")
    assert effect(change(), [(control, treated)], [control]).validation.value == pytest.approx(0.3)


def test_a_diverged_control_is_as_bad_as_the_constant_and_no_worse() -> None:
    broken = replace(result(np.full(40, np.inf)), error=1.0)
    control, treated = trial(0, broken), trial(0, result(np.full(40, 0.25)), "change")
    found = effect(change(), [(control, treated)], [control])
    assert found.validation.value == pytest.approx(0.75)
    assert 0 < found.validation.low <= found.validation.high < 1.5


# -- what does nothing


def restarted(job: Job) -> Job:
    """Other initial weights, and nothing else: the placebo."""
    make, *rest = job.recipe.model.args  # type: ignore[attr-defined]

    def after_a_draw() -> nn.Module:
        torch.rand(1)
        found: nn.Module = make()
        return found

    return job.with_recipe(model=partial(job.recipe.model.func, after_a_draw, *rest))  # type: ignore[attr-defined]


PLACEBO = Change("placebo", "Start from other weights", ("model.0",), restarted)


@pytest.mark.parametrize(
    "given",
    [numbers(), numbers(optimizer=sgd(0.02)), classes(), classes(optimizer=adam(0.003)), classes(rows=60, epochs=4)],
    ids=["numbers", "numbers, slowly", "classes", "classes, slowly", "few classes"],
)
def test_a_placebo_is_inconclusive(given: dict[str, Any]) -> None:
    laboratory = Laboratory(read(given), SEEDS, Allowance(20))
    for index in range(len(SEEDS)):
        laboratory.control(index)
        laboratory.treat(PLACEBO, index)
        found = laboratory.effect(PLACEBO)
        assert not found.validation.excludes(0.0)
    assert not np.array_equal(laboratory.control().batch_losses, laboratory.treat(PLACEBO).batch_losses)


def test_a_change_without_consequence_has_no_effect() -> None:
    laboratory = Laboratory(read(classes(epochs=2)), SEEDS, Allowance(4))
    laboratory.control()
    laboratory.treat(change())
    found = laboratory.effect(change())
    assert found.validation.value == found.train.value == 0.0
    assert found.validation.low < 0 < found.validation.high


def test_a_rate_far_too_high_is_told_from_a_tenth_of_it() -> None:
    laboratory = Laboratory(read(numbers(optimizer=sgd(1.5))), SEEDS, Allowance(4))
    tenth = Change("rate", "rate", ("optimizer.rate_factor",), lambda job: job.with_optimizer(rate_factor=0.1))
    laboratory.control()
    laboratory.treat(tenth)
    assert laboratory.effect(tenth).validation.low > 0.5

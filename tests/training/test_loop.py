"""The loop learns, stops when it should, emits its events in order, and repeats itself."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest
import torch

from goodfit.core.run import Outcome
from goodfit.core.score import score
from goodfit.core.step import Event, Step
from goodfit.core.task import PARTS
from goodfit.training import fit, mean_loss, predict
from goodfit.training.losses import softmax_mean_square
from tests.tasks import line, recipe, rings, straight, tokens


class Recorder:
    """Notes the events and a few facts of each step."""

    events = frozenset(Event)

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.steps.append(step)


def curves(run):
    """What was measured, but for the seconds it took."""
    return [(each.quantity, each.step, each.value) for each in run.measurements]


def test_measurements_say_how_long_they_took():
    task = line()
    run = fit(task, recipe(task, epochs=3))
    spent = [each.seconds for each in run.measurements]
    assert all(seconds > 0 for seconds in spent)
    assert sum(spent) < run.seconds


@pytest.mark.parametrize("make", [line, rings, tokens])
def test_it_learns_each_objective(make):
    task = make()
    run = fit(task, recipe(task))
    model = run.recipe.model()
    model.load_state_dict(run.weights)
    card = score(task, {part: predict(model, task, task.part(part)) for part in PARTS})
    losses = run.curve("validation_loss")[1]
    assert min(losses) < 0.5 * losses[0]
    assert card.value("test") < 2 if task.objective == "regression" else card.value("test") > 0.9


def test_the_weights_kept_are_those_of_the_best_epoch():
    task = rings()
    run = fit(task, recipe(task, rate=0.1, epochs=12))
    model = run.recipe.model()
    model.load_state_dict(run.weights)
    losses = run.curve("validation_loss")[1]
    assert run.best_epoch == 1 + losses.index(min(losses))
    assert mean_loss(model, task, task.validation) == pytest.approx(min(losses), rel=1e-6)


def test_equal_seeds_give_equal_bits_and_other_seeds_do_not():
    task = line()
    first, again, other = (fit(task, recipe(task, epochs=3, seed=seed)) for seed in (5, 5, 6))
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    assert curves(first) == curves(again) != curves(other)


def test_callbacks_see_every_event_in_order_and_change_nothing():
    task = line(50)
    recorder = Recorder()
    watched = fit(task, recipe(task, epochs=2), [recorder])
    bare = fit(task, recipe(task, epochs=2))
    update = [Event.LOSS, Event.GRADIENT, Event.UPDATE]
    epoch = update * 2 + [Event.EPOCH_END]
    assert [step.event for step in recorder.steps] == [Event.FIT_START, *epoch, *epoch, Event.FIT_END]
    assert [s.update for s in recorder.steps if s.event is Event.UPDATE] == [1, 2, 3, 4]
    assert recorder.steps[-1].planned_updates == 4
    assert curves(watched) == curves(bare)


def test_a_callback_is_called_only_at_its_events():
    recorder = Recorder()
    recorder.events = frozenset({Event.EPOCH_END})  # type: ignore[misc]
    fit(line(50), recipe(line(50), epochs=2), [recorder])
    assert [step.event for step in recorder.steps] == [Event.EPOCH_END] * 2
    assert all(math.isfinite(step.validation_loss) for step in recorder.steps)


def test_patience_stops_and_the_best_epoch_is_older_by_it():
    task = rings()
    run = fit(task, recipe(task, rate=0.3, epochs=200, patience=4))
    assert run.outcome is Outcome.STOPPED_EARLY
    assert run.epochs == run.best_epoch + 4


def test_it_stops_after_the_updates_asked_for_and_its_schedule_does_not_notice():
    task = line()
    short = fit(task, recipe(task, epochs=5, max_updates=6))
    long = fit(task, recipe(task, epochs=5))
    assert (short.outcome, short.updates) == (Outcome.UPDATES_REACHED, 6)
    assert short.curve("train_loss")[1] == long.curve("train_loss")[1][:1]


def test_a_deadline_in_the_past_leaves_one_update():
    run = fit(line(), recipe(line()), deadline=time.monotonic() - 1)
    assert (run.outcome, run.updates) == (Outcome.OUT_OF_TIME, 1)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_finite_weights():
    task = line()
    run = fit(task, straight(task, optimizer="sgd", rate=1e6, epochs=40))
    assert run.outcome is Outcome.DIVERGED
    assert run.epochs < 40


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
def test_every_optimiser_lowers_the_loss(optimizer):
    task = line()
    run = fit(task, straight(task, optimizer=optimizer, rate=0.05, epochs=15))
    losses = run.curve("train_loss")[1]
    assert losses[-1] < 0.7 * losses[0]


def test_a_persons_own_factories_are_used_as_they_are():
    task = line()
    seen = []

    def optimizer(parameters):
        seen.append(torch.optim.SGD(parameters, lr=0.07))
        return seen[-1]

    def schedule(optimizer):
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)

    fit(task, replace(straight(task, epochs=1), optimizer=optimizer, schedule=schedule, rate=None))
    assert seen[0].param_groups[0]["lr"] == 0.07
    fit(task, replace(straight(task, epochs=1), optimizer=optimizer, schedule=schedule, rate=0.5))
    assert seen[1].param_groups[0]["lr"] == 0.5


def test_clipping_bounds_the_gradient():
    class Norm(Recorder):
        events = frozenset({Event.UPDATE})

        def __call__(self, step: Step) -> None:
            self.steps.append(float(torch.nn.utils.get_total_norm([p.grad for p in step.model.parameters()])))

    task, clipped, free = line(), Norm(), Norm()
    fit(task, recipe(task, epochs=1, clip=0.1), [clipped])
    fit(task, recipe(task, epochs=1), [free])
    assert max(clipped.steps) <= 0.1 + 1e-6 < max(free.steps)


def test_mean_square_of_probabilities_ignores_padding_and_is_zero_for_certainty():
    outputs = torch.tensor([[[50.0, 0.0], [-50.0, 0.0]]])
    assert float(softmax_mean_square(outputs, torch.tensor([[0, -100]]))) == pytest.approx(0, abs=1e-6)
    assert float(softmax_mean_square(outputs, torch.tensor([[1, -100]]))) == pytest.approx(1, abs=1e-6)

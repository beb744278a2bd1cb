"""Networks trained together come out as if each had been trained alone, and what cannot be stacked still trains."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn, optim
from torch.nn import functional

from goodfit.core.errors import TrainingError
from goodfit.core.recipe import Recipe
from goodfit.core.run import Outcome
from goodfit.core.step import Event, Step
from goodfit.models import mlp
from goodfit.training import batched, fit, members
from goodfit.training.batched import fit_many, train_many, why_not_together
from goodfit.training.stacked import NotStackable, stack_of
from tests.tasks import line, recipe, rings, tokens


def close(first, second):
    """Whether two runs are the same training: how it ended, every measurement, every weight kept."""
    assert (first.outcome, first.best_epoch, first.epochs, first.updates) == (
        second.outcome,
        second.best_epoch,
        second.epochs,
        second.updates,
    )
    assert first.recipe is second.recipe
    assert first.task == second.task
    for mine, theirs in zip(first.measurements, second.measurements, strict=True):
        assert (mine.quantity, mine.step) == (theirs.quantity, theirs.step)
        assert theirs.value == pytest.approx(mine.value, rel=1e-4, nan_ok=True)
    assert first.weights.keys() == second.weights.keys()
    if first.outcome is Outcome.DIVERGED:
        return  # which weight stopped being a number first is rounding
    for name, weight in first.weights.items():
        most = float(weight.abs().max())
        torch.testing.assert_close(second.weights[name], weight, rtol=1e-4, atol=1e-4 * most, equal_nan=True)


def same(task, recipes):
    """They are stacked, and equal to sequential training."""
    assert why_not_together(task, recipes) == ""
    for alone, together in zip([fit(task, each) for each in recipes], fit_many(task, recipes), strict=True):
        close(alone, together)


def seeds(made, count=3):
    return [replace(made, seed=seed) for seed in range(count)]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("make", [line, rings])
def test_every_optimiser_gives_what_it_gives_alone(make, optimizer):
    task = make()
    same(task, seeds(recipe(task, epochs=4, optimizer=optimizer, weight_decay=0.01)))


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
def test_rates_differ_as_well(optimizer):
    task = line()
    made = recipe(task, epochs=3, optimizer=optimizer, weight_decay=0.01, schedule="cosine", warmup=0.2)
    same(task, [replace(made, seed=seed, rate=rate) for seed, rate in enumerate((1e-2, 1e-5, 1e-3, 1e-2))])


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": 0.1},
        {"shuffle": False},
        {"batch_size": 7},
        {"batch_size": 500},
        {"schedule": "step", "warmup": 0.1},
        {"max_updates": 7},
    ],
    ids=str,
)
def test_clipping_order_batches_schedules_and_ends_are_those_of_the_loop(changes):
    task = rings()
    same(task, seeds(recipe(task, epochs=3, **changes)))


@pytest.mark.parametrize(
    "keywords",
    [{"dropout": 0.4}, {"normalisation": "layer"}, {"activation": "gelu"}, {"residual": True, "depth": 3}],
    ids=str,
)
def test_parts_of_a_network(keywords):
    task = rings()
    model = partial(mlp, task.signature, **{"width": 8, "depth": 2, **keywords})
    same(task, seeds(Recipe(model, rate=1e-2, epochs=3, batch_size=20)))


class Own(nn.Module):
    """A person's network, with functions in its forward pass."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 8), nn.Linear(8, 2, bias=False)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        hidden = torch.tanh(self.first(torch.flatten(x, 1)))
        return functional.log_softmax(self.second(hidden + 0.5 * functional.relu(self.frozen(hidden))), dim=1)


def test_a_persons_module_loss_optimiser_and_scheduler():
    task = replace(rings(), loss=lambda outputs, targets: 2 * functional.nll_loss(outputs, targets))
    made = Recipe(
        Own,
        partial(optim.AdamW, lr=1e-2, weight_decay=0.1),
        rate=None,
        schedule=partial(optim.lr_scheduler.StepLR, step_size=5, gamma=0.5),
        batch_size=20,
        epochs=3,
    )
    same(task, seeds(made))


@pytest.mark.parametrize(
    ("loss", "column"),
    [
        (nn.MSELoss(), True),
        (functional.l1_loss, True),
        (nn.MSELoss(reduction="sum"), True),
        (functional.mse_loss, False),  # (rows,) of targets against (rows, 1) of outputs: a table of differences
        (lambda outputs, targets: (outputs - targets).square().mean().reshape(1), True),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_losses_are_those_of_the_task(loss, column):
    task = line()
    train = task.train if column else type(task.train)(task.train.inputs, task.train.targets[:, 0])
    same(replace(task, loss=loss, train=train), seeds(recipe(task, epochs=2, rate=1e-3)))


def test_smoothed_labels_and_labels_that_do_not_count():
    task = rings()
    task.train.targets[::5] = -100
    same(task, seeds(recipe(task, epochs=2)))
    smooth = partial(functional.cross_entropy, label_smoothing=0.1)
    same(replace(rings(), loss=smooth), seeds(recipe(task, epochs=2)))


def test_one_that_diverges_leaves_the_others_as_they_are():
    task = line()
    made = recipe(task, epochs=5, optimizer="sgd")
    recipes = [replace(made, seed=seed, rate=rate) for seed, rate in enumerate((1e-2, 1e4, 5e-2))]
    same(task, recipes)
    outcomes = [run.outcome for run in fit_many(task, recipes)]
    assert outcomes == [Outcome.FINISHED, Outcome.DIVERGED, Outcome.FINISHED]


def test_each_stops_by_its_own_patience():
    task = rings()
    recipes = seeds(recipe(task, epochs=60, optimizer="adam", rate=0.1, patience=3), 4)
    same(task, recipes)
    assert len({run.epochs for run in fit_many(task, recipes)}) > 1


def test_what_happened_on_the_way_is_kept():
    task = rings()
    recipes = seeds(recipe(task, epochs=3, clip=0.01))
    assert why_not_together(task, recipes) == ""
    together = train_many(task, recipes, norms=5)
    alone = [train_many(task, [each], norms=5)[0] for each in recipes]
    for mine, theirs in zip(alone, together, strict=True):
        assert (mine.together, theirs.together) == (1, 3)
        assert len(mine.batch_losses) == mine.run.updates
        torch.testing.assert_close(theirs.batch_losses, mine.batch_losses, rtol=1e-4, atol=1e-6)
        assert len(mine.gradient_norms) == 5
        torch.testing.assert_close(theirs.gradient_norms, mine.gradient_norms, rtol=1e-4, atol=1e-6)
        last = mine.module.state_dict()
        for name, value in theirs.module.state_dict().items():
            torch.testing.assert_close(value, last[name], rtol=1e-4, atol=1e-6)


class Seen:
    """Notes the weights and losses that it is shown."""

    events = frozenset({Event.FIT_START, Event.EPOCH_END, Event.FIT_END})

    def __init__(self):
        self.found = []

    def __call__(self, step: Step) -> None:
        weights = torch.cat([p.detach().flatten().clone() for p in step.model.parameters()])
        self.found.append((step.event, step.epoch, step.update, step.validation_loss, weights, step.model.training))


def test_callbacks_see_each_network_as_a_module():
    task = rings()
    recipes = seeds(recipe(task, epochs=2))
    alone, together = [Seen() for _ in recipes], [Seen() for _ in recipes]
    for each, seen in zip(recipes, alone, strict=True):
        fit(task, each, [seen])
    assert train_many(task, recipes, [[seen] for seen in together])[0].together == 3
    for mine, theirs in zip(alone, together, strict=True):
        assert [(e, n, u, t) for e, n, u, _, _, t in mine.found[1:]] == [
            (e, n, u, t) for e, n, u, _, _, t in theirs.found[1:]
        ]
        for (*_, loss, weights, _), (*_, other, stacked, _) in zip(mine.found, theirs.found, strict=True):
            assert other == (None if loss is None else pytest.approx(loss, rel=1e-4))
            torch.testing.assert_close(stacked, weights, rtol=1e-4, atol=1e-5)


def test_callbacks_of_single_updates_are_called_by_the_loop():
    task = rings()
    seen = Seen()
    seen.events = frozenset({Event.UPDATE})
    found = train_many(task, seeds(recipe(task, epochs=1)), [[seen], [], []])
    assert [each.together for each in found] == [1, 1, 1]
    assert len(seen.found) == found[0].run.updates


def test_a_deadline_ends_all():
    task = rings()
    runs = fit_many(task, seeds(recipe(task, epochs=1000)), deadline=time.monotonic())
    assert [(run.outcome, run.updates) for run in runs] == [(Outcome.OUT_OF_TIME, 1)] * 3


def test_a_loss_that_refuses_one_networks_outputs_falls_back_to_the_loop():
    task = line()

    def picky(outputs, targets):
        if not bool(outputs.isfinite().all()):
            raise ValueError("these are no numbers")
        return functional.mse_loss(outputs, targets)

    made = recipe(task, optimizer="sgd", epochs=20)
    with pytest.raises(ValueError, match="no numbers"):
        fit_many(replace(task, loss=picky), [made, replace(made, rate=1e6)])


def frozen_by_context():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(2, 8), nn.Linear(8, 2)

        def forward(self, x):
            with torch.no_grad():
                x = self.body(x)
            return self.head(x)

    return Hidden()


def scaled_at_random():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.factor = nn.Linear(2, 2), float(torch.rand(1))

        def forward(self, x):
            return self.layer(x) * self.factor

    return Model()


def hooked():
    module = nn.Sequential(nn.Linear(2, 2))
    module[0].register_forward_hook(lambda module, args, output: 2 * output)
    return module


def tied():
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    module[2].weight = module[0].weight
    return module


def normalised():
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_a_part_without_gradient_stays_as_it_is():
    same(rings(), seeds(Recipe(frozen_by_context, "sgd", 0.1, weight_decay=0.1, batch_size=20, epochs=2)))


@pytest.mark.parametrize("model", [scaled_at_random, hooked, tied, normalised])
def test_what_would_give_other_numbers_is_trained_alone(model):
    task = rings()
    recipes = seeds(Recipe(model, "sgd", 0.1, batch_size=20, epochs=2), 2)
    assert why_not_together(task, recipes)
    for alone, together in zip([fit(task, each) for each in recipes], fit_many(task, recipes), strict=True):
        close(alone, together)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_size": 21}, "differ in batch_size"),
        ({"optimizer": "sgd"}, "more than the rate"),
        ({"optimizer": partial(optim.LBFGS, lr=0.1)}, "more than the rate"),
    ],
)
def test_recipes_that_differ_in_more_are_trained_alone(changes, reason):
    task = rings()
    made = recipe(task)
    assert reason in why_not_together(task, [made, replace(made, **changes)])


def test_large_networks_tokens_and_single_ones_are_trained_alone(monkeypatch):
    task = rings()
    monkeypatch.setattr(members, "LARGEST", 100)
    assert "busy" in why_not_together(task, seeds(recipe(task)))
    assert "lengths" in why_not_together(tokens(), seeds(recipe(tokens())))
    assert fit_many(task, []) == ()
    assert len(fit_many(task, [recipe(task, epochs=1)])) == 1


def test_more_than_fit_in_one_stack_are_trained_in_several(monkeypatch):
    monkeypatch.setattr(batched, "AT_ONCE", 2)
    task = line()
    recipes = seeds(recipe(task, epochs=1), 5)
    found = train_many(task, recipes)
    assert [each.together for each in found] == [2, 2, 2, 2, 1]
    for alone, together in zip([fit(task, each) for each in recipes], found, strict=True):
        close(alone, together.run)


def test_callbacks_are_one_sequence_a_recipe():
    task = line()
    with pytest.raises(TrainingError, match="1 sequences of callbacks were given for 3 recipes"):
        train_many(task, seeds(recipe(task)), [[]])


def test_a_stack_says_why_a_network_cannot_be_stacked():
    with pytest.raises(NotStackable, match="Conv1d"):
        stack_of(nn.Sequential(nn.Conv1d(1, 1, 1)))
    with pytest.raises(NotStackable, match="cannot be traced"):
        stack_of(Branching())
    assert math.isfinite(len(stack_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2))).nodes))


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x

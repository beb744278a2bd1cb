"""The range test finds the bound known from theory, says so where no rate helps, and changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from goodfit.core.errors import SettingsError, TrainingError
from goodfit.core.recipe import Recipe
from goodfit.core.task import ACCURACY, Rows, Signature, Task
from goodfit.training import fit
from goodfit.training.rate_range import RATES, judged, rate_range
from tests.tasks import line, recipe, rings, tokens


def quadratic() -> tuple[Task, float]:
    """Loss mean (w x)^2 over all rows at once, and 2 / lambda_max of its Hessian 2 x'x / n."""
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.5])
    rows = Rows(inputs, torch.zeros(40, 1))
    largest = float(torch.linalg.eigvalsh(2 * inputs.T @ inputs / 40)[-1])
    task = Task("bowl", "table", "regression", rows, rows, None, Signature((3,), 1), functional.mse_loss, ACCURACY)
    return task, 2 / largest


def bowl() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 1, bias=False))


def test_gradient_descent_diverges_where_theory_says():
    task, bound = quadratic()
    made = Recipe(bowl, "sgd", schedule="constant", batch_size=40)
    found = rate_range(task, made, rates=[f * bound for f in (1e-4, 0.01, 0.5, 0.9, 1.1, 2.0)])
    assert found.diverges == pytest.approx(1.1 * bound)
    assert found.helps
    assert found.usable[1] == pytest.approx(0.9 * bound)
    assert found.usable[0] > 1e-4 * bound
    assert found.suggested.low < found.suggested.value < found.suggested.high <= found.diverges
    assert found.losses.shape == (6, 3)


def test_the_rate_suggested_trains_and_the_ends_do_not():
    task = rings()
    found = rate_range(task, recipe(task))
    assert found.rates == RATES
    assert found.usable[0] <= found.suggested.value <= found.usable[1]
    assert found.sentence.startswith("Rates from ")
    best = found.losses.mean(axis=1).min()
    assert found.losses[0].mean() > 2 * best < found.losses[-1].mean()


def dead() -> nn.Module:
    """No unit ever passes anything on."""
    module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2, bias=False))
    nn.init.constant_(module[0].bias, -1e6)
    return module


def frozen() -> nn.Module:
    """Nothing but a part that is not used can learn."""
    module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)).requires_grad_(False)
    return Beside(module)


class Beside(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.idle = module, nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x) + 0 * self.idle


@pytest.mark.parametrize("model", [dead, frozen])
def test_no_rate_helps_on_a_flat_sweep(model):
    found = rate_range(rings(), Recipe(model, "sgd", batch_size=20))
    assert not found.helps
    assert found.sentence.startswith("No rate helps")
    assert math.isnan(found.suggested.value)
    assert math.isnan(found.usable[0])
    assert found.diverges == math.inf


def test_falls_within_the_spread_of_seeds_are_chance():
    random = np.random.default_rng(0)
    start = 1 + 0.1 * random.standard_normal(3)
    alarms = sum(
        judged(RATES, start, start + 0.1 * random.standard_normal((len(RATES), 3)), 100).helps for _ in range(200)
    )
    assert alarms <= 20  # 5 % over all rates, and three standard errors


def test_a_fall_beyond_the_spread_is_found_in_noise():
    random = np.random.default_rng(0)
    start = 1 + 0.1 * random.standard_normal(3)
    losses = start + 0.05 * random.standard_normal((len(RATES), 3))
    losses[6:9] -= 0.7
    found = judged(RATES, start, losses, 100)
    assert found.helps
    assert found.usable == (RATES[6], RATES[8])
    assert RATES[5] < found.suggested.value < RATES[9]


def test_a_rate_at_which_one_seed_diverges_is_not_usable():
    start, losses = np.ones(3), np.full((4, 3), 0.1)
    losses[2, 1] = math.inf
    losses[3, :2] = math.inf
    found = judged((0.1, 0.2, 0.4, 0.8), start, losses, 100)
    assert found.usable == (0.1, 0.2)
    assert found.diverges == 0.8


def test_diverging_everywhere_is_said():
    found = rate_range(line(), recipe(line(), optimizer="sgd"), rates=[1e3, 1e4, 1e5])
    assert not found.helps
    assert found.diverges == 1e3
    assert found.sentence == "No rate helps: at every rate from 1e+03 to 1e+05 the loss diverges."


def test_recipes_that_cannot_be_stacked_are_asked_as_well():
    task = tokens()
    found = rate_range(task, recipe(task), rates=[1e-5, 1e-2], seeds=2, updates=40)
    assert found.helps
    assert found.usable == (1e-2, 1e-2)


def test_a_loss_that_refuses_numbers_counts_as_diverged():
    def picky(outputs, targets):
        if not bool(outputs.isfinite().all()):
            raise ValueError("these are no numbers")
        return functional.mse_loss(outputs, targets)

    task = replace(line(), loss=picky)
    found = rate_range(task, recipe(task, optimizer="sgd"), rates=[1e-2, 1e-1, 1e6])
    assert found.helps
    assert found.diverges == 1e6


def test_a_training_that_fails_says_why():
    def broken(outputs, targets):
        raise ValueError("no such loss")

    with pytest.raises((TrainingError, ValueError), match="no such loss"):
        rate_range(replace(line(), loss=broken), recipe(line()))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rates": [0.1]}, "'rates'"),
        ({"rates": [0.1, -1]}, "'rates'"),
        ({"seeds": 1}, "'seeds'"),
        ({"updates": 0}, "'updates'"),
    ],
    ids=str,
)
def test_wrong_questions_are_refused(given, said):
    with pytest.raises(SettingsError, match=said):
        rate_range(line(), recipe(line()), **given)


def test_it_changes_nothing():
    task, made = rings(), recipe(rings(), epochs=2)
    before = fit(task, made).curve("validation_loss")
    state = torch.get_rng_state()
    rate_range(task, made, rates=[1e-3, 1e-2], seeds=2, updates=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert fit(task, made).curve("validation_loss") == before


def test_it_repeats_itself():
    task = rings()
    first, again = (rate_range(task, recipe(task), rates=[1e-3, 1e-2], updates=20) for _ in range(2))
    assert np.array_equal(first.losses, again.losses)
    assert first.sentence == again.sentence

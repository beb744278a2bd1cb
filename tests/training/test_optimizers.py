"""A person's own optimiser with one thing changed, and the rest of it as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn, optim

from goodfit.core.recipe import Recipe
from goodfit.training.optimizers import adjusted, build_optimizer

FACTORIES: dict[str, Callable[[Iterable[Any]], optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.003, betas=(0.8, 0.99)),
    "adamw": lambda p: optim.AdamW(p, lr=0.003),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.05),
}


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))


def two_rates(parameters: Iterable[Any]) -> optim.Optimizer:
    given = list(parameters)
    return optim.SGD([{"params": given[:2], "lr": 1.0}, {"params": given[2:], "lr": 0.01, "weight_decay": 0.5}])


def first_layer_only(parameters: Iterable[Any]) -> optim.Optimizer:
    return optim.Adam(list(parameters)[:2], lr=0.02, weight_decay=0.1)


def settings(optimizer: optim.Optimizer) -> list[dict[str, Any]]:
    return [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]


@pytest.mark.parametrize("name", FACTORIES)
def test_without_a_change_it_is_the_persons_own(name: str) -> None:
    mine, theirs = adjusted(FACTORIES[name], net().parameters()), FACTORIES[name](net().parameters())
    assert type(mine) is type(theirs)
    assert settings(mine) == settings(theirs)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize(("change", "key"), [({"rate_factor": 0.1}, "lr"), ({"weight_decay": 0.25}, "weight_decay")])
def test_one_setting_changes_and_no_other(name: str, change: dict[str, float], key: str) -> None:
    own = settings(FACTORIES[name](net().parameters()))[0]
    changed = settings(adjusted(FACTORIES[name], net().parameters(), **change))[0]  # type: ignore[arg-type]
    assert {each for each in own if own[each] != changed[each]} == {key}
    assert changed[key] == pytest.approx(0.1 * own["lr"] if key == "lr" else 0.25)


def test_all_groups_change_in_proportion() -> None:
    changed = settings(adjusted(two_rates, net().parameters(), rate_factor=10.0))
    assert [each["lr"] for each in changed] == pytest.approx([10.0, 0.1])
    assert [each["weight_decay"] for each in changed] == [0, 0.5]


def test_a_weight_decay_of_zero_is_set() -> None:
    changed = settings(adjusted(two_rates, net().parameters(), weight_decay=0.0))
    assert [each["weight_decay"] for each in changed] == [0, 0]


def test_parameters_that_were_left_out_are_added_with_the_first_groups_settings() -> None:
    model = net()
    optimizer = adjusted(first_layer_only, model.parameters(), complete=True)
    held = [id(each) for group in optimizer.param_groups for each in group["params"]]
    assert sorted(held) == sorted(id(each) for each in model.parameters())
    assert len(set(held)) == len(held)
    first, second = settings(optimizer)
    assert first == second


@pytest.mark.parametrize("factory", [FACTORIES["sgd"], two_rates])
def test_a_complete_optimiser_stays_as_it_is(factory: Callable[[Iterable[Any]], optim.Optimizer]) -> None:
    assert settings(adjusted(factory, net().parameters(), complete=True)) == settings(factory(net().parameters()))


def test_a_factory_may_go_through_its_parameters_only_once() -> None:
    seen: list[int] = []

    def counting(parameters: Iterable[Any]) -> optim.Optimizer:
        given = list(parameters)
        seen.append(len(given) + len(list(parameters)))
        return optim.SGD(given, lr=1.0)

    adjusted(counting, net().parameters(), complete=True)
    assert seen == [4]


def test_updates_are_those_of_the_changed_rate() -> None:
    mine, theirs = net(), net()
    optimizers = (
        adjusted(FACTORIES["sgd"], mine.parameters(), rate_factor=0.5),
        optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01),
    )
    for _ in range(3):
        for model, optimizer in zip((mine, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            model(torch.ones(2, 3)).square().mean().backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))


def test_the_person_is_asked_anew_each_time() -> None:
    factory = partial(adjusted, FACTORIES["adam"], rate_factor=0.1)
    rates = [factory(net().parameters()).param_groups[0]["lr"] for _ in range(3)]
    assert rates == pytest.approx([0.0003] * 3)


def test_a_recipe_leaves_the_rate_of_a_factory_unless_it_names_one() -> None:
    for rate, expected in ((None, [1.0, 0.01]), (0.3, [0.3, 0.3])):
        optimizer = build_optimizer(Recipe(net, optimizer=two_rates, rate=rate), net().parameters())
        assert [group["lr"] for group in optimizer.param_groups] == expected


def test_building_changes_no_parameter() -> None:
    model = net()
    before = copy.deepcopy(model.state_dict())
    adjusted(first_layer_only, model.parameters(), rate_factor=2.0, weight_decay=0.1, complete=True)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

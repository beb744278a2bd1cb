"""The sentinel names what went wrong, though at most updates it looks at two gradients only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.step import Event, Step
from goodfit.integrations.pytorch import BareLoop
from goodfit.probes import Nonfinite, Sentinel
from goodfit.probes.nonfinite import Where
from goodfit.probes.sentinel import EVERY, SMALL, _ends
from tests.probes.models import mlp

Tamper = Callable[[nn.Module], None]
ADAM, SGD = torch.optim.Adam, torch.optim.SGD
MOMENTUM = lambda given, lr: torch.optim.SGD(given, lr=lr, momentum=0.9)  # noqa: E731


class Branched(nn.Module):
    """A trunk, and beside it a head whose inputs are cut off from the trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.aside, self.middle, self.out = (
            nn.Linear(4, 8),
            nn.Linear(8, 1),
            nn.Linear(8, 8),
            nn.Linear(8, 3),
        )

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.tanh(self.first(inputs))
        return self.out(torch.tanh(self.middle(hidden))), self.aside(hidden.detach())


def train(model: nn.Module, make: Callable[..., torch.optim.Optimizer], at: int, tamper: Tamper, updates: int = 25):
    """Updates of a bare loop; before update number ``at`` the gradients are tampered with. The finds, and when."""
    optimizer = make(model.parameters(), lr=0.01)
    found: list[tuple[Nonfinite, int]] = []
    update = 0
    loop = BareLoop(model, [optimizer], [Sentinel(lambda each: found.append((each, update)))])
    loop.attach()
    generator = torch.Generator().manual_seed(3)
    for update in range(1, updates + 1):
        inputs = torch.randn(16, 4, generator=generator)
        outputs = model(inputs)
        loss = outputs.square().mean() if isinstance(outputs, Tensor) else sum(each.square().mean() for each in outputs)
        optimizer.zero_grad()
        loss.backward()
        if update == at:
            tamper(model)
        optimizer.step()
    loop.detach()
    return found


def spoil(name: str, value: float) -> Tamper:
    def tamper(model: nn.Module) -> None:
        gradient = model.get_parameter(name).grad
        assert gradient is not None
        gradient.view(-1)[0] = value

    return tamper


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("at", [2, 7, 10, 11, 24])
@pytest.mark.parametrize(("make", "finds"), [(ADAM, True), (MOMENTUM, True), (SGD, False)])
def test_a_gradient_in_the_middle_is_named_one_update_later(
    make: Callable[..., torch.optim.Optimizer], finds: bool, at: int, value: float
) -> None:
    torch.manual_seed(0)
    [(found, said)] = train(mlp(4, 8, 8, 3), make, at, spoil("2.weight", value))
    assert said == (at if at % EVERY == 1 else at + 1), "all gradients are looked at in one update of ten"
    if finds or value != value or said == at:
        assert (found.where, found.layer, found.step, found.batch) == (Where.GRADIENT, "2.weight", at, at)
        assert "'2.weight'" in found.sentence
        assert f"update {at}" in found.sentence
    else:  # a step without memory may have overflowed too
        assert (found.where, found.layer, found.step) == (Where.PARAMETER, "2.weight", at + 1)


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "4.weight", "4.bias"])
def test_the_ends_are_seen_at_once_or_an_update_later(name: str) -> None:
    torch.manual_seed(0)
    [(found, said)] = train(mlp(4, 8, 8, 3), ADAM, 5, spoil(name, torch.nan))
    assert said in (5, 6)
    assert (found.where, found.layer, found.step) == (Where.GRADIENT, name, 5)


def test_a_branch_that_reaches_no_end_is_found_when_all_are_looked_at() -> None:
    torch.manual_seed(0)
    [(found, said)] = train(Branched(), ADAM, 15, spoil("aside.weight", torch.nan))
    assert (found.where, found.layer, said) == (Where.GRADIENT, "aside.bias", 21), "by then all of the branch is"
    assert "one of the updates 12 to 20" in found.sentence


def test_the_last_update_is_looked_at_when_the_training_ends() -> None:
    torch.manual_seed(0)
    [(found, said)] = train(mlp(4, 8, 8, 3), ADAM, 25, spoil("2.weight", torch.nan))
    assert (found.where, found.layer, found.step, said) == (Where.GRADIENT, "2.weight", 25, 25)


def test_an_update_that_is_too_large_is_no_bad_gradient() -> None:
    torch.manual_seed(0)
    model = mlp(4, 8, 3)
    optimizer = torch.optim.Adam(model.parameters())
    found: list[Nonfinite] = []
    loop = BareLoop(model, [optimizer], [Sentinel(found.append)])
    loop.attach()
    for update in range(6):
        optimizer.param_groups[0]["lr"] = float("inf") if update == 3 else 0.01
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    assert (found[0].where, found[0].step) == (Where.PARAMETER, 5)


def test_steps_without_a_choice_beforehand_are_looked_at_alike() -> None:
    """The own loop calls at every update."""
    torch.manual_seed(0)
    model = mlp(4, 8, 8, 3)
    optimizer = torch.optim.Adam(model.parameters())
    found: list[Nonfinite] = []
    sentinel = Sentinel(found.append)
    for update in range(8):
        optimizer.zero_grad()
        model(torch.ones(3, 4)).square().mean().backward()
        if update == 4:
            spoil("2.weight", torch.nan)(model)
        sentinel(Step(Event.GRADIENT, update, 0, model, optimizer))
        optimizer.step()
    assert [(each.where, each.layer, each.step) for each in found] == [(Where.GRADIENT, "2.weight", 5)]


def test_ends_are_small_and_their_sums_need_no_care() -> None:
    wide = nn.Sequential(nn.Linear(4, 2 * SMALL), nn.Linear(2 * SMALL, 3), nn.Linear(3, 3).half())
    assert _ends(list(wide.parameters())) == (), "no gradients yet"
    for each in wide.parameters():
        each.grad = torch.zeros_like(each)
    assert [each.numel() for each in _ends(list(wide.parameters()))] == [3]
    small = mlp(4, 8, 3)
    functional.mse_loss(small(torch.ones(2, 4)), torch.zeros(2, 3)).backward()
    first, last = _ends(list(small.parameters()))
    assert (first is small[0].bias, last is small[2].weight) == (True, True)

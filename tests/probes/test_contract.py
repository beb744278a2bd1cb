"""What every probe has to keep: a training with it is, bit for bit, the training without it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.probe import Cost, Need, Probe, Schedule
from goodfit.core.recipe import Recipe
from goodfit.core.run import Measurement
from goodfit.core.step import Event, Step
from goodfit.models import mlp
from goodfit.probes import PROBES, Host, NoiseScaleProbe, Nonfinite, Sentinel
from goodfit.training import fit
from tests.tasks import line

EACH = (*PROBES, NoiseScaleProbe(functional.cross_entropy, parts=4, schedule=Schedule(every=1)))
NAMES = [each.name for each in EACH]


class Shared(nn.Module):
    """One layer used twice, one parameter under two names, a frozen one and one that gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.last.weight = self.twice.weight
        self.unused, self.norm, self.drop = nn.Linear(2, 2), nn.BatchNorm1d(8), nn.Dropout(0.2)
        self.first.bias.requires_grad_(False)
        self.out = nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.relu(self.norm(self.first(inputs)))
        hidden = torch.tanh(self.twice(torch.tanh(self.twice(hidden))))
        return self.out(self.drop(torch.sigmoid(self.last(hidden))))


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


def compiled() -> nn.Module:
    return torch.compile(plain(), backend="eager")  # type: ignore[return-value]


MODELS: dict[str, Callable[[], nn.Module]] = {"plain": plain, "shared": Shared, "compiled": compiled}


def train(model: nn.Module, host: Host | None, *, autocast: bool = False, bare: bool = False) -> dict[str, Any]:
    """Five updates of a loop that emits steps; all that a probe must not touch."""
    torch.manual_seed(1)
    inputs, targets = torch.randn(16, 6), torch.randint(0, 3, (16,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    kept = {"inputs": inputs, "targets": targets}

    def emit(event: Event, update: int, **moment: Any) -> None:
        if host is not None and event in host.events:
            host(Step(event, update, 0, model, optimizer, **({} if bare else kept | moment)))

    emit(Event.FIT_START, 0)
    for update in range(5):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            outputs = model(inputs)
            loss = functional.cross_entropy(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        emit(Event.GRADIENT, update, outputs=outputs, loss=loss)
        optimizer.step()
        emit(Event.UPDATE, update + 1, outputs=outputs, loss=loss)
    emit(Event.FIT_END, 5)
    state = copy.deepcopy(model.state_dict())
    gradients = {f"grad {name}": each.grad for name, each in model.named_parameters() if each.grad is not None}
    modes = [each.training for each in model.modules()]
    hooks = sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules())
    return {**state, **gradients, "rng": torch.get_rng_state(), "modes": modes, "hooks": hooks}


def same(first: Any, second: Any) -> bool:
    return torch.equal(first, second) if isinstance(first, Tensor) else first == second


def measured(host: Host) -> list[Measurement]:
    return list(host.measurements)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("probe", EACH, ids=NAMES)
def test_training_is_bit_identical_with_and_without(probe: Probe, name: str) -> None:
    torch.manual_seed(0)
    without = MODELS[name]()
    torch.manual_seed(0)
    watched = MODELS[name]()
    before, after = train(without, None), train(watched, host := Host([probe]))
    assert before.keys() == after.keys()
    assert [key for key in before if not same(before[key], after[key])] == []
    found = measured(host)
    assert {each.quantity for each in found} <= {probe.name}
    assert found or probe.name == "gradient_snr", "which is due again at update 201 only"
    assert all(each.step in range(1, 6) and each.seconds > 0 for each in found)


@pytest.mark.parametrize("autocast", [False, True])
def test_all_together_under_mixed_precision_and_on_shared_layers(autocast: bool) -> None:
    torch.manual_seed(0)
    without = Shared()
    watched = copy.deepcopy(without)
    before, after = train(without, None, autocast=autocast), train(watched, host := Host(EACH), autocast=autocast)
    assert [key for key in before if not same(before[key], after[key])] == []
    names = {each.layer for each in measured(host) if each.quantity == "gradient_norm"}
    assert {"first.weight", "twice.weight", "out.weight"} <= names
    assert not names & {"first.bias", "unused.weight", "last.weight"}, "frozen, unused, and the second name"


@pytest.mark.parametrize("probe", EACH, ids=NAMES)
def test_steps_without_batch_and_without_gradients_are_survived(probe: Probe) -> None:
    train(plain(), host := Host([probe]), bare=True)
    assert probe.name != "noise_scale" or not measured(host)
    model = plain()
    optimizer = torch.optim.SGD(model.parameters())
    host = Host([probe])
    for event, update in ((Event.FIT_START, 0), (Event.GRADIENT, 0), (Event.UPDATE, 1), (Event.FIT_END, 1)):
        host(Step(event, update, 0, model, optimizer))
    assert measured(host) == []


@pytest.mark.parametrize("probe", EACH, ids=NAMES)
def test_a_probe_says_what_it_needs_and_costs(probe: Probe) -> None:
    assert probe.name.isidentifier()
    assert probe.needs
    assert all(isinstance(each, Need) for each in probe.needs)
    assert isinstance(probe.cost, Cost)


def test_schedule_counts_from_the_first_update_and_fits_the_hosts() -> None:
    due = [update for update in range(1, 40) if Schedule(every=10).due(update, stride=4)]
    assert due == [1, 13, 25, 37]
    assert [update for update in range(1, 9) if Schedule(every=4, first=2).due(update)] == [1, 2, 5]


def test_hooks_are_there_only_for_the_updates_that_are_due() -> None:
    model = plain()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    host = Host(PROBES, every=60)
    attached = []
    host(Step(Event.FIT_START, 0, 0, model, optimizer))
    for update in range(62):
        attached.append(any(each._forward_hooks for each in model.modules()))
        model(torch.randn(4, 6)).sum().backward()
        host(Step(Event.GRADIENT, update, 0, model, optimizer))
        host(Step(Event.UPDATE, update + 1, 0, model, optimizer))
    assert [index for index, each in enumerate(attached) if each] == [0, 1, 2, 3, 4, 60]
    assert {each.step for each in host.measurements} == {1, 2, 3, 4, 5, 61}


def test_compiled_layers_are_seen_in_one_more_pass() -> None:
    model = compiled()
    train(model, host := Host(PROBES))
    assert {each.layer for each in host.measurements if each.quantity == "activation_rms"} == {"0", "2", "4"}
    assert {each.layer for each in host.measurements if each.quantity == "dead_share"} == {"0"}


def test_the_own_loop_is_measured_by_the_same_host_and_sentinel() -> None:
    task = line(rows=60)
    recipe = Recipe(partial(mlp, task.signature, width=8, depth=1), batch_size=12, epochs=3)
    found: list[Nonfinite] = []
    bare, watched = fit(task, recipe), fit(task, recipe, [host := Host(PROBES, every=4), Sentinel(found.append)])
    assert all(torch.equal(each, watched.weights[name]) for name, each in bare.weights.items())
    assert found == []
    assert {each.step for each in host.measurements} == {1, 2, 3, 4, 5, 9}

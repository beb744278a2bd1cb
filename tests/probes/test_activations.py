"""Dead, saturated, how large, how many directions: against what is put in by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.step import Event, Step
from goodfit.probes import PROBES, Host, dead_share, effective_rank, rms, saturated_share
from goodfit.probes.layers import function_of


def seen(model: nn.Module, inputs: Tensor) -> dict[tuple[str, str], float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    host = Host(PROBES)
    host(Step(Event.FIT_START, 0, 0, model, optimizer))
    model(inputs).sum().backward()
    host(Step(Event.GRADIENT, 0, 0, model, optimizer))
    host(Step(Event.UPDATE, 1, 0, model, optimizer))
    return {(each.quantity, each.layer): each.value for each in host.measurements}


def test_shares_and_sizes() -> None:
    values = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 2.0]])
    assert dead_share(values).item() == 0.5
    assert dead_share(values.T[None], axis=1).item() == 0.5
    assert saturated_share(torch.tensor([-0.995, 0.0, 0.5, 0.9999]), -1.0, 1.0).item() == 0.5
    assert rms(torch.tensor([3.0, 4.0])).item() == pytest.approx(12.5**0.5)


def test_effective_rank_counts_directions_at_any_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    three = torch.randn(2000, 3, generator=generator)
    for scale in (1e-18, 1.0, 1e18):
        assert effective_rank(scale * three @ torch.eye(3, 20)).item() == pytest.approx(3.0, rel=0.01)
    assert effective_rank(three[:, :1] @ torch.ones(1, 20)).item() == pytest.approx(1.0)
    assert effective_rank(torch.randn(5, 100, generator=generator)).item() <= 4 + 1e-5
    assert effective_rank(torch.ones(5, 3)).isnan()
    assert effective_rank(three.bfloat16()).item() == pytest.approx(3.0, rel=0.02)


class Functional(nn.Module):
    """Convolutions with functions in between: what a module hook on nn.ReLU would never see."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 2), nn.Linear(6, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        hidden = functional.max_pool2d(functional.relu(self.first(pictures)), 2)
        return self.out(torch.sigmoid(self.second(hidden)).mean((2, 3)))


def test_functions_are_seen_without_modules_and_counted_to_the_layer_before() -> None:
    torch.manual_seed(0)
    model = Functional()
    with torch.no_grad():
        model.first.bias[:3] = torch.tensor([-100.0, -100.0, 100.0])
        model.first.bias[3] = 100.0
    found = seen(model, torch.randn(8, 1, 8, 8))
    assert found["dead_share", "first"] == 0.5
    assert ("saturated_share", "second") not in found, "a mean of saturated values need not be"
    assert {layer for quantity, layer in found if quantity == "activation_rms"} == {"first", "second", "out"}


def test_modules_are_seen_too_and_the_inputs_zeros_are_no_dead_units() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2))
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-99.0, -99.0, -99.0, 9.0, 9.0, 9.0]))
        model[2].bias.fill_(50.0)
    inputs = torch.relu(torch.randn(16, 4))
    inputs[:, 0] = 0
    found = seen(model, inputs)
    assert found["dead_share", "0"] == 0.5
    assert found["saturated_share", "2"] == 1.0
    assert [key for key in found if key[0] == "dead_share"] == [("dead_share", "0")]
    sent = model[2](torch.relu(model[0](inputs)))
    assert found["activation_rms", "2"] == pytest.approx(sent.square().mean().sqrt().item())


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda x: torch.relu(x).flatten(1), "relu"),
        (lambda x: functional.dropout(torch.relu(x), 0.5), "relu"),
        (lambda x: torch.tanh(x).view(-1), "tanh"),
        (lambda x: functional.dropout(torch.tanh(x), 0.5), ""),
        (lambda x: x * torch.sigmoid(x), ""),
        (lambda x: functional.gelu(x), ""),
        (lambda x: torch.relu(x) + x, ""),
    ],
)
def test_the_function_is_read_off_the_graph(made: object, name: str) -> None:
    assert function_of(made(torch.randn(3, 4, requires_grad=True) * 1.0)) == name  # type: ignore[operator]


def test_evaluation_in_between_is_not_measured() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    host = Host(PROBES)
    host(Step(Event.FIT_START, 0, 0, model, optimizer))
    model.eval()
    model(torch.full((4, 2), 1e6))
    model.train()
    with torch.no_grad():
        model(torch.full((4, 2), 1e6))
    model(torch.randn(4, 2)).sum().backward()
    host(Step(Event.GRADIENT, 0, 0, model, optimizer))
    host(Step(Event.UPDATE, 1, 0, model, optimizer))
    assert all(each.value < 100 for each in host.measurements if each.quantity == "activation_rms")

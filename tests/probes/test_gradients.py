"""Lengths, ratios, signal and noise of gradients against plain arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from goodfit.core.step import Event, Step
from goodfit.probes import PROBES, Host, alignment, noise_scale, norms, signal_to_noise, update_ratios
from goodfit.probes.gradients import dots
from goodfit.probes.noise_scale import from_products
from tests.probes.models import mlp, unchanged


def test_lengths_in_one_pass_of_any_precision() -> None:
    tensors = [torch.tensor([3.0, 4.0]), torch.full((4, 4), 300.0, dtype=torch.float16), torch.zeros(2, 0)]
    assert norms(tensors).tolist() == [5.0, 1200.0, 0.0]
    assert norms([]).shape == (0,)
    assert norms([torch.full((4,), 3e4, dtype=torch.float16)]).item() == 6e4, "16-bit squares would overflow"


def test_update_ratio_is_of_the_exact_update() -> None:
    torch.manual_seed(0)
    model = mlp(4, 5, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    host = Host(PROBES)
    host(Step(Event.FIT_START, 0, 0, model, optimizer))
    functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 2, (8,))).backward()
    weight = model[0].weight
    wanted = {
        "gradient_norm": weight.grad.norm().item(),
        "weight_norm": weight.norm().item(),
        "update_ratio": 0.1 * weight.grad.norm().item() / weight.norm().item(),
    }
    host(Step(Event.GRADIENT, 0, 0, model, optimizer))
    optimizer.step()
    host(Step(Event.UPDATE, 1, 0, model, optimizer))
    found = {each.quantity: each.value for each in host.measurements if each.layer == "0.weight"}
    assert found == pytest.approx(wanted, rel=1e-4)


def test_what_rests_at_zero_has_no_ratio() -> None:
    found = update_ratios(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0]))
    assert found.isnan().tolist() == [True, False]
    assert found[1] == float("inf")


def test_signal_to_noise_of_known_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    signal = torch.full((40_000,), 0.5)
    first, second = (signal + torch.randn(40_000, generator=generator) for _ in range(2))
    assert signal_to_noise(dots([first], [second])).item() == pytest.approx(0.25, rel=0.05)
    noise = signal_to_noise(dots([first - signal], [second - signal])).item()
    assert noise == pytest.approx(0.0, abs=0.02)


def test_gradient_snr_compares_consecutive_updates_of_the_same_parameters() -> None:
    torch.manual_seed(0)
    model = mlp(4, 5, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    host = Host(PROBES)
    inputs, targets = torch.randn(8, 4), torch.randint(0, 2, (8,))
    for update in range(201):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), targets).backward()
        host(Step(Event.GRADIENT, update, 0, model, optimizer))
        optimizer.step()
        host(Step(Event.UPDATE, update + 1, 0, model, optimizer))
    found = {each.layer: each for each in host.measurements if each.quantity == "gradient_snr"}
    assert set(found) == {"0.weight", "0.bias", "2.weight", "2.bias", ""}
    assert found[""].step == 201
    assert abs(found[""].value) > 1e4, "the same batch twice: next to no noise"


def test_alignment_of_a_gradient_with_vectors() -> None:
    vectors = torch.eye(4)[:2]
    assert alignment(torch.tensor([3.0, 0.0, 4.0, 0.0]), vectors).tolist() == pytest.approx([0.36, 0.0])
    assert alignment(torch.zeros(4), vectors).isnan().all()


def test_noise_scale_of_a_known_covariance() -> None:
    """One parameter vector, loss = mean of rows dot weights: the gradient of a row is the row itself."""
    torch.manual_seed(0)
    model = nn.Linear(50, 1, bias=False)
    inputs = torch.randn(4096, 50) + 0.3  # |G|^2 = 4.5, tr(Sigma) = 50
    with unchanged(model, inputs):
        found = noise_scale(model, lambda outputs, _: outputs.mean(), inputs, torch.zeros(4096), parts=32)
    assert found.value == pytest.approx(50 / 4.5, abs=4 * found.standard_error)
    assert 0 < found.standard_error < 0.1 * found.value
    assert found.critical_batch_size == found.value
    assert (found.rows, found.parts) == (4096, 32)


def test_error_bar_of_the_noise_scale_holds_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(200):
        gradients = 0.3 + torch.randn(16, 50, generator=generator) / 64**0.5
        found = from_products(gradients @ gradients.T, 64)
        held += abs(found.value - 50 / 4.5) <= 2 * found.standard_error
    assert held >= 0.88 * 200


def test_noise_that_hides_the_gradient_has_no_finite_scale() -> None:
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert from_products(gradients @ gradients.T, 4).value == float("inf")


@pytest.mark.parametrize(("parts", "rows", "words"), [(2, 16, "at least 3"), (8, 4, "4 rows")])
def test_too_few_parts_or_rows_are_refused(parts: int, rows: int, words: str) -> None:
    with pytest.raises(Exception, match=words):
        noise_scale(mlp(4, 2), functional.cross_entropy, torch.randn(rows, 4), torch.zeros(rows).long(), parts=parts)

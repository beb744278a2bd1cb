from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.probes import output_range, signals, updated
from tests.probes.models import Tagger, mlp

ENTROPY = functional.cross_entropy


def batch(features: int = 6, rows: int = 64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(rows, features, generator=generator)
    return inputs, (inputs[:, 0] > 0).long()


class Functional(nn.Module):
    """The same unit in whatever way torch can be asked for it."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)
        self.act = act

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.act(self.norm(self.first(inputs))))


def test_gradients_and_sizes_are_those_of_a_plain_pass() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(6, 16, 2), batch()
    found = signals(model, ENTROPY, inputs, targets)
    loss = ENTROPY(model(inputs), targets)
    loss.backward()
    assert found.loss == pytest.approx(loss.item())
    assert found.finite
    first, last = found.layers
    assert (first.name, first.kind, first.units) == ("0", "Linear", 16)
    assert first.gradient_rms == pytest.approx(model[0].weight.grad.square().mean().sqrt().item())
    assert last.weight_rms == pytest.approx(model[2].weight.square().mean().sqrt().item())
    assert first.output_std == pytest.approx(model[0](inputs).std(correction=0).item())
    assert first.input_rms == pytest.approx(inputs.square().mean().sqrt().item())
    squares = sum(each.grad.square().sum().item() for each in model.parameters())
    assert found.gradient_norm == pytest.approx(math.sqrt(squares))


@pytest.mark.parametrize(
    "act",
    [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), torch.relu, functional.relu, Tensor.relu, lambda x: x.clamp(min=0)],
)
def test_dead_units_are_seen_however_the_unit_is_written(act: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = Functional(act), batch()
    with torch.no_grad():
        model.norm.bias[:6] = -100
    found = signals(model, ENTROPY, inputs, targets)
    assert found.layers[0].dead == 0.75
    assert math.isnan(found.layers[1].dead)
    assert found.dead_share == found.worst_dead == 0.75


@pytest.mark.parametrize("act", [nn.Tanh(), torch.tanh, Tensor.tanh, nn.Sigmoid(), torch.sigmoid, functional.sigmoid])
def test_saturation_is_seen_however_the_unit_is_written(act: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = Functional(act), batch()
    assert signals(model, ENTROPY, inputs, targets).saturated_share < 0.1
    with torch.no_grad():
        model.norm.weight.fill_(1000)
    found = signals(model, ENTROPY, inputs, targets)
    assert found.layers[0].saturated > 0.98
    assert found.saturated_share > 0.98
    assert math.isnan(found.dead_share)


def test_a_convolutions_units_are_its_channels() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2))
    with torch.no_grad():
        model[0].bias[0] = -100
    found = signals(model, ENTROPY, torch.randn(8, 1, 8, 8), torch.randint(0, 2, (8,)))
    assert found.layers[0].dead == 0.25
    assert found.layers[0].units == 4


def test_depth_shows_in_ratio_and_slopes() -> None:
    torch.manual_seed(0)
    inputs, targets = batch()
    sigmoids = signals(mlp(6, *[16] * 8, 2, act=nn.Sigmoid), ENTROPY, inputs, targets)
    assert sigmoids.gradient_ratio < 1e-4
    assert sigmoids.gradient_slope > 0.5
    large = mlp(6, *[16] * 8, 2)
    with torch.no_grad():
        for layer in large:
            if isinstance(layer, nn.Linear):
                layer.weight *= 10
    found = signals(large, ENTROPY, inputs, targets)
    assert found.activation_slope > 0.4
    shallow = signals(mlp(6, 16, 2), ENTROPY, inputs, targets)
    assert math.isnan(shallow.gradient_ratio)
    assert math.isnan(shallow.gradient_slope)


def test_equal_units_and_equal_rows_show() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(6, 8, 2), batch()
    usual = signals(model, ENTROPY, inputs, targets)
    assert usual.layers[0].unit_spread > 0.5
    assert usual.layers[0].row_spread > 0.3
    with torch.no_grad():
        model[0].weight.fill_(0.1)
        model[0].bias.fill_(0.1)
    assert signals(model, ENTROPY, inputs, targets).layers[0].unit_spread == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        model[0].weight.zero_()
    constant = signals(model, ENTROPY, inputs, targets)
    assert constant.layers[0].row_spread == 0
    assert constant.outputs.constant
    assert not usual.outputs.constant


def test_parameters_out_of_reach_are_named() -> None:
    torch.manual_seed(0)

    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.unused, self.last = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 2)
            self.last.bias.requires_grad_(False)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.last(self.first(inputs).detach())

    found = signals(Detached(), ENTROPY, *batch())
    assert found.unreached == ("first.weight", "first.bias", "unused.weight", "unused.bias")
    assert found.layers[0].gradient_rms == 0
    frozen = mlp(6, 8, 2)
    frozen[0].requires_grad_(False)
    found = signals(frozen, ENTROPY, *batch())
    assert found.unreached == ()
    assert math.isnan(found.layers[0].gradient_rms)


def test_a_loss_without_any_gradient_reaches_nothing() -> None:
    found = signals(mlp(6, 2), lambda outputs, targets: outputs.detach().mean(), *batch())
    assert found.unreached == ("0.weight", "0.bias")
    assert found.gradient_norm == 0


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(6, 8, 8, 2), batch()
    with torch.no_grad():
        model[2].weight[0, 0] = float("inf")
    found = signals(model, ENTROPY, inputs, targets)
    assert found.first_nonfinite == "2"
    assert not found.finite
    assert found.outputs.nonfinite > 0
    assert signals(mlp(6, 2), ENTROPY, inputs, targets).first_nonfinite is None


def test_probabilities_are_told_from_logits() -> None:
    logits = torch.randn(20, 4, 5)
    assert output_range(logits.softmax(1)).rows_sum_to_one
    assert not output_range(logits.softmax(1)).log_rows
    assert output_range(logits.log_softmax(1)).log_rows
    assert output_range(logits.softmax(2)).rows_sum_to_one
    plain = output_range(logits)
    assert not plain.rows_sum_to_one
    assert not plain.log_rows
    assert not output_range(torch.ones(9, 1)).rows_sum_to_one
    assert plain.shape == (20, 4, 5)


def test_train_and_evaluation_differ_by_dropout() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(6, 32, 2, dropout=0.9), batch()
    plain = ENTROPY(model.eval()(inputs), targets).item()
    assert signals(model, ENTROPY, inputs, targets, train=False).loss == pytest.approx(plain)
    assert signals(model, ENTROPY, inputs, targets).loss != pytest.approx(plain)


def test_attention_and_recurrent_layers_are_layers() -> None:
    torch.manual_seed(0)
    codes = torch.randint(0, 7, (8, 12))
    found = signals(Tagger(), ENTROPY, codes, codes % 3)
    kinds = [each.kind for each in found.layers]
    assert kinds == ["Embedding", "MultiheadAttention", "Linear", "Linear", "Linear"]
    assert all(each.gradient_rms > 0 for each in found.layers)
    assert found.layers[2].dead >= 0

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = nn.LSTM(4, 8), nn.Linear(8, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.out(self.rnn(inputs.transpose(0, 1))[0][-1])

    found = signals(Recurrent(), ENTROPY, torch.randn(16, 5, 4), torch.randint(0, 2, (16,)))
    assert [(each.kind, each.units) for each in found.layers] == [("LSTM", 8), ("Linear", 2)]


def test_an_embeddings_gradient_counts_only_the_rows_asked_for() -> None:
    torch.manual_seed(0)
    gradients = []
    for words in (10, 10_000):
        model = nn.Sequential(nn.Embedding(words, 4), nn.Flatten(), nn.Linear(8, 2))
        with torch.no_grad():
            model[2].weight.copy_(torch.arange(16.0).view(2, 8) / 16)
        codes = torch.arange(10).view(5, 2)
        gradients.append(signals(model, ENTROPY, codes, torch.ones(5).long()).layers[0].gradient_rms)
    assert gradients[0] == pytest.approx(gradients[1], rel=0.5)


def test_what_did_not_move_is_named() -> None:
    model = mlp(2, 3, 1)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    with torch.no_grad():
        model[0].bias += 1
        model[2].weight.fill_(float("nan"))
    assert updated(before, model.state_dict()) == ("0.weight", "2.bias")

"""New initial weights: signals keep their size, torch's own rules come back, frozen parts stay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.models.surgery import NotAskable
from goodfit.models.surgery.initialisation import initialise
from tests.models.surgery_models import MODELS, Bag, ByHand, Digits, Recurrent, Transformer, floats, learns, tokens


def spreads(model, inputs):
    """Standard deviation of every linear layer's and convolution's output, in order."""
    found = []
    for each in model.modules():
        if isinstance(each, nn.Linear | nn.Conv2d):
            each.register_forward_hook(lambda layer, args, output: found.append(float(output.std())))
    with torch.no_grad():
        model.eval()(inputs)
    return found


@pytest.mark.parametrize("how", ["default", "he", "unit_variance"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_its_shape_learns_and_repeats(name, how):
    make, inputs = MODELS[name]
    model, state = make(), []
    shape = model(inputs).shape
    for _ in range(2):
        torch.manual_seed(3)
        model = initialise(model, how, inputs)
        state.append({key: value.clone() for key, value in model.state_dict().items()})
    assert all(torch.equal(state[0][key], state[1][key]) for key in state[0])
    assert model.training
    assert model(inputs).shape == shape
    assert learns(model, inputs) == []


@pytest.mark.parametrize("start", [0.0, 1e-6, 1e4])
def test_hidden_outputs_get_unit_variance_whatever_the_start(start):
    inputs = 1000 * floats(64, 5)
    layers = [each for _ in range(9) for each in (nn.Linear(5, 5), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(5, 3))
    for parameter in model.parameters():
        nn.init.constant_(parameter, start)
    *hidden, last = spreads(initialise(model, "unit_variance", inputs), inputs)
    assert hidden == pytest.approx([1] * 9, abs=0.1)
    assert 0 < last < 2


def test_convolutions_count_too_and_a_batch_norm_starts_afresh():
    model, inputs = Digits(), floats(32, 1, 8, 8)
    model.norm.running_var.fill_(1e8)
    *hidden, _ = spreads(initialise(model, "unit_variance", inputs), inputs)
    assert hidden == pytest.approx([1] * 3, abs=0.1)
    assert torch.equal(model.norm.running_var, torch.ones(4))


def test_a_layer_of_one_input_is_no_bias():
    model, inputs = Bag(), floats(32, 9)
    assert spreads(initialise(model, "unit_variance", inputs), inputs)[:2] == pytest.approx([1, 1], abs=0.1)


def test_overflow_is_no_obstacle():
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    inputs = 1e38 * floats(32, 5)
    assert spreads(initialise(model, "unit_variance", inputs), inputs)[1] == pytest.approx(1, abs=0.1)


def test_matrices_without_a_layer_count_and_their_biases():
    model, inputs = ByHand(), floats(64, 5)
    initialise(model, "unit_variance", inputs)
    assert float((inputs @ model.w1).detach().std()) == pytest.approx(1, abs=0.1)
    assert not model.b1.any()
    assert model.w2.std() > 0
    assert model.w2.abs().max() <= 0.25  # 1 / sqrt(16)


def test_default_gives_what_the_constructor_gives():
    torch.manual_seed(0)
    model = initialise(Recurrent(), "default", tokens())
    assert float(model.embed.weight[1:].detach().std()) == pytest.approx(1, abs=0.3)
    assert not model.embed.weight[0].any()
    bound = model.out.in_features**-0.5
    assert float(model.out.weight.detach().abs().max()) <= bound
    transformer = Transformer(table=True)
    before = transformer.table.clone()
    initialise(transformer, "default", tokens())
    assert torch.equal(transformer.table, before)
    assert not transformer.encode.layers[0].self_attn.out_proj.bias.any()


def test_a_persons_own_way_to_reset_a_layer_is_not_asked():
    class Bad(nn.Linear):
        def reset_parameters(self):
            nn.init.constant_(self.weight, 7.0)
            nn.init.constant_(self.bias, 7.0)

    model = nn.Sequential(Bad(5, 4), nn.ReLU(), nn.Linear(4, 2))
    assert float(initialise(model, "default", floats(8, 5))[0].weight.detach().max()) < 1


def test_he_weights_have_the_variance_of_he():
    model = initialise(nn.Sequential(nn.Linear(50, 400), nn.ReLU(), nn.Linear(400, 3)), "he", floats(8, 50))
    assert float(model[0].weight.detach().std()) == pytest.approx((2 / 50) ** 0.5, rel=0.05)
    assert not model[0].bias.any()


def test_frozen_layers_stay():
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    initialise(model, "unit_variance", floats(32, 5))
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize(
    ("model", "how", "inputs"),
    [
        (nn.Sequential(nn.Flatten(), nn.ReLU()), "default", floats(8, 5)),
        (nn.Embedding(9, 3), "unit_variance", tokens()),
        (nn.Linear(5, 3), "xavier", floats(8, 5)),
        (nn.Linear(4, 3), "he", floats(8, 5)),
        (nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 3)), "unit_variance", torch.full((8, 5), float("nan"))),
    ],
)
def test_what_cannot_be_initialised_is_said(model, how, inputs):
    with pytest.raises(NotAskable):
        initialise(model, how, inputs)

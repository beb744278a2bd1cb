"""Wider, deeper, with skips, or another model: the shape stays, the capacity grows, the fault of the start stays."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from goodfit.models.surgery import NotAskable
from goodfit.models.surgery.capacity import deepen, residual, stand_in, widen
from goodfit.models.units import Residual
from tests.models.surgery_models import MODELS, ByHand, Recurrent, Transformer, floats, learns, perceptron, tokens

HIDDEN = sorted(set(MODELS) - {"by hand"})
EDITS = {"widen": lambda m, x: widen(m, 3, x), "deepen": lambda m, x: deepen(m, 2, x)}


def size(model):
    return sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", HIDDEN)
def test_more_parameters_and_the_same_outputs(name, edit):
    make, inputs = MODELS[name]
    model = make()
    before, shape = size(model), model.eval()(inputs).shape
    changed = EDITS[edit](model.train(), inputs)
    assert changed.training
    assert size(changed) > before
    assert changed.eval()(inputs).shape == shape
    assert learns(changed, inputs) == []


def test_every_hidden_width_grows_and_no_other():
    widths = [
        each.out_features for each in widen(perceptron(), 4, floats(8, 5)).modules() if isinstance(each, nn.Linear)
    ]
    assert widths == [32, 8, 32, 3]
    tagger = widen(Recurrent(), 2, tokens())
    assert (tagger.embed.embedding_dim, tagger.read.hidden_size, tagger.out.in_features) == (16, 24, 24)
    assert not tagger.embed.weight[0].any()
    transformer = widen(Transformer(table=True), 2, tokens())
    assert transformer.table.shape == (7, 16)
    assert transformer.encode.layers[1].self_attn.embed_dim == 16


def test_a_wider_network_keeps_the_way_it_was_initialised():
    model = nn.Sequential(nn.Linear(50, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 3))
    nn.init.constant_(model[0].bias, -8.0)
    nn.init.normal_(model[2].weight, std=1e-3)
    wide = widen(model, 4, floats(8, 50))  # four times the inputs, the same variance
    assert torch.equal(wide[0].bias, torch.full((400,), -8.0))
    assert float(wide[2].weight.detach().std()) == pytest.approx(0.5e-3, rel=0.05)
    deep = deepen(model, 1, floats(8, 50))
    assert torch.equal(deep[0][2].bias, torch.full((100,), -8.0))


def test_deeper_networks_use_the_activation_and_normalisation_they_have():
    tanh = deepen(nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)), 1, floats(8, 5))
    assert [type(each) for each in tanh[0]] == [nn.Linear, nn.BatchNorm1d, nn.Tanh, nn.Linear]
    assert len(deepen(Transformer(), 2, tokens()).encode.layers) == 4
    assert deepen(Recurrent(), 1, tokens()).read.num_layers == 2

    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.last(functional.gelu(self.first(x))) / self.first.out_features

    assert isinstance(deepen(Functional(), 1, floats(8, 5)).first[1], nn.GELU)


def test_skips_go_around_a_layer_and_what_follows_it():
    make, inputs = MODELS["square"]
    model = residual(make(), True, inputs)
    (block,) = (each for each in model.modules() if isinstance(each, Residual))
    assert [type(each) for each in block.block] == [nn.Linear, nn.BatchNorm1d, nn.Tanh]
    assert learns(model, inputs) == []
    make, inputs = MODELS["digits"]
    assert isinstance(residual(make(), True, inputs).conv2, Residual)


def test_gradients_reach_the_start_of_a_deep_network_through_skips():
    torch.manual_seed(0)
    layers = [each for _ in range(20) for each in (nn.Linear(8, 8), nn.Sigmoid())]
    plain, inputs = nn.Sequential(*layers, nn.Linear(8, 1)), floats(8, 8)
    skips = residual(plain, True, inputs)
    norms = []
    for model in (plain, skips):
        model(inputs).sum().backward()
        norms.append(float(next(model.parameters()).grad.norm()))
    assert norms[1] > 1e3 * norms[0]


@pytest.mark.parametrize("kind", ["auto", "linear", "mlp"])
@pytest.mark.parametrize("name", MODELS)
def test_the_standard_model_has_the_shapes_of_the_other(name, kind):
    make, inputs = MODELS[name]
    model = make()
    standard = stand_in(model, kind, inputs)
    assert standard.eval()(inputs).shape == model.eval()(inputs).shape
    assert learns(standard, inputs) == []


def test_the_standard_model_of_codes_sees_order_and_minds_its_padding():
    model = stand_in(Recurrent(labels=False), "auto", tokens().index_fill(1, torch.tensor([6]), 0)).eval()
    codes = tokens(4)
    padded = functional.pad(codes, (0, 3))
    assert torch.allclose(model(codes), model(padded), atol=1e-5)
    assert not torch.allclose(model(codes), model(codes.flip(1)), atol=1e-3)


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Softmax(dim=1), nn.LogSoftmax(dim=1), nn.Tanh()])
def test_the_output_activation_stays(end):
    inputs = floats(8, 5)
    model = stand_in(nn.Sequential(nn.Linear(5, 3), end), "auto", inputs)
    assert type(model[-1]) is type(end)


def test_a_code_of_zero_that_is_a_word_is_read():
    codes = torch.randint(0, 9, (32, 7), generator=torch.Generator().manual_seed(0))
    model = stand_in(Transformer(), "auto", codes).eval()
    one, other = torch.zeros(1, 7).long(), torch.zeros(1, 7).long()
    other[0, 0] = 1
    assert not torch.allclose(model(one)[..., 6], model(other)[..., 6])


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(5, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.hidden(x).view(-1, 8))


@pytest.mark.parametrize(
    ("edit", "model", "inputs"),
    [
        (lambda m, x: widen(m, 2, x), nn.Linear(5, 3), floats(8, 5)),
        (lambda m, x: widen(m, 2, x), Fixed(), floats(8, 5)),
        (lambda m, x: widen(m, 2, x), ByHand(), floats(8, 5)),
        (lambda m, x: deepen(m, 1, x), nn.Linear(5, 3), floats(8, 5)),
        (lambda m, x: residual(m, True, x), perceptron(), floats(8, 5)),
        (lambda m, x: stand_in(m, "cnn", x), perceptron(), floats(8, 5)),
        (lambda m, x: stand_in(m, "auto", x), perceptron(), floats(8, 6)),
    ],
)
def test_what_cannot_grow_is_said(edit, model, inputs):
    with pytest.raises(NotAskable):
        edit(model, inputs)

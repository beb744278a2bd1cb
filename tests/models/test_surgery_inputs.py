"""What wrappers do to inputs and gradients, and that nothing of it stays behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.models.surgery import NotAskable, rebuilt
from goodfit.models.surgery.inputs import attached, standardise, true_lengths, unpadded
from tests.models.surgery_models import Bag, Recurrent, floats, learns, perceptron, tokens


class Cut(nn.Module):
    """The first layer gets no gradient."""

    def __init__(self, cut):
        super().__init__()
        self.first, self.last, self.cut = nn.Linear(5, 8), nn.Linear(8, 3), cut

    def forward(self, x):
        return self.last(torch.tanh(self.cut(self.first, x)))


def without_gradient(layer, x):
    with torch.no_grad():
        return layer(x)


def switched(layer, x):
    torch.set_grad_enabled(False)
    hidden = layer(x)
    torch.set_grad_enabled(True)
    return hidden


@torch.no_grad()
def decorated(layer, x):
    return layer(x)


CUTS = {
    "detach": lambda layer, x: layer(x).detach(),
    "torch.detach": lambda layer, x: torch.detach(layer(x)),
    "detach_": lambda layer, x: layer(x).detach_(),
    "data": lambda layer, x: layer(x).data,
    "weight.data": lambda layer, x: nn.functional.linear(x, layer.weight.data, layer.bias.data),
    "no_grad": without_gradient,
    "set_grad_enabled": switched,
    "decorator": decorated,
}


@pytest.mark.parametrize("name", CUTS)
def test_gradients_reach_what_was_cut_off(name):
    inputs, model = floats(8, 5), Cut(CUTS[name])
    before = model(inputs)
    state = torch.get_rng_state()
    wrapped = attached(model, True, inputs)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(wrapped(inputs), before)
    assert learns(wrapped, inputs) == []
    assert torch.is_grad_enabled()
    with torch.no_grad():
        assert name == "set_grad_enabled" or not wrapped(inputs).requires_grad  # that one turns them on itself
        assert not torch.is_grad_enabled()
    assert not floats(2).requires_grad_().detach().requires_grad


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.mean = nn.Linear(5, 3), torch.zeros(3)

    def forward(self, x):
        outputs = self.layer(x)
        self.mean = 0.9 * self.mean + 0.1 * outputs.detach().mean(0)
        return outputs - self.mean


class Overflow(nn.Module):
    def forward(self, x):
        return torch.exp(1e3 * x)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (perceptron(), "nothing"),
        (nn.Sequential(nn.Linear(5, 3), Overflow()), "nothing"),
        (Cut(lambda layer, x: layer(x) + 0 * x.detach().mean()), "nothing"),
        (Cut(lambda layer, x: torch.from_numpy(layer(x).detach().numpy())), "relies"),
        (Remembers(), "relies"),
    ],
)
def test_a_forward_that_cuts_nothing_or_must_is_not_asked(model, reason):
    with pytest.raises(NotAskable, match=reason):
        attached(model, True, floats(8, 5))


def test_standardised_inputs_reach_the_model():
    inputs = 100 + 30 * floats(64, 5)
    inputs[:, 4] = 7
    model = standardise(nn.Identity(), (inputs.mean(0), inputs.std(0)), inputs)
    seen = model(inputs)
    assert torch.allclose(seen.mean(0), torch.zeros(5), atol=1e-4)
    assert torch.allclose(seen.std(0), torch.tensor([1.0, 1, 1, 1, 0]), atol=1e-4)
    assert set(model.state_dict()) == {"mean", "std"}
    assert learns(standardise(perceptron(), (inputs.mean(0), inputs.std(0)), inputs), inputs) == []
    maps = floats(8, 3, 4, 4)
    channels = (maps.mean((0, 2, 3), keepdim=True)[0], maps.std((0, 2, 3), keepdim=True)[0])
    assert standardise(nn.Identity(), channels, maps)(maps).shape == maps.shape


@pytest.mark.parametrize(("inputs", "shape"), [(tokens(), (7,)), (floats(8, 5), (4,)), (floats(8, 1), (5,))])
def test_codes_and_foreign_shapes_are_not_standardised(inputs, shape):
    with pytest.raises(NotAskable):
        standardise(nn.Identity(), (torch.zeros(shape), torch.ones(shape)), inputs)


def padded(inputs):
    """Rows that end at different places."""
    ends = torch.arange(len(inputs)) % inputs.shape[1] + 1
    return inputs.masked_fill(torch.arange(inputs.shape[1]) >= ends[:, None], 0), ends


def test_lengths_end_at_the_last_step_that_is_not_padding():
    assert true_lengths(torch.tensor([[1, 0, 2, 0], [0, 0, 0, 0], [1, 1, 1, 1]]), 0).tolist() == [3, 1, 4]
    assert true_lengths(torch.tensor([[[0.0, 1], [0, 0]], [[0, 0], [2, 0]]]), 0).tolist() == [1, 2]
    assert true_lengths(torch.tensor([[4, 9, 9]]), 9).tolist() == [1]


def test_a_mean_no_longer_depends_on_the_padding():
    torch.manual_seed(0)
    inputs, ends = padded(floats(32, 9))
    model = Bag()
    alone = torch.cat([model(row[None, :end]) for row, end in zip(inputs, ends, strict=True)])
    assert not torch.allclose(model(inputs), alone, atol=1e-3)
    wrapped = unpadded(model, 0, inputs)
    assert torch.allclose(wrapped(inputs), alone, atol=1e-6)
    assert torch.allclose(wrapped(nn.functional.pad(inputs, (0, 5))), alone, atol=1e-6)
    assert learns(wrapped, inputs) == []


@pytest.mark.parametrize("labels", [True, False])
def test_recurrent_states_end_with_the_row(labels):
    codes, ends = padded(tokens())
    model = Recurrent(labels=labels)
    outputs = unpadded(model, 0, codes)(codes)
    assert outputs.shape == model(codes).shape
    for row, end, output in zip(codes, ends, outputs, strict=True):
        expected = model(row[None, :end])[0]
        assert torch.allclose(output[:, :end] if labels else output, expected, atol=1e-6)
        assert not labels or not output[:, end:].any()


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (Bag(), floats(8, 9)),
        (Recurrent(), torch.randint(0, 6, (32, 7), generator=torch.Generator().manual_seed(0))),
        (nn.Linear(9, 1), padded(floats(8, 9))[0]),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), floats(8, 1, 8, 8)),
        (nn.Sequential(nn.Embedding(9, 3), nn.BatchNorm1d(7)), padded(tokens())[0]),
    ],
)
def test_models_of_one_length_and_rows_without_padding_are_not_asked(model, inputs):
    with pytest.raises(NotAskable):
        unpadded(model, 0, inputs)


def test_edits_of_inputs_weights_and_positions_go_together():
    inputs, _ = padded(1000 * floats(32, 9))
    edits = {"standardise": (inputs.mean(), inputs.std()), "unpadded": 0, "initialisation": "unit_variance"}
    model = rebuilt(Bag, inputs, position=True, **edits)
    first = model.module.module.each[0]
    seen = []
    first[0].register_forward_hook(lambda layer, args, output: seen.append(output.detach()))
    model.module(inputs)
    assert float(seen[0].std()) == pytest.approx(1, abs=0.1)
    assert learns(model, inputs) == []


def test_padding_along_the_last_axis_is_cut_off_as_well():
    inputs, ends = padded(floats(32, 9))
    clips = inputs[:, None] if inputs.dim() == 2 else inputs.transpose(1, 2)
    model = nn.Sequential(nn.Conv1d(clips.shape[1], 4, 3, padding=1), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    alone = torch.cat([model(row[None, :, :end]) for row, end in zip(clips, ends, strict=True)])
    wrapped = unpadded(model, 0, clips)
    assert not torch.allclose(model(clips), alone, atol=1e-3)
    assert torch.allclose(wrapped(clips), alone, atol=1e-6)
    assert learns(wrapped, clips) == []

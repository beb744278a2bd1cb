"""What a network is made of, against facts known by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from goodfit.models.anatomy import Anatomy, anatomy
from tests.models.networks import NETS, same, state


def of(name: str) -> Anatomy:
    return anatomy(NETS[name].factory(), NETS[name].sample())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("training", [True, False])
def test_measuring_changes_nothing(name: str, training: bool) -> None:
    module = NETS[name].factory().train(training)
    before = state(module)
    anatomy(module, NETS[name].sample())
    assert same(before, state(module))


def test_a_network_that_keeps_notes_in_forward_is_put_back() -> None:
    class Notes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 2)
            self.register_buffer("seen", torch.zeros(1))
            self.last: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            self.seen += 1
            self.last, self.new = x, torch.rand(1)
            self.layer.weight.data.mul_(0.9)
            return self.layer(x)

    module, sample = Notes(), torch.randn(3, 5)
    before = state(module)
    anatomy(module, sample)
    assert same(before, state(module))
    assert module.last is None


def test_a_failing_forward_raises_its_own_error_and_leaves_no_hooks() -> None:
    module, sample = NETS["mlp"].factory(), torch.randn(3, 4)
    before = state(module)
    with pytest.raises(RuntimeError, match="shapes"):
        anatomy(module, sample)
    assert same(before, state(module))


ACTIVATIONS = {
    "mlp": [("relu", False, False), ("tanh", False, False)],
    "cnn": [("relu", False, False), ("relu", False, False)],
    "deep_linear": [],
    "functional": [("relu", True, False), ("relu", True, False), ("softmax", True, True)],
    "tagger": [("transformer", False, False), ("transformer", False, False)],
    "recurrent": [],
    "custom": [("exp", False, False), ("sigmoid", False, True)],
    "listed": [("relu", False, False), ("relu", True, False)],
    "shared": [("sigmoid", False, False), ("sigmoid", False, True)],
    "attention": [("tanh", True, False)],
    "bare": [("relu", True, False)],
}


@pytest.mark.parametrize("name", NETS)
def test_activations_in_order(name: str) -> None:
    found = of(name)
    assert [(each.kind, each.functional, each.output) for each in found.activations] == ACTIVATIONS[name]
    assert found.hidden == sum(not output for _, _, output in ACTIVATIONS[name])
    assert found.output_activation == next((kind for kind, _, output in ACTIVATIONS[name] if output), None)


LAYERS = {
    "mlp": ["linear"] * 3,
    "cnn": ["conv2d", "conv2d", "linear"],
    "deep_linear": ["linear"] * 3,
    "functional": ["linear"] * 3,
    "tagger": ["embedding", *["attention", "linear", "linear", "linear"] * 2, "linear"],
    "recurrent": ["gru", "linear"],
    "custom": ["linear"] * 2,
    "listed": ["linear"] * 3,
    "shared": ["linear"] * 2,
    "attention": ["linear"] * 5,
    "bare": ["linear"] * 2,
}


@pytest.mark.parametrize("name", NETS)
def test_layers_in_order(name: str) -> None:
    found = of(name)
    assert [each.kind for each in found.layers] == LAYERS[name]
    assert found.last == found.layers[-1]
    assert found.straight == (2 if name == "deep_linear" else 0)


def test_kinds_of_network() -> None:
    tagger, recurrent, attention, mlp = of("tagger"), of("recurrent"), of("attention"), of("mlp")
    assert (tagger.tokens, tagger.attention, tagger.recurrent) == (True, True, False)
    assert (recurrent.tokens, recurrent.attention, recurrent.recurrent) == (False, False, True)
    assert attention.attention
    assert (mlp.tokens, mlp.attention, mlp.recurrent) == (False, False, False)


def test_hidden_and_frozen_parameters() -> None:
    found = of("listed")
    assert found.unregistered == ("layers[0]", "layers[2]", "extra['bias']")
    assert found.frozen == ("head.weight",)
    assert not any(each.trainable for each in found.layers)
    assert of("mlp").unregistered == of("mlp").frozen == ()


def test_normalisations_and_dropouts() -> None:
    (norm,) = of("cnn").normalisations
    assert (norm.name, norm.kind, norm.momentum, norm.tracks, norm.features) == ("1", "batch", 0.9, True, 4)
    assert [each.p for each in of("functional").dropouts] == [0.1]
    assert len(of("tagger").dropouts) == 8
    assert {each.kind for each in of("tagger").normalisations} == {"layer"}


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in"),
    [
        (nn.Linear(40, 300), (2, 40), 40),
        (nn.Conv2d(8, 64, 3), (2, 8, 5, 5), 72),
        (nn.ConvTranspose1d(8, 64, 5), (2, 8, 5), 320),
        (nn.GRU(30, 100), (2, 4, 30), 30),
        (nn.LSTMCell(30, 100), (2, 30), 30),
    ],
)
def test_default_weights_have_the_expected_deviation(layer: nn.Module, shape: tuple[int, ...], fan_in: int) -> None:
    (found,) = anatomy(nn.ModuleList([layer])[0], torch.randn(shape)).layers
    assert found.fan_in == fan_in
    assert found.weight_std == pytest.approx(found.expected_std, rel=0.05)
    assert not found.constant
    assert found.twins == 0


def test_constant_zero_and_twin_weights() -> None:
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        module[0].weight.fill_(0.5)
        module[2].weight[1] = module[2].weight[0]
        module[4].weight.zero_()
        module[4].bias.copy_(torch.tensor([1.0, -3.0]))
    first, second, third = anatomy(module, torch.randn(3, 4)).layers
    assert (first.constant, first.zero, first.twins, first.weight_std) == (True, False, 1.0, 0.0)
    assert (second.constant, second.twins) == (False, 0.5)
    assert (third.zero, third.bias_mean, third.bias_largest) == (True, -1.0, 3.0)
    assert first.expected_std == pytest.approx(1 / math.sqrt(12))


class Ends(nn.Module):
    def __init__(self, end: object) -> None:
        super().__init__()
        self.layer, self.end = nn.Linear(5, 3), end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.layer(x))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("end", "kind", "hidden"),
    [
        (lambda x: torch.sigmoid(x).reshape(-1), "sigmoid", 0),
        (lambda x: nn.Softmax(dim=0)(x), "softmax", 0),
        (lambda x: torch.sigmoid(x) * 2, None, 1),
        (lambda x: 1 / (1 + torch.exp(-x)), None, 0),
        (lambda x: torch.exp(x) / torch.exp(x).sum(1, keepdim=True), None, 0),
        (lambda x: nn.functional.log_softmax(x, -1), "log_softmax", 0),
        (lambda x: x, None, 0),
    ],
)
def test_output_activation(end: object, kind: str | None, hidden: int) -> None:
    found = anatomy(Ends(end), torch.randn(4, 5))
    assert found.output_activation == kind
    assert found.hidden == hidden
    if kind == "softmax":
        assert found.softmax_axis == 0


def test_a_sigmoid_written_by_hand_is_known_by_what_it_does() -> None:
    class Mine(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1 / (1 + torch.exp(-x))

    class Shares(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.exp(x) / torch.exp(x).sum(1, keepdim=True)

    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / 2

    for end, kind in ((Mine(), "sigmoid"), (Shares(), "softmax"), (Half(), None)):
        assert anatomy(nn.Sequential(nn.Linear(5, 3), end), torch.randn(4, 5)).output_activation == kind


def test_layers_made_in_forward_are_seen() -> None:
    class Fresh(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            return nn.Linear(4, 2)(self.layer(x))

    found = anatomy(Fresh(), torch.randn(4, 5))
    assert [each.trainable for each in found.layers] == [True, False]
    assert found.unregistered == ("linear made in forward",)
    assert found.straight == 1


def test_gates_of_a_cell_written_by_hand_are_no_activations() -> None:
    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.head = nn.Linear(10, 24), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = c = torch.zeros(len(x), 6)
            for t in range(x.shape[1]):
                i, f, g, o = self.gates(torch.cat([x[:, t], h], 1)).chunk(4, 1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            return self.head(h)

    found = anatomy(Cell(), torch.randn(3, 5, 4))
    assert found.activations == ()
    assert len(found.layers) == 2


def test_measuring_between_forward_and_backward_disturbs_neither() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)]
            self.register_buffer("nothing", torch.tensor([float("nan")]))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return x * torch.nan_to_num(1 + 0 * self.nothing, 1.0)

    module, sample = Listed(), torch.randn(6, 5)
    loss = module(sample).square().mean()
    before = state(module)
    anatomy(module, sample)
    loss.backward()
    assert same(before["tensors"]["layers[1].running_mean"], module.layers[1].running_mean)
    assert all(p.grad is not None for layer in module.layers for p in layer.parameters())

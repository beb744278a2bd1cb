"""Every edit on every kind of network: the change happened, nothing else did, and the network still learns."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from goodfit.core.recipe import Recipe
from goodfit.models.anatomy import Anatomy, anatomy
from goodfit.models.surgery import EDITS, NotAskable, rebuilt
from tests.models.networks import NETS, same, state

ASKED: dict[str, list[Any]] = {
    "activation": ["leaky_relu", "relu"],
    "output": ["none", "sigmoid", "softmax"],
    "normalisation": ["batch", "layer", "group", "none", "momentum"],
    "dropout": [0.0, 0.5],
    "trainable": ["all"],
}
NONE, ALREADY = "ends in no activation", "already"
NO_NORM, NO_LAYER, DEFAULT = "no batch normalisation", "no hidden linear", "settings of its own"
NO_BATCH = {("normalisation", "none"): NO_NORM, ("normalisation", "momentum"): DEFAULT}
NOTHING_HIDDEN = {("normalisation", value): NO_LAYER for value in ("batch", "layer", "group")}
TRAINS = {("trainable", "all"): ALREADY}
NO_DROPOUT = {("dropout", 0.0): "no dropout"}
BARE_END = {("output", "none"): NONE}
HAS_RELU = {("activation", "relu"): "every hidden activation is relu already"}
NO_UNITS = {("activation", value): "no hidden activation" for value in ("leaky_relu", "relu")}
HAS_BATCH = {("normalisation", "batch"): "normalised already"}
REFUSED: dict[str, dict[tuple[str, Any], str]] = {
    "mlp": {**BARE_END, **NO_BATCH, **TRAINS},
    "cnn": {**HAS_RELU, **BARE_END, **HAS_BATCH, **NO_DROPOUT, **TRAINS},
    "deep_linear": {**BARE_END, **HAS_BATCH, ("normalisation", "momentum"): DEFAULT, **NO_DROPOUT, **TRAINS},
    "functional": {**HAS_RELU, ("output", "softmax"): "ends in softmax already", **NO_BATCH, **TRAINS},
    "tagger": {
        **HAS_RELU,
        **BARE_END,
        **NOTHING_HIDDEN,
        **HAS_BATCH,
        **NO_BATCH,
        **TRAINS,
        ("normalisation", "layer"): "normalised that way already",
    },
    "recurrent": {**NO_UNITS, **BARE_END, **NOTHING_HIDDEN, **NO_BATCH, **NO_DROPOUT, **TRAINS},
    "custom": {
        **NO_BATCH,
        **NO_DROPOUT,
        **TRAINS,
        ("output", "sigmoid"): "ends in sigmoid already",
        ("output", "softmax"): "a softmax over one output",
    },
    "listed": {**HAS_RELU, **BARE_END, **NO_BATCH, **NO_DROPOUT},
    "shared": {("output", "sigmoid"): "ends in sigmoid already", **NO_BATCH, **NO_DROPOUT, **TRAINS},
    "attention": {**BARE_END, **NO_BATCH, **NO_DROPOUT, **TRAINS},
    "bare": {**HAS_RELU, **BARE_END, **NOTHING_HIDDEN, **NO_BATCH, **NO_DROPOUT, **TRAINS},
}
"""What cannot be asked of a network, with words of the reason; all else must work."""


def hidden_kinds(found: Anatomy) -> list[str]:
    return [each.kind for each in found.activations if not each.output]


def held_activation(value: str, before: Anatomy, after: Anatomy) -> bool:
    kinds = hidden_kinds(after)
    return len(kinds) == max(before.hidden, before.straight) and set(kinds) <= {value, "transformer"}


def held_output(value: str, before: Anatomy, after: Anatomy) -> bool:
    changed = after.output_activation == (None if value == "none" else value)
    return changed and hidden_kinds(after) == hidden_kinds(before)


def held_normalisation(value: str, before: Anatomy, after: Anatomy) -> bool:
    kinds = [each.kind for each in after.normalisations]
    if value == "none":
        return "batch" not in kinds
    if value == "momentum":
        return [each.momentum for each in after.normalisations if each.kind == "batch"] == [0.1]
    mine = {"batch"} if value == "batch" else {"layer", "group"}
    return bool(kinds) and set(kinds) <= mine and hidden_kinds(before) == hidden_kinds(after)


def held_dropout(value: float, before: Anatomy, after: Anatomy) -> bool:
    return (bool(after.dropouts) or value == 0) and {each.p for each in after.dropouts} <= {value}


def held_trainable(value: str, before: Anatomy, after: Anatomy) -> bool:
    return not after.unregistered and not after.frozen and all(each.trainable for each in after.layers)


HELD: dict[str, Callable[[Any, Anatomy, Anatomy], bool]] = {
    "activation": held_activation,
    "output": held_output,
    "normalisation": held_normalisation,
    "dropout": held_dropout,
    "trainable": held_trainable,
}
CASES = [(name, edit, value) for name in NETS for edit, values in ASKED.items() for value in values]


@pytest.mark.parametrize(("name", "edit", "value"), [case for case in CASES if case[1:] not in REFUSED[case[0]]])
def test_every_edit_that_can_be_made(name: str, edit: str, value: Any) -> None:
    net = NETS[name]
    sample = net.sample()
    torch.manual_seed(0)
    original = net.factory()
    before, untouched = anatomy(original, sample), state(original)
    torch.manual_seed(0)
    module = rebuilt(net.factory, sample, **{edit: value})
    after = anatomy(module, sample)
    assert HELD[edit](value, before, after)
    assert [each.weight_std for each in after.layers] == [each.weight_std for each in before.layers]
    assert module.eval()(sample).shape == original.eval()(sample).shape
    learns(module, sample)
    assert same(untouched["tensors"], state(original)["tensors"])


@pytest.mark.parametrize(("name", "edit", "value"), [(name, *asked) for name in NETS for asked in REFUSED[name]])
def test_every_edit_that_cannot_be_made_says_why_and_leaves_the_module_alone(name: str, edit: str, value: Any) -> None:
    module, sample = NETS[name].factory(), NETS[name].sample()
    before = state(module)
    with pytest.raises(NotAskable, match=REFUSED[name][edit, value]):
        EDITS[edit](module, value, sample)
    assert same(before, state(module))


def learns(module: nn.Module, sample: Tensor) -> None:
    start = {name: each.clone() for name, each in module.state_dict().items()}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module.train()
    outputs = module(sample)
    (outputs - torch.linspace(0, 1, outputs.numel()).reshape(outputs.shape)).square().mean().backward()
    optimizer.step()
    assert not same(start, module.state_dict())
    assert torch.isfinite(module.eval()(sample)).all()


def test_without_edits_the_factory_speaks_alone() -> None:
    module = nn.Linear(2, 2)
    assert rebuilt(lambda: module, torch.zeros(1, 2)) is module


def test_an_unknown_edit_or_value_is_named() -> None:
    with pytest.raises(TypeError, match="Unknown edit 'activations'"):
        rebuilt(NETS["mlp"].factory, torch.zeros(1, 5), activations="relu")
    for edit in ("activation", "output", "normalisation", "trainable"):
        with pytest.raises(ValueError, match=f"'{edit}' parameter must be"):
            rebuilt(NETS["mlp"].factory, torch.zeros(1, 5), **{edit: "x"})
    with pytest.raises(ValueError, match="'dropout' parameter must be"):
        rebuilt(NETS["mlp"].factory, torch.zeros(1, 5), dropout=1.0)


def test_the_recipe_names_the_edit() -> None:
    control = Recipe(model=partial(rebuilt, NETS["mlp"].factory, torch.zeros(1, 5)))
    treated = Recipe(model=partial(rebuilt, *control.model.args, activation="tanh"))  # type: ignore[attr-defined]
    assert control.diff(treated) == ("model.activation",)


def test_every_edit_is_registered_structure_before_what_is_set_on_it() -> None:
    structure = ["stand_in", "width", "depth", "activation", "output", "normalisation", "residual", "dropout"]
    assert list(EDITS)[: len(structure)] == structure
    assert {"position", "initialisation", "trainable", "attached", "standardise"} <= set(EDITS)


@pytest.mark.parametrize("name", ["functional", "shared"])
def test_edits_together(name: str) -> None:
    net = NETS[name]
    edits = {"activation": "tanh", "output": "none", "normalisation": "layer", "dropout": 0.3}
    module = rebuilt(net.factory, net.sample(), **edits)
    found = anatomy(module, net.sample())
    assert set(hidden_kinds(found)) == {"tanh"}
    assert found.output_activation is None
    assert {each.p for each in found.dropouts} == {0.3}
    assert found.normalisations
    learns(module, net.sample())


def test_swapped_calls_give_what_the_network_with_that_call_would_give() -> None:
    net = NETS["functional"]
    torch.manual_seed(0)
    plain: Any = net.factory()
    torch.manual_seed(0)
    module = rebuilt(net.factory, net.sample(), activation="tanh", output="none").eval()
    x = torch.tanh(plain.first(net.sample()))
    assert torch.equal(module(net.sample()), plain.last(torch.tanh(plain.second(x))))
    assert [name for name, _ in module.named_modules()][:2] == ["", "module"]
    assert len(list(module.parameters())) == 6


def test_a_copy_of_an_edited_network_stands_alone() -> None:
    for name in ("functional", "shared", "listed"):
        module = rebuilt(NETS[name].factory, NETS[name].sample(), activation="tanh").eval()
        twin = copy.deepcopy(module)
        expected = module(NETS[name].sample())
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.zero_()
        assert torch.equal(twin(NETS[name].sample()), expected)


def test_dropout_in_an_edited_network_follows_the_mode() -> None:
    for name in ("functional", "cnn", "recurrent", "tagger"):
        module = rebuilt(NETS[name].factory, NETS[name].sample(), dropout=0.5)
        sample = NETS[name].sample()
        module(sample)
        assert not torch.equal(module.train()(sample), module(sample))
        assert torch.equal(module.eval()(sample), module(sample))


def test_the_mended_batch_normalisation_starts_afresh() -> None:
    def factory() -> nn.Module:
        norm = nn.BatchNorm1d(4, momentum=0.9, eps=0.1, track_running_stats=False)
        return nn.Sequential(nn.Linear(3, 4), norm, nn.ReLU(), nn.Linear(4, 2))

    module: Any = rebuilt(factory, torch.randn(4, 3), normalisation="momentum")
    module(torch.randn(8, 3))
    assert (module[1].momentum, module[1].eps, int(module[1].num_batches_tracked)) == (0.1, 1e-5, 1)
    assert "1.running_mean" in module.state_dict()


def test_weights_of_a_normalised_layer_can_still_be_read() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = nn.Linear(5, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.relu(self.layer(x.to(self.layer.weight.dtype))))

    for edit in ({"normalisation": "batch"}, {"activation": "tanh"}):
        learns(rebuilt(Reads, torch.randn(4, 5), **edit), torch.randn(8, 5))


def test_normalising_tokens_normalises_features() -> None:
    def factory() -> nn.Module:
        return nn.Sequential(nn.Embedding(9, 5), nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))

    tokens = torch.randint(0, 9, (4, 7))
    for value, kind in (("batch", "batch"), ("layer", "layer"), ("group", "layer")):
        found = anatomy(rebuilt(factory, tokens, normalisation=value), tokens)
        assert [(each.kind, each.features) for each in found.normalisations] == [(kind, 8)]


def test_a_softmax_over_the_rows_is_put_right() -> None:
    def factory() -> nn.Module:
        return nn.Sequential(nn.Linear(5, 3), nn.Softmax(dim=0))

    shares = rebuilt(factory, torch.randn(4, 5), output="softmax")(torch.randn(6, 5))
    assert torch.allclose(shares.sum(1), torch.ones(6))

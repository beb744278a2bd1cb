"""Shapes, parameters and neighbourhoods of the fully connected networks."""

from __future__ import annotations

import itertools

import pytest
import torch

from goodfit.core.errors import SettingsError
from goodfit.core.task import Signature
from goodfit.models import FACTORIES, keywords, linear, mlp
from goodfit.models.entry import embedding_width
from goodfit.models.summary import layers, parameter_count

ROW, PICTURE = Signature((5,), 3), Signature((2, 4, 4), 3)
CODES, TOKENS = Signature((6,), 3, (30, 70)), Signature((2,), 3, (20, 9), tokens=True)


def batch(signature):
    if signature.tokens:
        return torch.randint(1, 9, (4, 7, 2))
    inputs = torch.rand(4, *signature.inputs)
    if signature.categories:
        inputs[:, -2:] = torch.randint(0, 30, (4, 2)).float()
    return inputs


@pytest.mark.parametrize("signature", [ROW, PICTURE, CODES, TOKENS])
@pytest.mark.parametrize("make", [linear, mlp])
def test_outputs_have_the_promised_shape(make, signature):
    outputs = make(signature)(batch(signature))
    assert outputs.shape == ((4, 3, 7) if signature.tokens else (4, 3))


@pytest.mark.parametrize(
    ("activation", "normalisation", "dropout", "residual"),
    list(
        itertools.product(
            ["relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"], ["none", "batch", "layer"], [0, 0.3], [0, 1]
        )
    ),
)
def test_every_combination_builds_and_learns_a_gradient(activation, normalisation, dropout, residual):
    model = mlp(
        ROW,
        depth=3,
        width=8,
        activation=activation,
        normalisation=normalisation,
        dropout=dropout,
        residual=bool(residual),
    )
    model(batch(ROW)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_parameters_by_hand():
    assert parameter_count(mlp(ROW, width=8, depth=2)) == (5 * 8 + 8) + (8 * 8 + 8) + (8 * 3 + 3)
    assert parameter_count(linear(PICTURE)) == 32 * 3 + 3
    wide = embedding_width(30) + embedding_width(70)
    assert parameter_count(linear(CODES)) == 30 * embedding_width(30) + 70 * embedding_width(70) + (4 + wide) * 3 + 3


@pytest.mark.parametrize(("kernel", "reach"), [(1, 0), (3, 1), (5, 2)])
def test_a_window_sees_its_neighbours_and_no_further(kernel, reach):
    torch.manual_seed(0)
    model = mlp(TOKENS, kernel=kernel)
    inputs = batch(TOKENS)
    changed = inputs.clone()
    changed[:, 3] = (changed[:, 3] + 3) % 8 + 1
    moved = (model(inputs) - model(changed)).abs().amax(dim=(0, 1)) > 0
    assert moved.nonzero().flatten().tolist() == list(range(3 - reach, 3 + reach + 1))


def test_batch_normalisation_of_tokens_is_refused_with_the_repair():
    with pytest.raises(SettingsError, match=r"model\.normalisation.*'layer' or 'none'"):
        mlp(TOKENS, normalisation="batch")


def test_every_factory_takes_keywords_with_defaults():
    assert {"width", "depth"} <= keywords("mlp").keys() & keywords("cnn").keys() & keywords("attention").keys()
    assert set(FACTORIES) == {"linear", "mlp", "cnn", "attention"}


def test_the_summary_lists_the_layers_in_the_order_they_run():
    model = mlp(PICTURE, width=8, depth=1)
    found = layers(model, batch(PICTURE)[:1])
    assert [(layer["type"], layer["output"], layer["parameters"]) for layer in found] == [
        ("Flatten", [32], 0),
        ("Linear", [8], 264),
        ("ReLU", [8], 0),
        ("Linear", [3], 27),
    ]
    assert model.training


@pytest.mark.parametrize("signature", [Signature((5,), 2), Signature((1, 8, 8), 2)])
def test_a_window_without_tokens_is_refused(signature):
    with pytest.raises(SettingsError, match=r"model\.kernel.*tokens"):
        mlp(signature, kernel=3)


def test_a_window_has_a_middle():
    with pytest.raises(SettingsError, match=r"model\.kernel.*odd.*Got 4"):
        mlp(TOKENS, kernel=4)

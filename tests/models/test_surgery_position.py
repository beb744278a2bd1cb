"""An order-blind model is told the order."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from goodfit.models.surgery import NotAskable
from goodfit.models.surgery.position import AddPosition, position
from tests.models.surgery_models import MODELS, Bag, Digits, Steps, Transformer, floats, learns, perceptron, tokens

BLIND = ["transformer", "steps", "bag"]


def blind(model, inputs):
    """Whether outputs follow (one a step) or ignore (one a row) a reversal of the inputs."""
    with torch.no_grad():
        forth, back = model.eval()(inputs), model(inputs.flip(1))
    back = back.flip(2) if forth.dim() == 3 else back
    return torch.allclose(forth, back, atol=1e-4)


@pytest.mark.parametrize("name", BLIND)
def test_order_blindness_ends(name):
    torch.manual_seed(0)
    make, inputs = MODELS[name]
    model = make()
    assert blind(model, inputs)
    shape = model(inputs).shape
    model = position(model, True, inputs)
    assert not blind(model, inputs)
    assert model(inputs).shape == shape
    assert learns(model, inputs) == []


@pytest.mark.parametrize("length", [3, 6, 8])
def test_other_lengths_than_the_samples_work(length):
    model = position(Transformer(), True, tokens())
    assert model(tokens(4, length)).shape == (4, 3, length)


def test_the_table_is_quieter_than_the_vectors():
    torch.manual_seed(0)
    model = Transformer()
    nn.init.normal_(model.embed.weight, std=10)
    table = position(model, True, tokens()).embed[1].table
    assert table.shape == (7, 8)
    assert float(table.detach().std()) == pytest.approx(3, rel=0.3)


def test_queries_keys_and_values_all_get_one():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v, self.out = (nn.Linear(4, 4) for _ in range(4))

        def forward(self, x):
            weights = (self.q(x) @ self.k(x).transpose(1, 2)).softmax(-1)
            return self.out((weights @ self.v(x)).mean(1))

    model = position(Attention(), True, floats(8, 6, 4))
    assert sum(isinstance(each, AddPosition) for each in model.modules()) == 3


def test_a_tied_embedding_is_still_found():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mix = nn.Embedding(9, 8), nn.Linear(8, 8)

        def forward(self, x):
            return (torch.tanh(self.mix(self.embed(x))) @ self.embed.weight.T).transpose(1, 2)

    model = position(Tied(), True, tokens())
    assert copy.deepcopy(model)(tokens()).shape == (32, 9, 7)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [(perceptron(), floats(8, 5)), (Digits(), floats(8, 1, 8, 8)), (Steps(), floats(8, 6, 5)), (Bag(), tokens(8))],
)
def test_a_model_without_steps_is_not_asked(model, inputs):
    with pytest.raises(NotAskable):
        position(model, True, inputs)

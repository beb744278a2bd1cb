from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from goodfit.core.errors import SettingsError
from goodfit.probes import Scale, critical_point, escape, extreme_eigenvalues, hessian
from goodfit.probes.curvature import told
from goodfit.probes.lanczos import extremes
from tests.probes.models import Tagger, mlp, padded


class Product(nn.Module):
    """y = w1 w2 x, the smallest network with a saddle: at the origin, with eigenvalues 2 and -2."""

    def __init__(self, first: float, second: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([float(first), float(second)]))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.weights.prod() * inputs


def dense(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    """The Hessian in full, by another way: torch.autograd.functional over one flat vector."""
    named = {name: each for name, each in model.named_parameters() if each.requires_grad}
    sizes = [each.numel() for each in named.values()]

    def level(vector: Tensor) -> Tensor:
        parts = zip(named.items(), vector.split(sizes), strict=True)
        return loss(functional_call(model, {n: part.view_as(each) for (n, each), part in parts}, (inputs,)), targets)

    vector = torch.cat([each.detach().flatten() for each in named.values()])
    return torch.autograd.functional.hessian(level, vector)


def table(rows: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    return inputs, (inputs[:, 0] * inputs[:, 1] > 0).long()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_products_and_both_ends_agree_with_the_dense_hessian() -> None:
    model, (inputs, targets) = mlp(4, 6, 5, 2, act=nn.Tanh).double(), table()
    truth = dense(model, functional.cross_entropy, inputs, targets)
    operator = hessian(model, functional.cross_entropy, [(inputs[:30], targets[:30]), (inputs[30:], targets[30:])])
    vector = torch.randn(len(truth), dtype=torch.float64)
    assert torch.allclose(operator(vector), truth @ vector, atol=1e-12)
    values = torch.linalg.eigvalsh(truth)
    found = extreme_eigenvalues(model, functional.cross_entropy, inputs, targets, products=60)
    assert found.largest == pytest.approx(values[-1].item(), rel=0.01)
    assert found.smallest == pytest.approx(values[0].item(), rel=0.01)
    assert found.products <= 60
    image = truth @ found.vector_smallest
    residual = torch.linalg.vector_norm(image - found.smallest * found.vector_smallest).item()
    assert found.residual_smallest == pytest.approx(residual, abs=1e-10)
    assert (values - found.smallest).abs().min() <= found.residual_smallest + 1e-12


@pytest.mark.parametrize("products", [3, 5, 8, 15])
def test_few_products_give_wide_but_true_bounds(products: int) -> None:
    model, (inputs, targets) = mlp(4, 6, 5, 2, act=nn.Tanh).double(), table()
    values = torch.linalg.eigvalsh(dense(model, functional.cross_entropy, inputs, targets))
    found = extreme_eigenvalues(model, functional.cross_entropy, inputs, targets, products=products)
    assert found.products <= products
    assert found.smallest >= values[0] - 1e-12
    assert found.largest <= values[-1] + 1e-12
    assert (values - found.smallest).abs().min() <= found.residual_smallest + 1e-12
    assert (values - found.largest).abs().min() <= found.residual_largest + 1e-12


def test_too_few_products_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 3"):
        extreme_eigenvalues(Product(0, 0), functional.mse_loss, torch.ones(1), torch.ones(1), products=2)


def test_lanczos_on_a_known_spectrum_and_on_nothing() -> None:
    values = torch.linspace(-3, 100, 400, dtype=torch.float64)
    found = extremes(lambda v: values * v, torch.randn(400, dtype=torch.float64), 200)
    assert found.smallest == pytest.approx(-3, rel=0.02)
    assert found.largest == pytest.approx(100, rel=0.02)
    nothing = extremes(torch.zeros_like, torch.randn(5), 20)
    assert (nothing.smallest, nothing.largest, nothing.products) == (0, 0, 1)
    broken = extremes(lambda v: v * float("nan"), torch.randn(5), 20)
    assert math.isnan(broken.smallest)


def test_the_smallest_saddle() -> None:
    model, one = Product(0, 0), torch.ones(1, 1)
    spectrum = extreme_eigenvalues(model, functional.mse_loss, one, one)
    assert (spectrum.smallest, spectrum.largest) == (pytest.approx(-2), pytest.approx(2))
    found = critical_point(model, functional.mse_loss, one, one)
    assert found.kind == "saddle"
    assert found.gradient_norm == 0
    assert "saddle" in found.sentence
    out = escape(model, functional.mse_loss, one, one, found.spectrum.vector_smallest, (0.1, 1.0, 2.0))
    assert out.before == 1
    assert out.loss == pytest.approx(0.25)  # the minimum along (1, 1) / sqrt(2) is at sqrt(2)
    assert abs(out.step) == 1.0
    assert out.gain == pytest.approx(0.75)


def test_a_minimum_is_never_called_one_and_never_a_saddle() -> None:
    found = critical_point(Product(1, 1), functional.mse_loss, torch.ones(1, 1), torch.ones(1, 1))
    assert found.kind == "no negative direction found"
    assert found.smallest == pytest.approx(0, abs=1e-5)
    assert "minimum" not in found.sentence


def test_no_step_is_better_at_a_minimum() -> None:
    out = escape(Product(1, 1), functional.mse_loss, torch.ones(1), torch.ones(1), torch.ones(2), (0.1, 1.0))
    assert (out.loss, out.step, out.gain) == (0, 0, 0)


def test_a_fresh_network_is_not_at_a_critical_point() -> None:
    inputs, targets = table()
    found = critical_point(mlp(4, 16, 2).double(), functional.cross_entropy, inputs, targets)
    assert found.kind == "not critical"
    assert found.scale.to_fresh > 0.2
    assert found.spectrum is None
    assert math.isnan(found.smallest)


def test_a_network_of_zeros_or_of_dead_units_is_flat() -> None:
    inputs, _ = table()
    targets = torch.arange(40) % 2  # balanced: the output biases have no slope either
    zeros, dead = mlp(4, 16, 16, 2, act=nn.Tanh).double(), mlp(4, 16, 16, 2).double()
    with torch.no_grad():
        for parameter in zeros.parameters():
            parameter.zero_()
        dead[0].bias.fill_(-100)
        dead[2].bias.fill_(-100)
        dead[4].bias.zero_()
    for model in (zeros, dead):
        found = critical_point(model, functional.cross_entropy, inputs, targets)
        assert found.kind == "flat"
        assert found.responsive < 0.5
        assert "plateau" in found.sentence


def test_a_gradient_that_is_not_finite_is_not_judged() -> None:
    model, (inputs, targets) = mlp(4, 6, 2).double(), table()
    with torch.no_grad():
        model[0].weight[0, 0] = float("inf")
    assert critical_point(model, functional.cross_entropy, inputs, targets).kind == "not critical"


@pytest.mark.parametrize("mode", ["train", "no dropout", "eval"])
def test_normalisation_and_dropout_give_a_symmetric_operator(mode: str) -> None:
    model, (inputs, targets) = mlp(4, 6, 5, 2, norm=True, dropout=0.5, act=nn.Tanh).double(), table()
    model.train()(3 * inputs)
    operator = hessian(model, functional.cross_entropy, [(inputs, targets)], mode=mode)
    one, other = torch.randn(2, len(operator.gradient), dtype=torch.float64)
    assert one @ operator(other) == pytest.approx(float(other @ operator(one)), rel=1e-9)
    assert torch.equal(operator(one), operator(one))
    if mode == "eval":
        truth = dense(model.eval(), functional.cross_entropy, inputs, targets)
        assert torch.allclose(operator(one), truth @ one, atol=1e-10)


def test_the_same_seed_gives_the_same_dropout() -> None:
    model, (inputs, targets) = mlp(4, 30, 2, dropout=0.5).double(), table()
    levels = [
        hessian(model, functional.cross_entropy, [(inputs, targets)], mode="train", seed=s).loss for s in (0, 0, 1)
    ]
    assert levels[0] == levels[1] != levels[2]


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_attention_has_second_derivatives(mode: str) -> None:
    model, codes = Tagger(position=True).double(), padded(16)
    model.encoder.layers[0].activation = functional.gelu  # differences see a ReLU's kinks, derivatives do not
    operator = hessian(model, functional.cross_entropy, [(codes, codes % 3)], mode=mode)
    vector = torch.randn(len(operator.gradient), dtype=torch.float64)
    step, moved = 1e-5, []
    parameters = list(model.parameters())
    product = operator(vector)
    for sign in (1, -1):
        with torch.no_grad():
            for parameter, part in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
                parameter += sign * step * part.view_as(parameter) * (1 if sign == 1 else 2)
        moved.append(hessian(model, functional.cross_entropy, [(codes, codes % 3)], mode=mode).gradient)
    difference = (moved[0] - moved[1]) / (2 * step)
    assert torch.linalg.vector_norm(product - difference) < 1e-4 * torch.linalg.vector_norm(product)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers_have_second_derivatives(kind: type[nn.Module]) -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = kind(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.out(self.rnn(inputs)[0][:, -1])

    found = extreme_eigenvalues(Last(), functional.cross_entropy, torch.randn(12, 6, 3), torch.arange(12) % 2)
    assert found.largest > 0
    assert found.residual_largest < 0.02 * found.largest


def test_frozen_unused_and_linear_parameters_are_taken_as_they_are() -> None:
    model, (inputs, targets) = mlp(4, 6, 2).double(), table()
    model[0].requires_grad_(False)
    found = extreme_eigenvalues(model, functional.cross_entropy, inputs, targets)
    assert found.vector_smallest.shape == (14,)
    flat = extreme_eigenvalues(model, lambda outputs, targets: outputs.mean(), inputs, targets)
    assert (flat.smallest, flat.largest) == (0, 0)


def test_sparse_gradients_are_taken_densely() -> None:
    model = nn.Sequential(nn.Embedding(7, 4, sparse=True), nn.Flatten(), nn.Tanh(), nn.Linear(48, 3))
    found = extreme_eigenvalues(model, functional.cross_entropy, padded(), torch.arange(40) % 3)
    assert found.largest > 0
    assert model[0].sparse


def test_a_gradient_that_is_no_number_is_said_to_be_none() -> None:
    assert told(Scale(float("nan"), float("nan"))).startswith("The gradient is no number here")
    assert "still has a slope" in told(Scale(2.0, 3.0))

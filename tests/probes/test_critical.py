"""Descents are proven or not claimed; what the points are judged by."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.curvature_problems import digits, problem
from bench.hessian_models import NAMES, SEED, case, oracle
from goodfit.core.task import Batch
from goodfit.probes.critical import descent, escape, fresh, responsive
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.lanczos import quotient
from tests.probes.models import unchanged


@pytest.fixture(scope="module")
def rows() -> Batch:
    inputs, targets = digits()
    return inputs[:300], targets[:300]


@pytest.mark.parametrize("name", NAMES)
def test_a_descent_is_proven_where_there_is_one_and_only_there(name: str) -> None:
    given = case(name)
    truth = oracle(given)
    values = torch.linalg.eigvalsh(truth)
    found = descent(hessian(given.model, given.loss, given.batches, mode=given.mode, seed=SEED), products=200)
    assert found.proven == bool(values[0] < -1e-10 * values.abs().max())
    assert found.value >= values[0] - 1e-9
    if found.proven:
        assert float(found.vector @ truth @ found.vector) == pytest.approx(found.value)
        assert found.products < 25


def test_it_stops_early_or_goes_on_to_the_steepest() -> None:
    given = problem("s")
    operator = hessian(given.model, given.loss, given.batches)
    first, steepest = descent(operator), descent(operator, settled=0.05, products=80)
    assert first.proven
    assert first.products < 8 < steepest.products
    assert steepest.value < 2 * first.value
    assert steepest.residual <= 0.05 * abs(steepest.value)
    precise = hessian(given.model, given.loss, given.batches, precise=True)
    assert quotient(precise, first.vector.double())[0] == pytest.approx(first.value, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_rounding_is_never_taken_for_a_saddle(seed: int, rows: Batch) -> None:
    torch.manual_seed(seed)
    model = nn.Linear(64, 10)  # convex, and flat along every shift of the classes
    batches = [rows]
    found = descent(
        hessian(model, functional.cross_entropy, batches),
        products=60,
        seed=seed,
        precise=lambda: hessian(model, functional.cross_entropy, batches, precise=True),
    )
    assert not found.proven
    assert found.unseen > 0


def shifted(depth: float) -> Hessian:
    """Eigenvalues 1 and ``-depth`` in float32, and what float64 makes of it."""

    class Bowl(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.zeros(2))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * self.weights[0] ** 2 / 2 - inputs * depth * self.weights[1] ** 2 / 2

    model, one = Bowl(), torch.ones(1)
    loss = lambda outputs, targets: outputs.sum()  # noqa: E731
    return hessian(model, loss, [(one, one)]), lambda: hessian(model, loss, [(one, one)], precise=True)


def test_double_precision_decides_where_single_leaves_doubt() -> None:
    operator, precise = shifted(1e-6)
    assert not descent(operator).proven
    found = descent(operator, precise=precise)
    assert found.proven
    assert found.precise
    assert found.value == pytest.approx(-1e-6, rel=1e-4)
    assert not descent(shifted(0.0)[0], precise=shifted(0.0)[1]).proven
    assert not descent(operator, precise=lambda: None).proven
    clear = descent(shifted(0.1)[0], precise=precise)
    assert clear.proven
    assert not clear.precise


def test_a_copy_that_computes_something_else_proves_nothing() -> None:
    operator, _ = shifted(1e-6)
    found = descent(operator, precise=shifted(1.0)[1])
    assert not found.proven


def test_a_product_that_is_not_finite_is_no_verdict() -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(math.inf)
    found = descent(hessian(model, functional.cross_entropy, [(torch.ones(3, 2), torch.arange(3) % 2)]))
    assert not found.proven
    assert math.isnan(found.value)


def test_micro_batches_are_judged_like_one_batch() -> None:
    given = case("masked loss")
    vector = torch.ones(169, dtype=torch.float64)
    results = []
    for batches in (given.batches, given.micro_batches):
        with unchanged(given.model, given.inputs, given.targets):
            compared = fresh(given.model, given.loss, batches, mode="eval")
            out = escape(given.model, given.loss, batches, vector, (0.1, 1.0), mode="eval")
        results.append((compared.gradient, compared.weights, out.before, out.loss, out.step))
    assert results[0] == pytest.approx(results[1])


def test_weights_that_play_no_part_do_not_respond() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        model[0].bias.fill_(-100.0)  # dead units: only the last biases curve the loss
    operator = hessian(model, functional.mse_loss, [(torch.randn(8, 3).double(), torch.randn(8, 2).double())])
    assert responsive(operator, 0) == pytest.approx(2 / 26)

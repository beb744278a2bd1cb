"""One Lanczos run and all that is read off it, on spectra that are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import norm, t
from torch import Tensor

from bench.hessian_models import case, oracle
from goodfit.core.errors import SettingsError
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.lanczos import ends_within, extremes, lanczos, largest_within, quotient, smallest_within
from goodfit.probes.spectrum import (
    condition_at_least,
    condition_number,
    density,
    draws,
    exact_signs,
    largest,
    random_vector,
    signs,
)

SIZE = 300
VALUES = torch.cat([torch.tensor([-2.0, -0.5]), torch.linspace(-0.01, 1, SIZE - 5), torch.tensor([5.0, 7.0, 20.0])])


def known(values: Tensor = VALUES, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A symmetric operator with these eigenvalues, in a turned basis."""
    generator = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=torch.float64))
    matrix = (turn * values.double()) @ turn.T
    return lambda vector: matrix.to(vector.dtype) @ vector


def start(seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_basis_is_orthonormal_and_the_matrix_its_image(dtype: torch.dtype) -> None:
    product = known()
    run = lanczos(product, start(dtype=dtype), 80)
    within = 1e-5 if dtype is torch.float32 else 1e-12
    basis = run.basis.double()
    assert run.products == 80
    assert torch.allclose(basis @ basis.T, torch.eye(80, dtype=torch.float64), atol=within)
    image = torch.stack([product(each) for each in basis], dim=1)
    matrix = np.diag(run.ritz.diagonal) + np.diag(run.ritz.beside, 1) + np.diag(run.ritz.beside, -1)
    assert np.allclose((basis @ image).numpy(), matrix, atol=20 * within)
    assert run.ritz.noise <= 20 * within


@pytest.mark.parametrize("steps", [2, 5, 20])
def test_residuals_of_values_are_true_before_anything_has_converged(steps: int) -> None:
    product = known()
    run = lanczos(product, start(), steps)
    for index in range(steps):
        value, residual = quotient(product, run.vector(index))
        assert value == pytest.approx(run.ritz.values[index], abs=1e-10)
        assert residual == pytest.approx(run.ritz.residuals[index], abs=1e-10)
        assert (VALUES - value).abs().min() <= residual + 1e-6


def test_each_rule_stops_when_its_values_are_known() -> None:
    product = known()
    for stop, index in ((largest_within(0.01), [-1]), (smallest_within(0.01), [0]), (ends_within(0.01), [0, -1])):
        run = lanczos(product, start(), 200, stop)
        assert run.products < 60
        assert run.ritz.values[index] == pytest.approx(VALUES[index].numpy(), rel=0.01)
    top = lanczos(product, start(), 200, largest_within(0.001, 3))
    assert top.ritz.values[-3:] == pytest.approx([5, 7, 20], rel=0.001)
    assert abs(float(top.vector(-1) @ product(top.vector(-1))) - 20) < 0.01


def test_a_negative_end_is_checked_by_a_product_and_a_positive_one_is_not() -> None:
    calls: list[Tensor] = []
    both = extremes(lambda v: known()(calls.append(v) or v), start(), 100)
    assert both.products == len(calls)
    assert both.smallest == pytest.approx(-2, rel=0.01)
    positive = torch.linspace(1, 2, SIZE)
    found = extremes(known(positive), start(), 100)
    assert found.products == lanczos(known(positive), start(), 100, ends_within(0.01)).products


def test_a_small_space_is_used_up_and_then_exact() -> None:
    values = torch.tensor([3.0, 3.0, -1.0, 0.0])
    run = lanczos(known(values), torch.ones(4, dtype=torch.float64), 10)
    assert run.products == 3  # two equal eigenvalues count once
    assert run.ritz.values == pytest.approx([-1, 0, 3], abs=1e-12)
    assert run.ritz.residuals.max() == 0
    assert not lanczos(lambda v: v * math.nan, start(), 5).finite


def operator(values: Tensor = VALUES) -> Hessian:
    """What draws need of one: the length and type of its vectors, and products."""
    product = known(values)

    class Known(Hessian):
        def __call__(self, vector: Tensor) -> Tensor:
            return product(vector)

    return Known(0.0, torch.zeros(len(values), dtype=torch.float64), (), (), (), lambda: ())


def test_the_density_is_that_of_all_eigenvalues() -> None:
    found = density(draws(operator(), 8, 40), width=0.5)
    exact = norm.pdf(found.points[:, None], VALUES.numpy(), 0.5).mean(1)
    assert np.trapezoid(found.values, found.points) == pytest.approx(1, abs=0.01)
    assert 0.5 * np.trapezoid(np.abs(found.values - exact), found.points) < 0.03
    assert found.draws == 8


def test_the_error_of_the_density_is_neither_boasted_nor_hidden() -> None:
    runs = draws(operator(), 160, 20)
    inside = []
    for first in range(0, 160, 4):
        found = density(runs[first : first + 4], width=0.3)
        exact = norm.pdf(found.points[:, None], VALUES.numpy(), 0.3).mean(1)
        at = int(np.argmin(np.abs(found.points - 0.3)))
        inside.append(abs(found.values[at] - exact[at]) < t.ppf(0.975, 3) * found.errors[at])
    assert np.mean(inside) > 0.85  # 95 % are expected of 40
    wide = [density(runs[:count], width=0.3).errors.max() for count in (4, 64)]
    assert wide[1] < 0.6 * wide[0]


def test_a_run_for_the_ends_is_a_draw_of_the_density() -> None:
    given = operator()
    run = lanczos(given, random_vector(given, 0), 100, ends_within(0.01))
    alone = density([run])
    assert np.isnan(alone.errors).all()
    both = density([run, *draws(given, 1, 30, seed=1)])
    assert np.isfinite(both.errors).all()
    assert both.draws == 2


def test_signs_are_counted_or_estimated_with_their_margin() -> None:
    values = torch.cat([-torch.linspace(0.5, 1, 90), torch.linspace(0.5, 2, SIZE - 90)])
    exact = exact_signs(values.double().numpy())
    assert (exact.positive, exact.negative, exact.zero, exact.margin) == pytest.approx((0.7, 0.3, 0, 0))
    assert exact.minimum_ratio == 0.7
    found = signs(draws(operator(values), 6, 20))
    assert abs(found.negative - 0.3) < 2 * found.margin < 0.2
    assert found.positive + found.negative + found.zero == pytest.approx(1)
    assert math.isnan(signs(draws(operator(values), 1, 20)).margin)
    assert exact_signs(np.array([0.0, 0.0])).zero == 1


def test_the_condition_number_is_bounded_from_below_and_exact_in_the_end() -> None:
    values = torch.linspace(1, 50, SIZE)
    assert condition_number(values.double().numpy()) == pytest.approx(50)
    assert condition_number(np.array([0.0, 1.0])) == math.inf
    bounds = [condition_at_least(lanczos(known(values), start(), steps)) for steps in (2, 10, 40, 120)]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(50, rel=0.01)
    assert bounds[-1] <= 50 + 1e-6
    indefinite = condition_at_least(lanczos(known(), start(), 30))
    assert indefinite <= condition_number(VALUES.double().numpy()) * (1 + 1e-9)


def test_the_largest_of_a_network() -> None:
    given = case("GRU")
    run = largest(hessian(given.model, given.loss, given.batches, mode="eval"), 5)
    top = torch.linalg.eigvalsh(oracle(given))[-5:]
    assert run.ritz.values[-5:] == pytest.approx(top.numpy(), rel=0.01)
    assert run.products < 60


def test_no_draws_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least one draw"):
        draws(operator(), 0)

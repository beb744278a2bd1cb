from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.errors import SettingsError, TrainingError
from goodfit.probes.sharpness import Ball, Sharpness, sharpness
from tests.probes.models import Tagger, mlp, padded, unchanged
from tests.probes.test_loss_surface import CURVATURE, ROWS, Bowl, quadratic


def linear(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs @ torch.tensor([3.0, -4.0])).mean()


def job(rows: int = 40, **how: object) -> tuple[nn.Sequential, list[tuple[Tensor, Tensor]]]:
    torch.manual_seed(0)
    model = mlp(6, 16, 16, 3, **how)  # type: ignore[arg-type]
    return model, list(zip(torch.randn(rows, 6).split(16), torch.randint(0, 3, (rows,)).split(16), strict=True))


@pytest.mark.parametrize(
    ("ball", "rise"),
    [("euclidean", 0.1 * 5), ("adaptive", 0.1 * math.hypot(3 * 2, 4 * 1)), ("box", 0.1 * (3 * 3 + 4 * 2))],
)
def test_a_linear_loss_rises_by_radius_times_slope_and_not_on_average(ball: Ball, rise: float) -> None:
    found = sharpness(Bowl(2.0, -1.0), linear, ROWS, ball=ball, radius=0.1)
    assert found.rise == pytest.approx(rise, rel=1e-5)
    assert found.first_order == pytest.approx(rise, rel=1e-5)
    assert found.average == pytest.approx(0, abs=1e-5)
    assert found.relative == pytest.approx(100 * rise / 11, rel=1e-5)


def test_at_the_critical_point_of_a_quadratic_it_is_the_largest_eigenvalue() -> None:
    top = float(torch.linalg.eigvalsh(CURVATURE)[-1])
    found = sharpness(Bowl(0.0, 0.0), quadratic, ROWS, ball="euclidean", radius=0.2, steps=50)
    assert found.first_order == 0
    assert found.rise == pytest.approx(0.5 * 0.2**2 * top, rel=0.01)


def test_on_average_it_is_half_the_trace_within_its_error() -> None:
    """Each weight moves by a normal step of deviation radius / sqrt(weights)."""
    truth = 0.5 * 0.2**2 / 2 * float(CURVATURE.trace())
    outside = 0
    for seed in range(40):
        found = sharpness(Bowl(0.5, 0.5), quadratic, ROWS, ball="euclidean", radius=0.2, pairs=16, steps=1, seed=seed)
        outside += abs(found.average - truth) > 2 * found.average_error
    assert found.average_error > 0
    assert outside <= 7  # two or three of 40 expected, with 15 degrees of freedom


def test_more_steps_never_find_less_and_beat_the_single_step() -> None:
    model, batches = job()
    one, ten = (
        sharpness(model, functional.cross_entropy, batches, ball="euclidean", radius=2.0, steps=n, pairs=2)
        for n in (1, 10)
    )
    assert ten.rise > one.rise > 0
    assert one.gradients == 2
    assert ten.gradients <= 11
    assert ten.forwards == 4


def rescaled(model: nn.Sequential) -> nn.Sequential:
    """The same function of a ReLU net from other weights."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].weight *= 10
        other[0].bias *= 10
        other[2].weight /= 10
    return other


def both(ball: Ball) -> tuple[Sharpness, Sharpness]:
    model, batches = job()
    first, second = (
        sharpness(each, functional.cross_entropy, batches, ball=ball, radius=0.3) for each in (model, rescaled(model))
    )
    assert first.loss == pytest.approx(second.loss, rel=1e-5)
    return first, second


@pytest.mark.parametrize("ball", ["adaptive", "filter"])
def test_rescaled_layers_read_the_same_in_the_adaptive_forms(ball: Ball) -> None:
    first, second = both(ball)
    assert second.rise == pytest.approx(first.rise, rel=1e-3)
    assert second.average == pytest.approx(first.average, rel=1e-2, abs=1e-6)
    assert first.rise > 0.01


@pytest.mark.parametrize("ball", ["euclidean", "box"])
def test_and_not_in_the_others(ball: Ball) -> None:
    """Dinh et al. 2017."""
    first, second = both(ball)
    assert abs(math.log(second.rise / first.rise)) > 0.5


def test_several_batches_are_one_loss() -> None:
    model, batches = job()
    whole = [tuple(torch.cat(each) for each in zip(*batches, strict=True))]
    split, joint = (sharpness(model, functional.cross_entropy, each) for each in (batches, whole))
    assert split.rise == pytest.approx(joint.rise, rel=1e-3)
    assert split.average == pytest.approx(joint.average, rel=1e-2, abs=1e-6)


@pytest.mark.parametrize("ball", ["adaptive", "filter", "euclidean", "box"])
def test_nothing_is_changed_even_if_the_loss_raises(ball: Ball) -> None:
    torch.manual_seed(0)
    model, codes = Tagger(dropout=0.2), padded(24)
    targets = torch.where(codes > 0, codes % 3, -100)
    calls = iter(range(100))

    def failing(outputs: Tensor, wanted: Tensor) -> Tensor:
        if next(calls) == 5:
            raise ZeroDivisionError
        return functional.cross_entropy(outputs, wanted)

    with unchanged(model, codes, targets):
        sharpness(model, functional.cross_entropy, [(codes, targets)], ball=ball, steps=2, pairs=2, mode="train")
        with pytest.raises(ZeroDivisionError):
            sharpness(model, failing, [(codes, targets)], ball=ball, steps=3, pairs=2)


def test_sparse_embeddings_and_weights_that_take_no_part() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 4, sparse=True), nn.Flatten(), nn.Linear(8, 2))
    model.register_parameter("idle", nn.Parameter(torch.ones(3)))
    model[2].bias.requires_grad_(False)
    found = sharpness(model, functional.cross_entropy, [(torch.randint(0, 5, (6, 2)), torch.arange(6) % 2)])
    assert found.rise > 0


def test_a_loss_that_overflows_inside_the_ball_is_infinitely_sharp() -> None:
    def wall(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs * 1e3).exp().mean()

    assert math.isinf(sharpness(Bowl(0.0, 0.0), wall, ROWS, ball="euclidean", radius=1.0).rise)


def test_bad_requests_are_one_sentence() -> None:
    model, batches = job()
    with pytest.raises(SettingsError, match="no ball 'cube'"):
        sharpness(model, functional.cross_entropy, batches, ball="cube")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="positive"):
        sharpness(model, functional.cross_entropy, batches, radius=0)
    with pytest.raises(SettingsError, match="2 pairs"):
        sharpness(model, functional.cross_entropy, batches, pairs=1)
    with pytest.raises(SettingsError, match="no row"):
        sharpness(model, functional.cross_entropy, [])
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    with pytest.raises(TrainingError, match="not finite"):
        sharpness(model, functional.cross_entropy, batches[:1])

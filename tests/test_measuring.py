"""`goodfit.critical_point`: the lecture's example, trained and stuck networks, jobs, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

import goodfit
from goodfit.core.errors import SettingsError
from goodfit.core.task import Batch
from goodfit.intake import read_job
from tests.probes.models import mlp, unchanged


class Product(nn.Module):
    """y = w1 w2 x, the lecture's network; with one point (1, 1) its loss is (1 - w1 w2)^2."""

    def __init__(self, first: float, second: float) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Parameter(torch.tensor([float(first)])),
            nn.Parameter(torch.tensor([float(second)])),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return self.first * self.second * inputs


ONE = torch.ones(1, 1)


def table(rows: int = 200) -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(rows, 6, generator=generator)
    return inputs, (inputs[:, 0] * inputs[:, 1] > 0).long()


def zeros(*sizes: int, act: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    model = mlp(*sizes, act=act)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return model


def test_the_lectures_example() -> None:
    model = Product(0, 0)
    with unchanged(model, ONE):
        found = goodfit.critical_point(model, functional.mse_loss, ONE, ONE)
    assert found.kind == "saddle"
    assert (found.loss, found.gradient_norm) == (1, 0)
    assert found.curvature == pytest.approx(-2, abs=1e-12)
    assert found.condition == pytest.approx(1)  # the other is 2
    assert found.direction.tolist() == pytest.approx([math.sqrt(0.5)] * 2)
    assert (found.signs.positive, found.signs.negative) == (0.5, 0.5)
    assert found.signs.minimum_ratio == 0.5
    assert found.exact
    assert found.escape.before == 1
    assert found.escape.loss < 0.3
    assert found.escape.gain > 0.7
    assert "this is a saddle" in str(found)


@pytest.mark.parametrize(("weights", "kind"), [((1, 1), "no negative direction found"), ((3, 2), "not critical")])
def test_other_points_of_the_example(weights: tuple[float, float], kind: str) -> None:
    found = goodfit.critical_point(Product(*weights), functional.mse_loss, ONE, ONE)
    assert found.kind == kind
    assert "minimum" not in found.sentence
    if kind == "not critical":
        assert found.direction is found.signs is found.escape is None
        assert found.scale.to_loss > 0.5
        assert found.gradient_norm > 1
    else:
        assert found.signs.positive == 0.5  # along the valley w1 w2 = 1 nothing curves
        assert found.condition == math.inf


def test_a_network_of_zeros_is_a_saddle_and_its_way_out_is_measured() -> None:
    inputs, targets = table()
    model = zeros(6, 60, 2)
    targets = (inputs[:, 0] > inputs[:, 0].median()).long()
    with unchanged(model, inputs, targets):
        found = goodfit.critical_point(model, functional.cross_entropy, inputs, targets)
    assert found.kind == "saddle"
    assert not found.exact
    assert found.residual <= 0.1 * abs(found.curvature)
    assert found.escape.gain > 0.05
    assert found.signs.negative > 0
    assert found.signs.positive + found.signs.negative + found.signs.zero == pytest.approx(1)
    assert found.condition > 10


def test_a_dead_network_is_flat_and_a_fresh_one_not_critical() -> None:
    inputs, _ = table()
    targets = torch.arange(200) % 2
    dead = zeros(6, 60, 30, 2, act=nn.ReLU)
    with torch.no_grad():
        dead[2].bias.fill_(-1.0)
    flat = goodfit.critical_point(dead, functional.cross_entropy, inputs, targets)
    assert flat.kind == "flat"
    assert "plateau" in flat.sentence
    torch.manual_seed(0)
    assert goodfit.critical_point(mlp(6, 60, 2), functional.cross_entropy, inputs, targets).kind == "not critical"


def test_where_nothing_curves_down_it_says_how_hard_it_looked() -> None:
    inputs, _ = table()
    torch.manual_seed(0)
    model, targets = nn.Linear(6, 60, bias=False), torch.randn(200, 60)
    with torch.no_grad():
        model.weight.copy_(torch.linalg.lstsq(inputs, targets).solution.T)
    found = goodfit.critical_point(model, functional.mse_loss, inputs, targets)
    assert found.kind == "no negative direction found"
    assert "products" in found.sentence
    assert found.escape is None
    assert found.signs.negative == 0


def test_micro_batches_are_one_batch() -> None:
    inputs, targets = table()
    model = zeros(6, 8, 2)
    pairs = list(zip(inputs.split(70), targets.split(70), strict=True))
    whole, parts = (
        goodfit.critical_point(model, functional.cross_entropy, batch=each) for each in ((inputs, targets), pairs)
    )
    assert parts.kind == whole.kind
    assert parts.curvature == pytest.approx(whole.curvature, rel=1e-5)
    assert parts.loss == pytest.approx(whole.loss)


def job(**changes: Any) -> dict[str, Any]:
    inputs, targets = table()
    parts: dict[str, Any] = {
        "model": lambda: zeros(6, 8, 2),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        "train": TensorDataset(inputs, targets),
        "val": TensorDataset(inputs, targets),
        "batch_size": 32,
        "epochs": 2,
        "shuffle": True,
        "task": "classification",
    }
    return {**parts, **changes}


@pytest.mark.parametrize("made", [lambda: job(), lambda: read_job(job())])
def test_a_job_is_measured_on_its_training_rows(made: Callable[[], Any]) -> None:
    inputs, targets = table()
    before = torch.get_rng_state()
    found = goodfit.critical_point(made())
    assert torch.equal(before, torch.get_rng_state())
    alone = goodfit.critical_point(zeros(6, 8, 2), functional.cross_entropy, inputs, targets)
    assert (found.kind, found.curvature) == (alone.kind, pytest.approx(alone.curvature, rel=1e-5))
    torch.manual_seed(0)
    assert goodfit.critical_point(made(), model=mlp(6, 8, 2)).kind == "not critical"
    few = goodfit.critical_point(made(), batch=(inputs[:50], targets[:50]))
    assert few.gradient_norm != found.gradient_norm


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: goodfit.critical_point(Product(0, 0), functional.mse_loss), "rows was not given"),
        (lambda: goodfit.critical_point(Product(0, 0), inputs=ONE, targets=ONE), "a loss was not given"),
        (lambda: goodfit.critical_point(Product(0, 0), functional.mse_loss, ONE), "belong together"),
        (lambda: goodfit.critical_point("model.pt"), "a model or a job. Got str"),
        (lambda: goodfit.critical_point(Product(0, 0), functional.mse_loss, batch=[ONE]), "list of such pairs"),
        (lambda: goodfit.critical_point(Product(0, 0), functional.mse_loss, batch=[]), "rows was not given"),
        (
            lambda: goodfit.critical_point(Product(0, 0).requires_grad_(False), functional.mse_loss, ONE, ONE),
            "no trainable parameters",
        ),
        (lambda: goodfit.critical_point(job(epochs=0)), "'epochs'"),
    ],
)
def test_what_cannot_be_measured_is_said(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        call()

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.errors import SettingsError
from goodfit.probes.loss_surface import filter_normalised, linear_interpolation, slice_1d, slice_2d, training_path
from goodfit.probes.weights import weight_vector
from tests.probes.models import Tagger, mlp, padded, unchanged


class Bowl(nn.Module):
    """Outputs its weights: with `quadratic` the loss is 1/2 w'Aw whatever the inputs."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(values))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.weight.expand(len(inputs), -1)


CURVATURE = torch.tensor([[3.0, 1.0], [1.0, -2.0]])
ROWS = [(torch.zeros(4, 1), torch.zeros(4))]


def quadratic(outputs: Tensor, targets: Tensor) -> Tensor:
    return 0.5 * (outputs @ CURVATURE * outputs).sum(1).mean()


def job(rows: int = 40, **how: object) -> tuple[nn.Sequential, list[tuple[Tensor, Tensor]]]:
    torch.manual_seed(0)
    model = mlp(6, 16, 16, 3, **how)  # type: ignore[arg-type]
    return model, list(zip(torch.randn(rows, 6).split(16), torch.randint(0, 3, (rows,)).split(16), strict=True))


def losses(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    inputs, targets = (torch.cat(each) for each in zip(*batches, strict=True))
    with torch.no_grad():
        return float(functional.cross_entropy(model(inputs), targets))


def test_a_parabola_along_a_line() -> None:
    found = slice_1d(Bowl(1.0, 0.0), quadratic, ROWS, torch.tensor([0.0, 2.0]), points=5, span=(-1, 1))
    w = np.stack([np.ones(5), 2 * np.linspace(-1, 1, 5)])
    assert found.losses == pytest.approx(0.5 * np.einsum("in,ij,jn->n", w, CURVATURE.numpy(), w), abs=1e-6)
    assert found.length == 2
    assert found.distances.tolist() == [-2, -1, 0, 1, 2]


def test_a_saddle_on_a_plane_and_which_axis_is_which() -> None:
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    found = slice_2d(Bowl(0.0, 0.0), quadratic, ROWS, (first, second), points=(3, 5), spans=((-1, 1), (-2, 2)))
    a, b = np.meshgrid([-1, 0, 1], [-2, -1, 0, 1, 2], indexing="ij")
    assert found.losses.shape == (3, 5)
    assert found.losses == pytest.approx(1.5 * a**2 + a * b - b**2, abs=1e-6)
    assert found.cosine == 0
    assert found.lengths == (1, 1)


def test_several_batches_count_by_their_rows() -> None:
    model, batches = job()
    assert len({len(inputs) for inputs, _ in batches}) == 2
    assert slice_1d(model, functional.cross_entropy, batches, points=3).losses[1] == pytest.approx(
        losses(model, batches), abs=1e-6
    )


def test_a_sum_over_rows_and_a_mean_over_tokens_are_those_of_all_rows_at_once() -> None:
    torch.manual_seed(0)
    model, codes = Tagger(mask=True), padded(20)
    targets = torch.where(codes > 0, codes % 3, -100)
    for reduction in ("sum", "mean"):
        loss = partial(functional.cross_entropy, reduction=reduction)
        whole = slice_1d(model, loss, [(codes, targets)], points=3)
        split = slice_1d(model, loss, list(zip(codes.split(7), targets.split(7), strict=True)), points=3)
        assert split.losses == pytest.approx(whole.losses, rel=1e-4)


def test_filters_of_a_random_direction_are_as_long_as_the_models_and_biases_stay() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(3, 4, 2), nn.Flatten(), nn.Linear(5, 1))
    sizes = [each.numel() for each in model.parameters()]
    parts = dict(zip(dict(model.named_parameters()), filter_normalised(model, 3).split(sizes), strict=True))
    for name, axes in (("0.weight", (1, 2, 3)), ("1.weight", (0, 2, 3)), ("3.weight", (1,))):
        weight = model.get_parameter(name)
        drawn, own = (torch.linalg.vector_norm(each, dim=axes) for each in (parts[name].view_as(weight), weight))
        assert torch.allclose(drawn, own)
    assert not any(parts[name].any() for name in ("0.bias", "1.bias", "3.bias"))
    assert not torch.equal(filter_normalised(model, 3), filter_normalised(model, 4))


def test_a_filter_normalised_slice_does_not_see_a_rescaling_that_changes_no_output() -> None:
    """Li et al. 2018, section 4: that is what it is for. Without biases, which do not take part."""
    model, batches = job()
    for each in (model[0], model[2], model[4]):
        nn.init.zeros_(each.bias)
    scaled = copy.deepcopy(model)
    with torch.no_grad():
        scaled[0].weight *= 10
        scaled[2].weight /= 10
    plain, other = (slice_2d(each, functional.cross_entropy, batches, points=3) for each in (model, scaled))
    assert other.losses == pytest.approx(plain.losses, rel=1e-4)
    assert np.ptp(plain.losses) > 0.05
    fixed = torch.ones(len(weight_vector(model)))
    unnormalised = [slice_1d(each, functional.cross_entropy, batches, fixed, points=3) for each in (model, scaled)]
    assert np.abs(unnormalised[0].losses - unnormalised[1].losses).max() > 0.05


def test_between_two_runs_ends_are_exact_and_a_barrier_is_seen() -> None:
    model, batches = job(norm=True)
    mirrored = copy.deepcopy(model)
    with torch.no_grad():  # the same function with its first hidden units in reverse order
        for name in ("weight", "bias"):
            for layer in (mirrored[0], mirrored[1]):
                getattr(layer, name).copy_(getattr(layer, name).flip(0))
        mirrored[3].weight.copy_(mirrored[3].weight.flip(1))
    found = linear_interpolation(
        model, functional.cross_entropy, batches, model.state_dict(), mirrored.state_dict(), points=5
    )
    assert found.losses[0] == pytest.approx(found.losses[-1], abs=1e-6)
    assert found.barrier == pytest.approx(found.losses.max() - found.losses[0], abs=1e-6)
    assert np.ptp(found.losses) > 1e-3
    assert found.length == pytest.approx(float((weight_vector(model) - weight_vector(mirrored)).norm()), rel=1e-6)


def test_the_living_state_dict_of_the_model_is_not_written_under_its_feet() -> None:
    model, batches = job()
    other = {name: each + 1 for name, each in model.state_dict().items()}
    living, copied = (
        linear_interpolation(model, functional.cross_entropy, batches, other, each, points=3)
        for each in (model.state_dict(), copy.deepcopy(model.state_dict()))
    )
    assert living.losses.tolist() == copied.losses.tolist()
    assert living.losses[-1] == pytest.approx(losses(model, batches), abs=1e-6)


def test_running_statistics_of_the_origin_fit_no_other_point_and_recalculated_ones_do() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=0.3), nn.Linear(8, 3))
    inputs, targets = torch.randn(64, 6) + 3, torch.randint(0, 3, (64,))
    batches = [(inputs, targets)]
    far = copy.deepcopy(model)
    with torch.no_grad():
        far[0].weight.mul_(5)  # undone by the normalisation: the same function
        far[0].bias.mul_(5)
    states = model.state_dict(), far.state_dict()
    by = {
        mode: linear_interpolation(model, functional.cross_entropy, batches, *states, points=3, mode=mode)
        for mode in ("no dropout", "recalculated", "eval")
    }
    assert np.ptp(by["no dropout"].losses) < 1e-4
    assert np.ptp(by["recalculated"].losses) < 1e-4
    assert by["recalculated"].losses == pytest.approx(by["no dropout"].losses, abs=0.02)  # variance by n or n - 1
    assert np.ptp(by["eval"].losses) > 0.1
    assert model[1].momentum == 0.3


def test_dropout_draws_the_same_at_every_point() -> None:
    model, batches = job(dropout=0.5)
    still = torch.zeros(len(weight_vector(model)))
    still[-1] = 1e-12
    found = slice_1d(model, functional.cross_entropy, batches, still, points=4, mode="train")
    assert np.ptp(found.losses) == 0
    assert found.losses[0] != pytest.approx(losses(model.eval(), batches), abs=1e-4)


def test_the_path_lies_in_its_own_plane_and_off_another() -> None:
    model = Bowl(0.0, 0.0, 0.0)
    steps = [(2.0, 1.0), (1.0, 1.0), (0.5, 0.0), (0.0, 0.0)]
    states = [{"weight": torch.tensor([a, b, 0.0])} for a, b in steps]
    found = training_path(model, states)
    back = found.positions @ torch.stack(found.directions).numpy()
    assert back == pytest.approx(np.array([(a, b, 0) for a, b in steps]), abs=1e-9)
    assert found.explained == pytest.approx(1)
    assert found.beside == pytest.approx(np.zeros(4), abs=1e-6)
    first, second = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    other = training_path(model, states, (first, second))
    assert other.positions == pytest.approx(np.array([(a / 2, 0) for a, _ in steps]), abs=1e-9)
    assert other.beside == pytest.approx(np.array([abs(b) for _, b in steps]))
    assert other.explained == pytest.approx(5.25 / 7.25)
    (low, high), (below, above) = other.spans(0.5)
    assert (low, high) == (-0.5, 1.5)
    assert below < 0 < above


def test_a_training_is_seen_descending_on_its_plane() -> None:
    model, batches = job()
    optimiser, states = torch.optim.SGD(model.parameters(), 0.3), []
    for _ in range(12):
        states.append({name: each.clone() for name, each in model.state_dict().items()})
        optimiser.zero_grad()
        functional.cross_entropy(model(batches[0][0]), batches[0][1]).backward()
        optimiser.step()
    path = training_path(model, states)
    found = slice_2d(model, functional.cross_entropy, batches[:1], path.directions, points=9, spans=path.spans())
    assert path.explained > 0.9
    start = np.abs(found.first - path.positions[0, 0]).argmin(), np.abs(found.second - path.positions[0, 1]).argmin()
    end = np.abs(found.first).argmin(), np.abs(found.second).argmin()
    assert found.losses[start] > found.losses[end] + 0.1


def test_an_overflow_is_a_figure_and_no_error() -> None:
    found = slice_1d(Bowl(0.0, 0.0), quadratic, ROWS, torch.tensor([1e25, 0.0]), points=3)
    assert found.losses[1] == 0
    assert math.isinf(found.losses[0])
    assert math.isnan(found.barrier)


@pytest.mark.parametrize("which", ["1d", "2d", "between"])
def test_a_loss_that_raises_in_the_middle_leaves_everything_as_it_was(which: str) -> None:
    model, batches = job(norm=True, dropout=0.2)
    calls = iter(range(100))

    def failing(outputs: Tensor, targets: Tensor) -> Tensor:
        if next(calls) == 7:
            raise ZeroDivisionError
        return functional.cross_entropy(outputs, targets)

    other = copy.deepcopy(job(norm=True, dropout=0.2)[0].state_dict())
    other["0.weight"] += 1
    state = model.state_dict()
    with unchanged(model, *batches[0]), pytest.raises(ZeroDivisionError):
        {
            "1d": lambda: slice_1d(model, failing, batches, mode="train"),
            "2d": lambda: slice_2d(model, failing, batches, mode="recalculated"),
            "between": lambda: linear_interpolation(model, failing, batches, state, other, mode="recalculated"),
        }[which]()
    assert next(calls) == 8


def test_bad_requests_are_one_sentence() -> None:
    model, batches = job()
    one = torch.ones(len(weight_vector(model)))
    state = model.state_dict()
    with pytest.raises(SettingsError, match="no row"):
        slice_1d(model, functional.cross_entropy, [])
    with pytest.raises(SettingsError, match="3 entries, and 435 weights"):
        slice_1d(model, functional.cross_entropy, batches, torch.ones(3))
    with pytest.raises(SettingsError, match="no length"):
        slice_1d(model, functional.cross_entropy, batches, 0 * one)
    with pytest.raises(SettingsError, match="at least 2 points"):
        slice_1d(model, functional.cross_entropy, batches, points=1)
    with pytest.raises(SettingsError, match="parallel"):
        slice_2d(model, functional.cross_entropy, batches, (one, -2 * one))
    with pytest.raises(SettingsError, match="same weights"):
        linear_interpolation(model, functional.cross_entropy, batches, state, state)
    with pytest.raises(SettingsError, match=r"no entry '0\.weight'"):
        linear_interpolation(model, functional.cross_entropy, batches, {}, state)
    with pytest.raises(SettingsError, match=r"shape of '0\.weight'"):
        weight_vector(model, {**state, "0.weight": torch.ones(2)})
    with pytest.raises(SettingsError, match="one line"):
        training_path(model, [{name: each + by for name, each in state.items()} for by in (1, 2, 3)])
    with pytest.raises(SettingsError, match="requires a gradient"):
        slice_1d(model.requires_grad_(False), functional.cross_entropy, batches)

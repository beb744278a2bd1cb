from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.probes.responses import Response, Responses, responses
from goodfit.probes.transformations import _cycle, _rotation, _warped
from tests.probes.models import Tagger, mlp, padded, unchanged


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def named(found: Responses, start: str) -> list[Response]:
    lines = [each for each in found.table if each.name.startswith(start)]
    assert lines, start
    return lines


def conv(*, pool: bool, circular: bool = True, stride: int = 1) -> nn.Sequential:
    mode = "circular" if circular else "zeros"
    layers: list[nn.Module] = [
        nn.Conv2d(2, 6, 3, padding=1, padding_mode=mode, stride=stride),
        nn.Tanh(),
        nn.Conv2d(6, 4, 3, padding=1, padding_mode=mode),
    ]
    return nn.Sequential(*layers, *([nn.AdaptiveAvgPool2d(1), nn.Flatten()] if pool else []))


PICTURES = torch.randn(12, 2, 8, 8, generator=torch.Generator().manual_seed(1))


def test_global_pooling_is_blind_to_a_shift_around_a_circular_edge_and_only_to_that() -> None:
    found = responses(conv(pool=True), PICTURES)
    around = [each for each in found.of("shift") if each.name.endswith("around the edge")]
    assert len(around) == 2
    assert all(each.reading == "invariant" and each.invariance.share < 1e-5 for each in around)
    over = named(found, "shift right, edge")[0].invariance
    assert over.exact == "no"
    assert over.share > 2 * over.error > 0
    assert all(each.reading == "responds" for each in found.of("rotation"))
    assert {each.exact for line in found.table for each in (line.equivariance,)} <= {"no", "not asked"}


def test_without_pooling_the_maps_move_with_the_picture_and_zeros_at_the_edge_break_it() -> None:
    circular, zeros = (responses(conv(pool=False, circular=each), PICTURES) for each in (True, False))
    for name in ("shift right, around", "shift down, around"):
        assert all(each.reading == "equivariant" for each in named(circular, name))
        assert all(each.equivariance.exact == "no" for each in named(zeros, name))
        assert all(each.invariance.share > 0.5 for each in named(circular, name))
    assert named(zeros, "shift right, around")[0].equivariance.share < named(zeros, "shift right")[0].invariance.share


def test_smaller_maps_move_by_their_share_of_the_shift() -> None:
    by = {each.amount: each for each in named(responses(conv(pool=False, stride=2), PICTURES), "shift right, around")}
    assert by[1].equivariance.exact == "not asked"  # half a point
    pictures = torch.randn(6, 2, 16, 16)
    by = {each.amount: each for each in named(responses(conv(pool=False, stride=2), pictures), "shift right, around")}
    assert by[4].reading == "equivariant"


def test_a_mean_over_pixels_is_bit_exact_or_rounding_under_what_keeps_all_pixels() -> None:
    model = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    found = responses(model, PICTURES)
    exact = {each.name for each in found.table if each.invariance.exact == "bit-exact"}
    assert {"rotation", "permutation of pixels", "shift right, around the edge"} <= exact
    turns = {each.amount: each.invariance for each in found.of("rotation")}
    assert turns[90].exact == turns[180].exact == "bit-exact"
    assert turns[15].exact == "no"
    assert turns[15].share > 0.01
    assert turns[90].share == turns[90].error == 0


def test_hardly_is_not_exactly() -> None:
    class Nearly(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.sum(1, keepdim=True) + 1e-3 * inputs[:, :1]

    near = named(responses(Nearly(), torch.randn(20, 6)), "permutation")[0].invariance
    assert near.share < 2e-3
    assert near.exact == "no"


def test_turning_by_interpolation_turns_the_way_rot90_does_also_where_sides_differ() -> None:
    square, oblong = torch.randn(2, 1, 7, 7), torch.rand(2, 1, 6, 10)
    assert torch.allclose(_warped(square, _rotation(90)), square.rot90(1, (-2, -1)), atol=1e-5)
    assert torch.allclose(_warped(oblong, _rotation(180)), oblong.rot90(2, (-2, -1)), atol=1e-5)
    middle = torch.zeros(1, 1, 5, 9)
    middle[..., 2, 3:6] = 1  # a bar of three pixels, upright after a quarter turn: not stretched by the oblong frame
    assert torch.allclose(_warped(middle, _rotation(90))[..., 1:4, 4], torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 10])
def test_a_permutation_leaves_nothing_in_its_place(size: int) -> None:
    assert sorted(_cycle(size).tolist()) == list(range(size))
    assert not bool((_cycle(size) == torch.arange(size)).any())


def test_a_set_model_does_not_see_the_order_of_features() -> None:
    class DeepSet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = mlp(1, 8, 8), mlp(8, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.outer(self.inner(inputs[..., None]).sum(1))

    rows = torch.randn(30, 6)
    assert named(responses(DeepSet(), rows), "permutation")[0].reading == "invariant"
    line = named(responses(mlp(6, 8, 3), rows, classes=True), "permutation")[0]
    assert line.reading == "responds"
    assert 0 < line.flips <= 1
    assert 0 < line.flips_error < 0.2


def test_scaling_and_shift_of_values_by_the_closed_form() -> None:
    """y = x: half of x is off by half the spread about zero, and a shift by one deviation by exactly one."""
    inputs = torch.randn(400, 1)
    inputs -= inputs.mean()
    found = responses(nn.Identity(), inputs)
    by = {each.amount: each for each in named(found, "scaling of the values")}
    assert by[0.5].invariance.share == pytest.approx(0.5, rel=1e-6)
    assert by[2.0].invariance.share == pytest.approx(1.0, rel=1e-6)
    assert by[2.0].reading == "equivariant"
    (shift,) = named(found, "shift of the values")
    assert shift.invariance.share == pytest.approx(1.0, rel=1e-6)
    assert shift.reading == "equivariant"


def test_the_standard_error_covers() -> None:
    """Of share and error over many draws of rows; y = x with noise of its own: off by x / 2."""

    class Cubed(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs**3

    draws = [named(responses(Cubed(), torch.randn(400, 1)), "shift of the values")[0].invariance for _ in range(60)]
    shares = torch.tensor([each.share for each in draws])
    claimed = torch.tensor([each.error for each in draws]).mean()
    assert 0.5 < float(claimed / shares.std()) < 2


def test_attention_without_positions_permutes_and_padding_that_is_masked_is_not_seen() -> None:
    codes = padded()
    masked, open_ = (responses(Tagger(mask=each), codes, classes=True) for each in (True, False))
    assert masked.layout == "sequences"
    for found in (masked, open_):
        assert named(found, "permutation of positions")[0].reading == "equivariant"
        assert named(found, "permutation of positions")[0].flips == 0  # a token's class goes with the token
    assert all(each.reading == "invariant" for each in masked.of("padding"))
    assert all(each.reading == "responds" and each.invariance.share > 0.01 for each in open_.of("padding"))
    assert named(responses(Tagger(mask=True, position=True), codes), "permutation")[0].reading == "responds"
    pooled = responses(Tagger(mask=True, pool=True), codes)
    assert {each.reading for each in (*pooled.of("permutation"), *pooled.of("shift"))} == {"invariant"}


def test_a_series_model_that_looks_at_differences() -> None:
    class Steps(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.diff(dim=1).abs().mean(1)

    found = responses(Steps(), torch.rand(30, 12, 2) + 1, layout="series")
    assert named(found, "shift of the values")[0].reading == "invariant"
    assert {each.reading for each in named(found, "scaling")} == {"equivariant"}
    assert named(found, "permutation of features")[0].reading == "equivariant"
    assert named(found, "permutation of positions")[0].reading == "responds"


def test_what_the_model_refuses_is_not_asked() -> None:
    found = responses(mlp(12, 8, 2), torch.randn(20, 12), layout="series")
    assert {each.reading for each in found.of("padding")} == {"not asked"}
    assert math.isnan(found.of("padding")[0].invariance.share)
    assert found.rows == 20


def test_a_constant_model_is_exactly_invariant_and_has_no_share() -> None:
    model = mlp(6, 2)
    nn.init.zeros_(model[0].weight)
    line = named(responses(model, torch.randn(9, 6)), "permutation")[0]
    assert line.invariance.exact == "bit-exact"
    assert math.isnan(line.invariance.share)


def test_one_score_is_a_class_too() -> None:
    """Above 0, or above 1/2 where all outputs are shares: doubling flips none of the first, and of the second those
    between a quarter and a half."""
    rows = torch.rand(200, 1) / 2
    share = float((rows > 0.25).float().mean())
    by = {each.amount: each for each in named(responses(nn.Identity(), rows, classes=True), "scaling")}
    assert by[2.0].flips == pytest.approx(share)
    by = {each.amount: each for each in named(responses(nn.Identity(), rows - 0.2, classes=True), "scaling")}
    assert by[2.0].flips == 0
    assert all(math.isnan(each.flips) for each in responses(nn.Identity(), rows).table)


def test_a_map_of_classes_flips_where_it_does_not_turn_with_the_picture() -> None:
    class Brighter(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return torch.cat([inputs, -inputs], dim=1)

    turns = responses(Brighter(), torch.randn(5, 1, 8, 8), classes=True).of("rotation")
    assert [each.flips for each in turns if each.amount in (90, 180)] == [0, 0]


def test_nothing_is_changed() -> None:
    model = nn.Sequential(conv(pool=True), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    with unchanged(model, PICTURES):
        responses(model, PICTURES, classes=True)


def test_bad_requests_are_one_sentence() -> None:
    with pytest.raises(SettingsError, match="no images"):
        responses(mlp(6, 2), torch.randn(4, 6), layout="images")
    with pytest.raises(SettingsError, match="known layout"):
        responses(mlp(6, 2), torch.randn(4, 6, 2, 2, 2))
    with pytest.raises(SettingsError, match="one row"):
        responses(mlp(6, 2), torch.randn(1, 6))
    with pytest.raises(SettingsError, match="does not accept"):
        responses(mlp(6, 2), torch.randn(4, 5))

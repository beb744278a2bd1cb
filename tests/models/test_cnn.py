"""The convolutional network: shapes, counts, symmetries, and its receptive field against gradients."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.core.runtime import seed_everything
from goodfit.core.task import Signature
from goodfit.models.cnn import ChannelsLast, cnn, receptive_field

SIZES = [(1, 4, 4), (3, 8, 8), (1, 28, 28), (3, 5, 33)]


def grey(side: int, classes: int = 10) -> Signature:
    return Signature((1, side, side), classes)


def pictures(signature: Signature, count: int = 2) -> Tensor:
    return torch.randn(count, *signature.inputs)


@pytest.mark.parametrize("inputs", SIZES)
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 2), (2, 1), (4, 3), (1, 1)])
def test_same_padding_fits_every_picture(inputs: tuple[int, ...], kernel: int, stride: int) -> None:
    signature = Signature(inputs, 7)
    for pooling, residual in product(("max", "average", "none"), (True, False)):
        model = cnn(signature, width=4, depth=4, kernel=kernel, stride=stride, pooling=pooling, residual=residual)
        assert model(pictures(signature)).shape == (2, 7)


@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"])
def test_every_option_gives_finite_outputs_and_gradients(normalisation: str, activation: str) -> None:
    for padding, residual, dropout in product(("same", "valid"), (True, False), (0.0, 0.5)):
        model = cnn(
            grey(16),
            width=4,
            depth=1,
            padding=padding,
            residual=residual,
            dropout=dropout,
            activation=activation,
            normalisation=normalisation,
        )
        outputs = model(pictures(grey(16)))
        outputs.sum().backward()
        assert outputs.shape == (2, 10)
        assert all(torch.isfinite(each.grad).all() for each in model.parameters() if each.grad is not None)
        assert all(each.grad is not None for each in model.parameters())


def test_a_last_batch_of_one_picture_can_be_trained_on() -> None:
    # Batch normalisation refuses a single value for each channel, which maps of 1 x 1 would give.
    for inputs in SIZES:
        cnn(Signature(inputs, 3), width=4, depth=6, stride=2).train()(torch.randn(1, *inputs))


def test_parameters_counted_by_hand() -> None:
    model = cnn(Signature((3, 8, 8), 5), width=4, depth=2)
    first = (3 * 4 * 9 + 8) + 2 * (4 * 4 * 9 + 8)
    second = (4 * 8 * 9 + 16) + 2 * (8 * 8 * 9 + 16)
    assert sum(each.numel() for each in model.parameters()) == first + second + (8 * 5 + 5)


def test_without_normalisation_convolutions_have_a_bias_instead() -> None:
    model = cnn(Signature((1, 8, 8), 5), width=4, depth=1, normalisation="none")
    assert sum(each.numel() for each in model.parameters()) == (9 * 4 + 4) + 2 * (4 * 4 * 9 + 4) + (4 * 5 + 5)


def test_channels_double_with_each_subsampling_and_stop_at_eight_widths() -> None:
    def channels(model: nn.Module) -> list[int]:
        return [block.conv.out_channels for block in model.blocks]

    assert channels(cnn(grey(32), width=2, depth=7)) == [2, 4, 8, 16, 16, 16, 16]
    assert channels(cnn(grey(8), width=2, depth=4)) == [2, 4, 8, 8]
    assert channels(cnn(grey(32), width=2, depth=3, pooling="none")) == [2, 2, 2]
    assert channels(cnn(grey(32), width=2, depth=3, pooling="none", stride=2)) == [2, 4, 8]


def test_residual_changes_the_skip_and_nothing_else() -> None:
    with_skip, without = (cnn(grey(8), width=4, depth=2, residual=residual) for residual in (True, False))
    without.load_state_dict(with_skip.state_dict())
    rows = pictures(grey(8))
    assert not torch.allclose(with_skip(rows), without(rows))


def test_pooling_off_keeps_every_place_for_the_head() -> None:
    assert cnn(grey(8), width=4, depth=2, pooling="none").head.in_features == 4 * 8 * 8
    assert cnn(grey(8), width=4, depth=2).head.in_features == 8


@pytest.mark.parametrize("options", [{}, {"normalisation": "layer"}, {"padding": "valid", "depth": 1}])
def test_a_shifted_picture_gives_shifted_maps(options: dict[str, object]) -> None:
    model = cnn(grey(48), **{"width": 4, "depth": 2, "pooling": "none", **options}).eval()
    picture = torch.zeros(1, 1, 48, 48)
    picture[..., 20:26, 20:26] = torch.randn(6, 6)
    maps, shifted = model.blocks(picture), model.blocks(picture.roll((3, -2), dims=(2, 3)))
    inner = slice(16, 32)
    moved = maps.roll((3, -2), dims=(2, 3))
    assert maps[..., inner, inner].std() > 0
    torch.testing.assert_close(shifted[..., inner, inner], moved[..., inner, inner], rtol=1e-4, atol=1e-5)


def test_batch_normalisation_differs_between_training_and_evaluation() -> None:
    model, rows = cnn(grey(8), width=4, depth=1), pictures(grey(8), 8) * 3 + 1
    assert not torch.allclose(model.train()(rows), model.eval()(rows))
    plain = cnn(grey(8), width=4, depth=1, normalisation="none")
    assert torch.equal(plain.train()(rows), plain.eval()(rows))


def test_the_scale_of_the_signal_survives_thirty_layers_without_normalisation() -> None:
    seed_everything(0)
    model = cnn(grey(8), width=16, depth=10, normalisation="none", residual=False, pooling="none")
    maps = model.blocks(pictures(grey(8), 16))
    # Zeros at the edges cost a little at each layer; with torch's own scale 1e-13 would be left.
    assert 0.01 < maps.std() < 10


def test_the_layout_changes_strides_and_no_number() -> None:
    rows = torch.randn(16, 1, 28, 24)
    laid = ChannelsLast()(rows)
    assert torch.equal(laid, rows)
    assert nn.Conv2d(1, 16, 3)(laid).is_contiguous(memory_format=torch.channels_last)
    assert all(each.is_contiguous() for each in cnn(grey(8)).state_dict().values())


@pytest.mark.parametrize(
    ("side", "options", "fitting"),
    [(28, {"depth": 3}, 1), (8, {"depth": 2}, 0), (28, {"depth": 1, "kernel": 31}, 0)],
)
def test_valid_padding_that_leaves_nothing_is_refused(side: int, options: dict[str, int], fitting: int) -> None:
    with pytest.raises(SettingsError) as caught:
        cnn(grey(side), padding="valid", **options)
    message = str(caught.value)
    assert all(name in message for name in ("model.padding", "model.kernel", "model.depth", f"{side} x {side}"))
    assert "Set model.padding to 'same'" in message
    assert ("set model.depth to 1" in message) == bool(fitting)
    if fitting:
        cnn(grey(side), padding="valid", **{**options, "depth": fitting})


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 2},
        {"depth": 3, "kernel": 5},
        {"depth": 2, "stride": 2},
        {"depth": 3, "pooling": "none"},
        {"depth": 2, "kernel": 4, "pooling": "average"},
        {"depth": 2, "kernel": 2, "padding": "valid", "residual": False},
    ],
)
def test_receptive_field_is_where_the_gradient_is(options: dict[str, object]) -> None:
    # No activation is off at zero and average pooling looks at all it covers, so no path of the field is cut.
    smooth = {"activation": "silu", "pooling": "average", "normalisation": "none", **options}
    model = cnn(Signature((1, 256, 32), 2), width=2, **smooth).double()
    fields = {each.layer: each for each in receptive_field(model)}
    seen: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if name in fields:
            module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    picture = torch.randn(1, 1, 256, 32, dtype=torch.double, requires_grad=True)
    model(picture)
    for name, maps in seen.items():
        middle = maps.shape[2] // 2
        here, next_one = (
            _rows_seen(maps[0, :, row, maps.shape[3] // 2].sum(), picture) for row in (middle, middle + 1)
        )
        assert here.numel() == fields[name].field, name
        assert next_one[0] - here[0] == fields[name].stride, name


def _rows_seen(value: Tensor, picture: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(value, picture, retain_graph=True)
    return gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()


def test_receptive_field_knows_dilation_and_sides() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, (3, 1), dilation=(2, 1)), nn.ReLU(), nn.MaxPool2d(3, stride=2), nn.Flatten())
    assert receptive_field(model) == [("0", 5, 1), ("2", 7, 2)]

"""Self-attention: padding never matters, order matters exactly as asked, order can be learnt."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from goodfit.core.errors import SettingsError
from goodfit.core.task import Signature
from goodfit.models.attention import Encoder, RelativeBias, SinusoidalPosition, attention

SIZES = (30, 8, 5)
SIGNATURE = Signature((3,), 4, SIZES, tokens=True)
POSITIONS = ("relative", "sinusoidal", "none")


def sentences(lengths: list[int], padded: int = 0, seed: int = 0) -> Tensor:
    """Codes (batch, longest, 3) with zeros after each row's length; the first tokens do not hang on ``padded``."""
    codes = torch.zeros(len(lengths), max(max(lengths), padded), len(SIZES), dtype=torch.int64)
    generator = torch.Generator().manual_seed(seed)
    for row, length in enumerate(lengths):
        for feature, size in enumerate(SIZES):
            codes[row, :length, feature] = torch.randint(1, size, (length,), generator=generator)
    return codes


def model(**changed: object) -> Encoder:
    torch.manual_seed(0)
    return attention(SIGNATURE, **{"width": 16, "heads": 4, **changed}).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("normalisation", ["layer", "none"])
@pytest.mark.parametrize("residual", [True, False])
def test_padding_changes_no_output(position: str, normalisation: str, residual: bool) -> None:
    net = model(position=position, normalisation=normalisation, residual=residual)
    lengths = [7, 3, 1]
    together = net(sentences(lengths, padded=40))
    assert together.shape == (3, 4, 40)
    tight = net(sentences(lengths))
    for row, length in enumerate(lengths):
        alone = net(sentences(lengths)[row : row + 1, :length])
        torch.testing.assert_close(together[row, :, :length], alone[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(tight[row, :, :length], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("position", POSITIONS)
def test_what_stands_in_the_padding_changes_no_output(position: str) -> None:
    """Only feature 0 marks padding; codes of the other features there must not be read."""
    net, codes = model(position=position), sentences([7, 3])
    dirty = codes.clone()
    dirty[1, 3:, 1:] = 4
    assert torch.equal(net(codes)[1, :, :3], net(dirty)[1, :, :3])


@pytest.mark.parametrize("position", POSITIONS)
def test_a_row_of_padding_only_gives_numbers(position: str) -> None:
    codes = sentences([5, 1])
    codes[1] = 0
    net = model(position=position).train()
    outputs = net(codes)
    assert outputs.isfinite().all()
    outputs.sum().backward()
    assert all(each.grad is None or each.grad.isfinite().all() for each in net.parameters())


def test_without_position_permuted_tokens_permute_the_outputs() -> None:
    codes = sentences([9])
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    net = model(position="none").double()
    torch.testing.assert_close(net(codes[:, order]), net(codes)[:, :, order], atol=1e-12, rtol=0)


@pytest.mark.parametrize("position", ["relative", "sinusoidal"])
def test_with_position_permuted_tokens_do_not_permute_the_outputs(position: str) -> None:
    codes = sentences([9])
    order = torch.arange(8, -1, -1)
    net = model(position=position)
    assert (net(codes[:, order]) - net(codes)[:, :, order]).abs().max() > 1e-2


def test_every_token_sees_the_whole_sentence() -> None:
    codes = sentences([9])
    other = codes.clone()
    other[0, -1, 0] = codes[0, -1, 0] % 28 + 2
    moved = (model()(codes) - model()(other)).abs().amax(dim=1)[0]
    assert (moved > 0).all()


@pytest.mark.parametrize(("position", "learns"), [("relative", True), ("sinusoidal", True), ("none", False)])
def test_order_is_learnt_only_with_position(position: str, learns: bool) -> None:
    """A token's label is the token before it, which no model that is blind to order can know."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(2, 6, (256, 8, 1), generator=generator)
    targets = codes[..., 0].roll(1, dims=1) - 2
    torch.manual_seed(0)
    net = attention(Signature((1,), 4, (6,), tokens=True), width=32, depth=1, dropout=0.0, position=position)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(120):
        loss = functional.cross_entropy(net(codes)[:, :, 1:], targets[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (loss.item() < 0.1) == learns


def test_relative_bias_depends_on_the_distance_alone_and_is_clipped() -> None:
    bias = RelativeBias(heads=4, reach=3)
    torch.nn.init.normal_(bias.bias)
    table = bias(10)
    assert table.shape == (4, 10, 10)
    assert torch.equal(table[:, 0, 1], table[:, 5, 6])
    assert torch.equal(table[:, 0, 3], table[:, 0, 9])
    assert not torch.equal(table[:, 0, 1], table[:, 1, 0])


def test_heads_begin_looking_at_different_places() -> None:
    looked_at = RelativeBias(heads=8)(21)[:, 10].softmax(dim=-1).argmax(dim=-1) - 10
    assert looked_at.tolist() == [-1, 1, 0, -10, -2, 2, 0, -10]  # everywhere alike: the first place


@pytest.mark.parametrize("width", [7, 8])
def test_sinusoids_follow_the_paper(width: int) -> None:
    waves = SinusoidalPosition()(torch.zeros(1, 5, width))[0]
    expected = 3 / 10_000 ** (2 * 2 / width)
    torch.testing.assert_close(waves[3, 4], torch.tensor(expected).sin())
    torch.testing.assert_close(waves[3, 5], torch.tensor(expected).cos())


def test_training_shows_some_tokens_as_unknown_and_evaluation_none() -> None:
    codes = sentences([50] * 20)
    embedding = model(dropout=0.25).embedding
    unknown = codes.clone()
    unknown[..., 0] = 1
    clear, blank = embedding(codes), embedding(unknown)
    assert torch.equal(embedding.eval()(codes), clear)
    shown = embedding.train()(codes)
    lost = (shown == blank).all(dim=-1) & (clear != blank).any(dim=-1)
    assert 0.2 < lost.float().mean() < 0.3
    assert ((shown == clear).all(dim=-1) | (shown == blank).all(dim=-1)).all()


def test_a_single_feature_is_never_forgotten() -> None:
    net = attention(Signature((1,), 4, (30,), tokens=True), width=8, dropout=0.5)
    codes = torch.full((1, 50, 1), 7)
    assert torch.equal(net.embedding.train()(codes), net.embedding.eval()(codes))


def test_curvature_products_are_possible() -> None:
    net = model()
    with sdpa_kernel(SDPBackend.MATH):
        loss = functional.cross_entropy(net(sentences([4, 3])), torch.zeros(2, 4, dtype=torch.int64))
        gradients = torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
        product = torch.autograd.grad(sum(g.pow(2).sum() for g in gradients), list(net.parameters()))
    assert all(each.isfinite().all() for each in product)


@pytest.mark.parametrize(
    ("changed", "repair"),
    [
        ({"heads": 3}, r"Choose model\.heads=2"),
        ({"heads": 12}, r"Choose model\.heads=8"),
        ({"normalisation": "batch"}, "'layer'"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, object], repair: str) -> None:
    with pytest.raises(SettingsError, match=repair):
        model(**changed)


def test_rows_that_are_no_sentences_are_refused() -> None:
    with pytest.raises(SettingsError, match="not sequences"):
        attention(Signature((28,), 4))


@pytest.mark.parametrize(("width", "heads", "chosen"), [(128, 3, 2), (12, 5, 4), (1, 4, 1)])
def test_heads_that_do_not_divide_the_width_are_told_the_next_number_that_does(
    width: int, heads: int, chosen: int
) -> None:
    with pytest.raises(SettingsError, match=rf"Choose model\.heads={chosen}, or a width that {heads} divides"):
        attention(Signature((1,), 2, (5,), tokens=True), width=width, heads=heads)

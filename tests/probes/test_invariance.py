from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.probes import batch_coupled, order_blind, padding_in_loss, padding_reach, train_eval_gap
from tests.probes.models import Tagger, mlp, padded


class Mean(nn.Module):
    """The mean over the steps of (batch, length) numbers, over all or over the real ones."""

    def __init__(self, *, aware: bool) -> None:
        super().__init__()
        self.step, self.out, self.aware = nn.Linear(1, 8), nn.Linear(8, 1), aware

    def forward(self, inputs: Tensor) -> Tensor:
        steps = torch.tanh(self.step(inputs[..., None]))
        weight = (inputs != 0).float()[..., None] if self.aware else torch.ones_like(steps[..., :1])
        return self.out((steps * weight).sum(1) / weight.sum(1))


class Recurrent(nn.Module):
    """A GRU over codes; its state after the last position, or after the last real one."""

    def __init__(self, *, aware: bool) -> None:
        super().__init__()
        self.table, self.rnn, self.out, self.aware = nn.Embedding(7, 8), nn.GRU(8, 8, batch_first=True), None, aware

    def forward(self, codes: Tensor) -> Tensor:
        states, _ = self.rnn(self.table(codes))
        return states[torch.arange(len(codes)), (codes != 0).sum(1) - 1] if self.aware else states[:, -1]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_attention_without_position_is_blind(pool: bool, mask: bool) -> None:
    for codes in (padded(), torch.randint(0, 7, (32, 12))):
        found = order_blind(Tagger(pool=pool, mask=mask), codes)
        assert found.sequence
        assert found.error < 1e-4
    assert order_blind(Tagger(pool=pool, mask=mask, position=True), padded()).error > 0.05


def test_order_matters_to_a_recurrent_net_and_to_a_table_model() -> None:
    assert order_blind(Recurrent(aware=True), padded()).error > 0.05
    assert order_blind(mlp(6, 8, 2), torch.randn(40, 6)).error > 0.1


def test_features_of_a_position_stay_together() -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(3, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            return torch.tanh(self.out(inputs)).sum(1)

    assert order_blind(Bag(), torch.randn(16, 5, 3)).error < 1e-5


def test_pictures_are_no_sequences_and_a_constant_model_cannot_be_asked() -> None:
    picture = order_blind(nn.Flatten(), torch.randn(4, 1, 5, 5))
    assert not picture.sequence
    assert math.isnan(picture.error)
    constant = mlp(6, 2)
    nn.init.zeros_(constant[0].weight)
    assert math.isnan(order_blind(constant, torch.randn(8, 6)).error)


def numbers() -> Tensor:
    return padded() * (1 + torch.rand(40, 12))


@pytest.mark.parametrize(
    ("good", "bad", "inputs"),
    [
        (Mean(aware=True), Mean(aware=False), numbers()),
        (Recurrent(aware=True), Recurrent(aware=False), padded()),
        (Tagger(mask=True), Tagger(mask=False), padded()),
        (Tagger(mask=True, pool=True), Tagger(mask=False, pool=True), padded()),
    ],
    ids=["mean of numbers", "recurrent", "tokens", "pooled attention"],
)
def test_padding_reaches_only_models_that_do_not_mask_it(good: nn.Module, bad: nn.Module, inputs: Tensor) -> None:
    clean, leaky = padding_reach(good, inputs), padding_reach(bad, inputs)
    assert clean.accepts == leaky.accepts == ("appended", "cut")
    assert 0.5 < clean.padded < 1
    assert clean.largest < 1e-4
    assert leaky.appended > 0.01
    assert leaky.cut > 0.01


def test_a_fixed_length_is_reported_as_such() -> None:
    found = padding_reach(mlp(12, 8, 2), numbers())
    assert found.accepts == ()
    assert math.isnan(found.largest)


def test_no_padding_no_question() -> None:
    assert padding_reach(Tagger(), padded().clamp(min=1)).padded == 0
    everywhere = torch.randint(0, 4, (200, 12))  # 0 is a code like the others
    assert padding_reach(Tagger(), everywhere).padded == 0


def test_another_padding_code() -> None:
    codes = padded()
    last = torch.where(codes == 0, 6, codes - 1)
    assert padding_reach(Tagger(), torch.where(last == 5, 4, last), padding=6).appended > 0.01


def test_padding_in_the_loss() -> None:
    codes = padded()
    targets = codes % 3
    share = padding_in_loss(Tagger(), functional.cross_entropy, codes, targets)
    assert share == pytest.approx(float((codes == 0).float().mean()), rel=0.4)
    ignored = torch.where(codes == 0, -100, targets)
    assert padding_in_loss(Tagger(), functional.cross_entropy, codes, ignored) == 0
    pooled = padding_in_loss(Tagger(pool=True), functional.cross_entropy, codes, targets[:, 0])
    assert math.isnan(pooled)


def test_rows_that_depend_on_each_other() -> None:
    inputs = torch.randn(64, 6)
    assert batch_coupled(mlp(6, 8, 3, norm=True), inputs) < 1e-5
    assert batch_coupled(nn.Sequential(mlp(6, 8, 3), nn.Softmax(dim=1)), inputs) < 1e-5
    assert batch_coupled(nn.Sequential(mlp(6, 8, 3), nn.Softmax(dim=0)), inputs) > 0.5
    always = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 2))
    assert batch_coupled(always, inputs) > 0.05
    assert math.isnan(batch_coupled(mlp(6, 2), inputs[:3]))


def test_a_recurrent_layer_that_takes_rows_for_steps_couples_them() -> None:
    class Swapped(nn.Module):
        def __init__(self, batch_first: bool) -> None:
            super().__init__()
            self.rnn = nn.GRU(3, 8, batch_first=batch_first)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.rnn(inputs)[0].mean(1)

    inputs = torch.randn(32, 6, 3)
    assert batch_coupled(Swapped(batch_first=True), inputs) < 1e-5
    assert batch_coupled(Swapped(batch_first=False), inputs) > 0.01


def test_one_row_of_its_length_and_a_squeezed_output() -> None:
    class Squeezed(Mean):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs).squeeze()

    inputs = torch.randn(4, 8) * (torch.arange(8) < torch.tensor([[8], [6], [6], [3]]))
    assert padding_reach(Squeezed(aware=True), inputs).accepts == ("appended", "cut")


def test_running_statistics_that_lag_show_as_a_gap_and_dropout_does_not() -> None:
    inputs = 5 + 3 * torch.randn(64, 6)
    batches = [(each, (each[:, 0] > 5).long()) for each in inputs.split(16)]
    slow = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=1e-4), nn.ReLU(), nn.Linear(8, 2))
    for _ in range(5):
        slow.train()(inputs)
    found = train_eval_gap(slow, functional.cross_entropy, batches)
    assert found.gap > 0.1
    slow[1].momentum = None  # an average over all batches
    slow[1].reset_running_stats()
    slow(inputs)
    assert abs(train_eval_gap(slow, functional.cross_entropy, batches).gap) < found.gap / 5
    dropped = mlp(6, 8, 2, dropout=0.9)
    assert train_eval_gap(dropped, functional.cross_entropy, batches).gap == 0


def test_a_batch_of_one_row_has_no_statistics() -> None:
    model, inputs = mlp(6, 8, 2, norm=True), torch.randn(9, 6)
    batches = [(each, torch.zeros(len(each)).long()) for each in inputs.split(8)]
    assert math.isfinite(train_eval_gap(model, functional.cross_entropy, batches).gap)


class Loudness(nn.Module):
    """Clips (rows, 1, length) to a mean over the steps, over all or those that are not silent."""

    def __init__(self, aware: bool) -> None:
        super().__init__()
        self.near, self.aware = nn.Conv1d(1, 4, 3, padding=1, bias=False), aware

    def forward(self, inputs: Tensor) -> Tensor:
        states = self.near(inputs).relu()
        real = (inputs != 0).float() if self.aware else torch.ones_like(inputs)
        return (states * real).sum(2) / real.sum(2)


def test_padding_along_the_last_axis() -> None:
    clips = numbers()[:, None]
    clean, leaky = (padding_reach(Loudness(aware), clips) for aware in (True, False))
    assert clean.accepts == leaky.accepts == ("appended", "cut")
    assert clean.largest < 1e-4
    assert leaky.largest > 0.01
    targets = clips[:, 0].round()
    share = padding_in_loss(
        nn.Conv1d(1, 1, 1), lambda found, wanted: (found[:, 0] - wanted).abs().mean(), clips, targets
    )
    assert share == pytest.approx(float((targets == 0).float().mean()), rel=0.1)

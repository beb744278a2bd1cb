"""Symptoms of tiny networks after one epoch, and of facts made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from goodfit.causes import (
    CAUSES,
    Branch,
    Facts,
    batch,
    capacity,
    generalisation,
    gradients,
    labels,
    loss,
    normalisation,
    rate,
    regularisation,
    sequence,
    setup,
)
from goodfit.core.run import Outcome
from goodfit.core.statistics import Estimate
from goodfit.data.questions.drift import Drift
from goodfit.data.questions.labels import Association, Collapsed, Misaligned, Noise
from goodfit.data.questions.leaks import Duplicates, SortedSplit, Telling
from goodfit.data.questions.scales import Order
from tests.causes import making
from tests.causes.facts import KNOWN, around, facts, plain, regression
from tests.causes.faulty import Cube, Last, Listed, coarse, sunk, zeroed
from tests.causes.lookalikes import RandomFeatures, half_sunk, last_zero, orthogonal
from tests.causes.making import CROSS, Attending, Bag, Squeeze, net

# -- the causes


def test_labels_are_those_of_the_set_and_unique() -> None:
    names = [cause.label for cause in CAUSES]
    assert len(names) == len(set(names)) == 28
    assert set(names) == KNOWN


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.label)
def test_a_cause_says_what_it_means_what_must_happen_and_what_to_do(cause: Any) -> None:
    for words in (cause.meaning, cause.prediction, cause.remedy):
        assert words.strip() == words
        assert words.endswith(".")
        assert len(words.split()) >= 2
    assert isinstance(cause.branch, Branch)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.label)
def test_nothing_plain_is_seen_on_a_plain_job(cause: Any) -> None:
    found = cause.symptom(plain())
    assert 0 <= found.score < 0.3, found.sentence
    assert bool(found) == (found.score > 0)


# -- set-up


def test_frozen() -> None:
    assert setup.frozen(facts(Listed)).score >= 0.8
    assert setup.frozen(facts(RandomFeatures)).score >= 0.8
    forgotten = facts(lambda: net(2, 8, 3), optimizer=lambda p: torch.optim.Adam(list(p)[2:], lr=0.01))
    found = setup.frozen(forgotten)
    assert found.score >= 0.8
    assert "0.weight" in found.sentence
    assert setup.frozen(plain()).score == 0


def test_two_softmaxes() -> None:
    assert loss.double_softmax(facts(lambda: net(2, 8, 3, end=[nn.Softmax(1)]))).score > 0.9
    assert loss.double_softmax(facts(lambda: net(2, 8, 3, end=[nn.LogSoftmax(1)]))).score == 0
    x, y, v, w = making.rings(120, kinds=2)
    parts = x, y[:, None].astype(float), v, w[:, None].astype(float)
    model = partial(net, 2, 8, 1, end=[nn.Sigmoid()])
    assert loss.double_softmax(facts(model, parts, nn.BCEWithLogitsLoss())).score > 0.8
    assert loss.double_softmax(facts(model, parts, nn.BCELoss())).score == 0


def test_outputs_that_cannot_reach() -> None:
    assert loss.output_activation(regression(lambda: net(4, 8, 1, end=[nn.ReLU()]))).score > 0.9
    x, y, v, w = making.surface(120)
    positive = x, np.exp(y / 2), v, np.exp(w / 2)
    reaching = facts(lambda: net(4, 8, 1, end=[nn.ReLU()]), positive, nn.MSELoss(), task="regression")
    assert loss.output_activation(reaching).score == 0
    over_rows = facts(lambda: net(2, 8, 3, end=[nn.Softmax(0)]))
    assert loss.output_activation(over_rows).score > 0.9
    assert loss.output_activation(facts(lambda: net(2, 8, 3, end=[nn.Tanh()]))).score >= 0.7
    assert loss.output_activation(plain()).score == 0


def test_losses_that_do_not_fit() -> None:
    x, y, v, w = making.surface(120)
    stretched = lambda outputs, targets: ((outputs - targets) ** 2).mean()  # noqa: E731
    flat = x, y[:, 0], v, w[:, 0]
    assert loss.wrong_loss(facts(lambda: net(4, 8, 1), flat, stretched, task="regression")).score > 0.9
    assert loss.wrong_loss(facts(lambda: net(4, 8, 1, end=[Squeeze()]), flat, stretched, task="regression")).score == 0
    assert loss.wrong_loss(facts(lambda: net(2, 8, 3), goal=nn.NLLLoss())).score >= 0.8
    away = lambda outputs, targets: -CROSS(outputs, targets)  # noqa: E731
    assert loss.wrong_loss(facts(lambda: net(2, 8, 3), goal=away)).score > 0.8
    assert loss.wrong_loss(plain()).score == 0


def test_padding_that_reaches_and_padding_that_does_not() -> None:
    assert sequence.padding_leak(facts(Last, making.lasts(120))).score > 0.5
    assert sequence.padding_leak(facts(lambda: Bag(3, 3), making.padded(120))).score > 0.5
    assert sequence.padding_leak(facts(lambda: Bag(3, 3, masked=True), making.padded(120))).score == 0
    assert sequence.padding_leak(facts(lambda: Bag(7, 3), making.bags(120))).score == 0


def test_order_that_is_not_seen() -> None:
    assert sequence.missing_position(facts(lambda: Attending(7, 2), making.orders(120))).score > 0.8
    assert sequence.missing_position(facts(lambda: Attending(7, 2, 6), making.orders(120))).score == 0
    assert sequence.missing_position(plain()).score == 0


def test_wild_columns_and_targets() -> None:
    x, y, v, w = making.rings(120)
    seen = [
        normalisation.unnormalised(facts(lambda: net(2, 8, 3), (size * x, y, size * v, w))).score
        for size in (1, 20, 100, 1000)
    ]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, pytest.approx(0.9))
    normed = lambda: nn.Sequential(nn.BatchNorm1d(2), *net(2, 8, 3))  # noqa: E731
    assert normalisation.unnormalised(facts(normed, (1000 * x, y, 1000 * v, w))).score < 0.5
    a, b, c, d = making.surface(120)
    huge = facts(lambda: net(4, 8, 1), (a, 5000 * b, c, 5000 * d), nn.MSELoss(), task="regression")
    assert normalisation.unnormalised(huge).score > 0.5


def test_statistics_of_batches() -> None:
    def model(momentum: float) -> nn.Sequential:
        return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16, momentum=momentum), nn.ReLU(), nn.Linear(16, 3))

    assert normalisation.batchnorm(facts(lambda: model(0.001))).score > 0.7
    usual = facts(lambda: model(0.1))
    even = replace(usual, end=replace(usual.end, gap=None))
    assert normalisation.batchnorm(even).score == 0
    sizes = [normalisation.batchnorm(replace(even, job=even.job.with_recipe(batch_size=n))).score for n in (8, 4, 2)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 0.5


# -- optimisation


def with_batch(size: int) -> Facts:
    return replace(plain(), job=plain().job.with_recipe(batch_size=size))


def test_batches_too_small_and_too_large() -> None:
    small = [batch.too_small(with_batch(size)).score for size in (16, 8, 4, 2, 1)]
    assert small == sorted(small)
    assert (small[0], small[-1] > 0.7) == (0, True)
    large = [batch.too_large(with_batch(size)).score for size in (8, 32, 64, 84)]
    assert large == sorted(large)
    assert (large[0], large[-1] > 0.7) == (0, True)
    long = replace(with_batch(84), job=plain().job.with_recipe(batch_size=84, epochs=2000))
    assert batch.too_large(long).score < large[-1] / 2


def test_rows_in_an_order() -> None:
    rows = {"longest_run": 0.4, "autocorrelation": 0.99, "p": 1e-9}
    ordered = replace(plain(), data=replace(plain().data, order=Order(**rows, sorted_by="targets")))
    assert batch.unshuffled(ordered).score == 0
    assert batch.unshuffled(replace(ordered, job=plain().job.with_recipe(shuffle=False))).score > 0.9
    none = replace(ordered.data, order=Order(0.1, 0.0, 0.6, None))
    assert batch.unshuffled(replace(ordered, data=none, job=plain().job.with_recipe(shuffle=False))).score <= 0.2
    split = SortedSplit("targets", (0.0, 1.0), (2.0, 2.0))
    assert batch.unshuffled(replace(plain(), data=replace(plain().data, sorted_split=split))).score > 0.9


def with_rate(value: float, **settings: Any) -> Facts:
    known = replace(plain().model.optimizer, rates=(value,), **settings)
    return replace(plain(), model=replace(plain().model, optimizer=known))


def test_rates() -> None:
    rates = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    high, low = ([seen(with_rate(value)).score for value in rates] for seen in (rate.too_high, rate.too_low))
    assert high == sorted(high)
    assert low == sorted(low, reverse=True)
    assert (high[-1] >= 0.8, low[0] >= 0.8) == (True, True)
    assert max(high[3], low[3]) < 0.3
    fine = rate.too_high(with_rate(0.2, name="SGD")).score
    assert rate.too_high(with_rate(0.2, name="SGD", momentum=0.9)).score > fine


def test_a_run_that_broke_off_points_to_the_rate_and_not_to_more_time() -> None:
    lost = replace(plain(), control=replace(plain().control, outcome=Outcome.DIVERGED))
    assert rate.too_high(lost).score >= 0.7
    assert rate.too_low(lost).score == rate.few_epochs(lost).score == 0


def test_a_loss_that_still_falls() -> None:
    course = [replace(plain().control, train_losses=tuple(2.0 * q**k for k in range(20))) for q in (1.0, 0.97, 0.9)]
    many = plain().job.with_recipe(epochs=20)
    seen = [rate.few_epochs(replace(plain(), job=many, control=each)).score for each in course]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1] > 0.5) == (0.1, True)
    few = replace(plain(), job=plain().job.with_recipe(epochs=2), control=course[0])
    assert rate.few_epochs(few).score > 0.4


def test_attention_asks_for_a_warm_up() -> None:
    attending = facts(lambda: Attending(7, 2, 6), making.orders(120))
    assert rate.no_warmup(attending).score > 0.4
    assert rate.no_warmup(replace(attending, job=attending.job.with_recipe(warmup=0.2))).score == 0
    assert rate.no_warmup(plain()).score == 0


def test_initial_weights() -> None:
    assert gradients.bad_initialisation(facts(lambda: coarse(net(2, 32, 3), 5.0))).score > 0.8
    assert gradients.bad_initialisation(facts(lambda: coarse(net(2, 32, 32, 3), 0.01))).score > 0.8
    assert gradients.bad_initialisation(facts(lambda: orthogonal(net(2, 32, 3)))).score == 0
    assert gradients.bad_initialisation(facts(lambda: zeroed(net(2, 8, 3)))).score > 0.7
    equal = facts(lambda: coarse(net(2, 8, 3), 0.0).requires_grad_())
    assert gradients.bad_initialisation(equal).score > 0.7


def test_stationary_starts() -> None:
    assert gradients.saddle(facts(lambda: zeroed(net(2, 8, 8, 3, act=nn.Tanh)))).score > 0.8
    assert gradients.saddle(facts(lambda: coarse(net(2, 8, 3, act=nn.Tanh), 1e-4))).score > 0.8
    assert gradients.saddle(facts(lambda: last_zero(net(2, 8, 8, 3)))).score < 0.1
    assert gradients.saddle(plain()).score == 0


def test_units_that_are_dead() -> None:
    shares = [
        gradients.dead(facts(each)).score for each in (lambda: net(2, 60, 3), half_sunk_3, lambda: sunk(net(2, 60, 3)))
    ]
    assert shares == sorted(shares)
    assert (shares[0], shares[1] < 0.3, shares[2] > 0.8) == (0, True, True)


def half_sunk_3() -> nn.Sequential:
    model = half_sunk()
    model[2] = nn.Linear(60, 3)
    return model


def test_gradients_through_depth() -> None:
    shallow, deep = (facts(lambda n=n: net(2, *[12] * n, 3, act=nn.Sigmoid)) for n in (1, 7))
    assert gradients.vanishing(deep).score > 0.7 > 0.1 > gradients.vanishing(shallow).score
    assert gradients.vanishing(facts(lambda: net(2, *[32] * 4, 3, act=nn.Tanh))).score < 0.3
    x, y, v, w = making.surface(120)
    growing = facts(lambda: net(4, 16, 16, 16, 1, act=Cube), (4 * x, y, 4 * v, w), nn.MSELoss(), task="regression")
    assert gradients.exploding(growing).score > 0.5 > 0.1 > gradients.exploding(plain()).score


def test_networks_that_cannot_express_it() -> None:
    settled = replace(plain().control, train_losses=(1.0,) * 10)

    def seen(*sizes: int) -> float:
        known = plain() if len(sizes) > 2 and sizes[1] == 32 else facts(lambda: net(*sizes))
        return capacity.model_bias(replace(known, control=settled)).score

    assert seen(2, 3) > 0.7
    narrow = [seen(2, width, 3) for width in (32, 8, 4, 2)]
    assert narrow == sorted(narrow)
    assert (narrow[0] < 0.3, narrow[-1] > 0.5) == (True, True)


# -- restraint and data


def test_penalties() -> None:
    def dropping(p: float) -> Facts:
        return facts(lambda: nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 3)))

    seen = [regularisation.over_regularised(dropping(p)).score for p in (0.1, 0.3, 0.6, 0.8, 0.95)]
    assert seen == sorted(seen)
    assert (seen[1], seen[-1] > 0.8) == (0, True)
    decays = [regularisation.over_regularised(with_rate(0.01, weight_decay=d)).score for d in (0.0, 1e-4, 0.01, 0.3)]
    assert decays == sorted(decays)
    assert (decays[1], decays[-1] > 0.8) == (0, True)
    gentle = with_rate(0.001, weight_decay=0.01, decoupled=True)
    assert regularisation.over_regularised(gentle).score == 0


def judged(train: float, validation: float, best: float = math.inf) -> Facts:
    known = plain().control
    return replace(
        plain(),
        control=replace(
            known,
            train=replace(known.train, error=train),
            validation=replace(known.validation, error=validation),
            validation_errors={1: min(best, validation), 2: validation},
        ),
    )


def test_memory_shows_as_a_gap_or_as_worsening() -> None:
    gaps = [regularisation.overfitting(judged(0.1, 0.1 + gap)).score for gap in (0.0, 0.04, 0.2, 0.5)]
    assert gaps == sorted(gaps)
    assert (gaps[1], gaps[-1] > 0.5) == (0, True)
    worse = regularisation.overfitting(judged(0.3, 0.5, best=0.2))
    assert worse.score > regularisation.overfitting(judged(0.3, 0.5)).score
    assert "at best it was 20%" in worse.sentence


def with_data(**found: Any) -> Facts:
    return replace(plain(), data=replace(plain().data, **found))


def test_copies_and_columns_that_tell() -> None:
    def copied(share: float) -> Facts:
        return with_data(duplicates=Duplicates(share, share, 0.0, around(share), around(0.0)))

    seen = [generalisation.leak(copied(share)).score for share in (0.0, 0.05, 0.3)]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1] > 0.9) == (0, True)
    natural = with_data(duplicates=Duplicates(0.4, 0.4, 0.4, around(0.0, 0.03), around(0.0)))
    assert generalisation.leak(natural).score == 0
    assert generalisation.leak(with_data(telling=(Telling(2, 0.99, 0.3, None),))).score > 0.9
    finding = generalisation.leak_finding(copied(0.3))
    assert finding is not None
    assert finding.supports


def test_labels_that_are_wrong_in_a_system() -> None:
    assert labels.bad_labels(with_data(misaligned=Misaligned(1, False, 0.8, 0.0))).score > 0.9
    assert labels.bad_labels(with_data(collapsed=Collapsed(1, 1.0, (), ()))).score >= 0.9
    lost = Collapsed(2, 0.6, (1,), ())
    assert labels.bad_labels(with_data(collapsed=lost)).score > 0.4
    split = SortedSplit("targets", (0.0, 1.0), (2.0, 2.0))
    assert labels.bad_labels(with_data(collapsed=lost, sorted_split=split)).score == 0
    nothing = with_data(association=Association(0.0, 0.0, 0.5), association_validation=Association(0.6, 0.0, 0.005))
    assert labels.bad_labels(nothing).score > 0.9
    assert labels.bad_labels(with_data(association=Association(0.0, 0.0, 0.5))).score < 0.6


def test_noise_in_labels() -> None:
    def noisy(rate: Estimate, by: str = "confident predictions") -> Facts:
        return with_data(noise=Noise(rate, (1, 2, 3), by))

    seen = [labels.label_noise(noisy(around(share))).score for share in (0.03, 0.08, 0.15, 0.4)]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1] > 0.9) == (0, True)
    shifted = replace(noisy(around(0.4)).data, misaligned=Misaligned(1, False, 0.8, 0.0))
    assert labels.label_noise(replace(plain(), data=shifted)).score == 0


def test_rare_classes_count_only_if_they_are_missed() -> None:
    x, y, v, w = making.rings(300, kinds=2)
    rare = np.r_[np.flatnonzero(y == 1)[:6], np.flatnonzero(y == 0)]
    known = facts(lambda: net(2, 8, 2), (x[rare], y[rare], v, w))

    def found(*recalls: float) -> Facts:
        part = replace(known.control.validation, recalls=recalls)
        return replace(known, control=replace(known.control, validation=part))

    assert labels.class_imbalance(found(0.99, 0.1)).score > 0.6
    assert labels.class_imbalance(found(0.99, 0.97)).score == 0
    assert labels.class_imbalance(found(0.2, 0.2)).score == 0


def test_parts_that_differ_need_not_matter() -> None:
    apart = Drift(around(0.9), ((0, 1.0),), "trees")
    assert generalisation.mismatch(with_data(drift=apart)).score == 0
    gap = replace(judged(0.1, 0.6), data=replace(plain().data, drift=apart))
    assert 0.2 < generalisation.mismatch(gap).score < 0.5
    finding = generalisation.mismatch_finding(gap)
    assert finding is not None
    assert not finding.supports

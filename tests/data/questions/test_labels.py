import numpy as np
import pytest
import torch
from sklearn import datasets

from goodfit.data.questions.labels import association, collapsed, misaligned, noise, recoded
from goodfit.data.questions.quick import quick_fit
from tests.data.questions.made import SETS, cut, flipped, weak


@pytest.mark.parametrize("name", list(SETS))
@pytest.mark.parametrize("seed", range(2))
def test_clean_labels_are_left_alone(name, seed):
    fit = quick_fit(*cut(*SETS[name](), seed=seed), "classification")
    assert not noise(fit).found
    assert recoded(fit) is None


@pytest.mark.parametrize("name", ["breast cancer", "moons"])
@pytest.mark.parametrize("rate", [0.25, 0.35])
def test_flips_in_training_alone_are_found(name, rate):
    (x, y), validation = cut(*SETS[name]())
    wrong = torch.as_tensor(flipped(y.numpy(), rate))
    found = noise(quick_fit((x, wrong), validation, "classification"))
    assert found.by == "clean validation"
    assert found.rate.low < rate < found.rate.high
    assert np.mean([bool(wrong[i] != y[i]) for i in found.suspicious[:30]]) > 0.8


def test_flips_in_both_parts_are_found_among_confident_predictions():
    x, y = datasets.load_digits(return_X_y=True)
    found = noise(quick_fit(*cut(x, flipped(y, 0.2)), "classification"))
    assert found.by == "confident predictions"
    assert found.rate.low <= 0.22


def test_replaced_numbers_are_found_and_honest_noise_is_not():
    x, y = datasets.make_regression(500, 8, noise=5, random_state=0)
    train, validation = cut(x, y)
    assert not noise(quick_fit(train, validation, "regression")).found
    rng = np.random.default_rng(0)
    some = torch.as_tensor(np.flatnonzero(rng.random(len(train[1])) < 0.3))
    wrong = train[1].clone()
    wrong[some] = wrong[some[torch.randperm(len(some))]]
    found = noise(quick_fit((train[0], wrong), validation, "regression"))
    assert found.found
    assert np.isin(found.suspicious[:20], some).mean() > 0.8
    loud = datasets.make_regression(500, 8, noise=80, random_state=0)
    assert not noise(quick_fit(*cut(*loud), "regression")).found


def test_wild_spells_of_a_series_are_not_taken_for_replaced_numbers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 4))
    wild = np.repeat(np.arange(30) % 3 == 0, 30)
    y = x[:, 0] + x[:, 1] + np.where(wild, 2.5, 0.1) * rng.normal(size=900)
    order = rng.permutation(900)
    train, validation = (x[:700], y[:700]), (x[700:], y[700:])
    parts = [tuple(torch.as_tensor(each).float() for each in part) for part in (train, validation)]
    assert not noise(quick_fit(*parts, "regression")).found
    mixed = [(x[order[:700]], y[order[:700]]), (x[order[700:]], y[order[700:]])]
    parts = [tuple(torch.as_tensor(each).float() for each in part) for part in mixed]
    assert noise(quick_fit(*parts, "regression")).found


def test_targets_of_few_values_are_not_taken_for_replaced_numbers():
    x, y = datasets.load_digits(return_X_y=True)
    assert not noise(quick_fit(*cut(x[:600, :34], y[:600].astype(float)), "regression")).found
    several = (x[:600, 20:28] > 8).astype(float)
    assert not noise(quick_fit(*cut(x[:600, 28:50], several), "classification")).found


def test_copies_in_validation_are_not_taken_for_noise_in_training():
    train, _ = cut(*weak())
    assert not noise(quick_fit(train, train, "classification")).found


def test_association():
    (x, y), _ = cut(*weak())
    assert association(x, y, "classification").p < 0.02
    shuffled = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0))]
    assert association(x, shuffled, "classification").p > 0.05
    ring = datasets.make_circles(300, noise=0.05, random_state=0)
    assert association(*cut(*ring)[0], "classification").score > 0.5
    assert association(x, torch.zeros(len(x)), "regression") is None


def test_shifted_and_reversed_targets():
    (x, y), _ = cut(*SETS["breast cancer"]())
    assert misaligned(x, y, "classification") is None
    assert misaligned(x, y.roll(2), "classification").shift == 2
    assert misaligned(x, y.roll(-1), "classification").shift == -1
    assert misaligned(x, y.flip(0), "classification").reversed
    shuffled = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0))]
    assert misaligned(x, shuffled, "classification") is None


def test_a_smooth_series_is_not_misaligned():
    series = torch.randn(400, generator=torch.Generator().manual_seed(0)).cumsum(0)
    windows = series.unfold(0, 6, 1)
    assert misaligned(windows[:, :5], windows[:, 5], "regression") is None


@pytest.mark.parametrize(("name", "code"), [("wine", [1, 2, 0]), ("iris", [0, 2, 1]), ("breast cancer", [1, 0])])
def test_renumbered_classes(name, code):
    train, (x, y) = cut(*SETS[name](), part=0.6)
    found = recoded(quick_fit(train, (x, torch.tensor(code)[y]), "classification"))
    assert found.mapping == {old: new for old, new in enumerate(code) if old != new}


def test_other_inputs_are_not_other_codes():
    train, (x, y) = cut(*SETS["wine"]())
    assert recoded(quick_fit(train, (x + 3 * x.std(0), y), "classification")) is None
    noisy = torch.as_tensor(flipped(y.numpy(), 0.6))
    assert recoded(quick_fit(train, (x, noisy), "classification")) is None


def test_rescaled_and_swapped_numbers():
    x = np.random.default_rng(0).standard_normal((400, 6))
    y = 50 * np.stack([x[:, 0] + x[:, 1], x[:, 2] - x[:, 3]], axis=1)
    train, (a, b) = cut(x, y)
    assert recoded(quick_fit(train, (a, b), "regression")) is None
    assert recoded(quick_fit(train, (a, b.flip(1)), "regression")).mapping == {0: 1, 1: 0}
    one = train[0], train[1][:, 0]
    found = recoded(quick_fit(one, (a, 4 * b[:, 0]), "regression"))
    assert found.factor == pytest.approx(4, rel=0.1)
    assert recoded(quick_fit(one, (a, -b[:, 0]), "regression")).factor == pytest.approx(-1, rel=0.1)


def test_collapsed_targets():
    labels = torch.tensor([0, 1, 2] * 20)
    assert collapsed(torch.zeros(60).long(), labels, "classification").found
    assert collapsed(torch.zeros(60).long(), labels, "classification").lost == (1, 2)
    assert not collapsed(labels, labels, "classification").found
    assert not collapsed(torch.rand(60), torch.rand(9), "regression").found
    assert collapsed(torch.full((9, 4), 3), labels[None], "sequence_labelling").distinct == 1

import numpy as np
import pytest
import torch
from sklearn import datasets

from goodfit.data.questions.quick import quick_fit
from tests.data.questions.made import SETS, cut


def test_held_out_and_validation_agree_on_one_distribution():
    fit = quick_fit(*cut(*SETS["breast cancer"]()), "classification")
    assert fit.held_out.low > 0.9
    assert fit.held_out.low <= fit.validation.high
    assert fit.validation.low <= fit.held_out.high
    assert fit.constant_held_out.high < 0.7
    assert set(fit.on_train.recalls) == {0, 1}


def test_regression_is_scored_by_variance_explained():
    x, y = datasets.make_friedman1(400, noise=0.5, random_state=0)
    fit = quick_fit(*cut(x, 100 * y), "regression")
    assert fit.held_out.low > 0.7
    assert fit.validation.value > 0.7
    assert fit.probabilities is None


def test_one_hot_single_column_and_class_numbers_give_the_same():
    (x, y), (a, b) = cut(*SETS["wine"]())
    first = quick_fit((x, y), (a, b), "classification")
    second = quick_fit((x, torch.eye(3)[y]), (a, torch.eye(3)[b]), "classification")
    assert first.held_out == second.held_out


def test_copies_of_training_rows_are_not_rows_unseen():
    train, validation = cut(*SETS["weak"]())
    copied = tuple(torch.cat([new[:60], old[:100]]) for new, old in zip(validation, train, strict=True))
    fit = quick_fit(train, copied, "classification")
    assert fit.unseen.sum() == 60


def test_copies_within_training_do_not_flatter():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 8)), rng.integers(0, 2, 60)
    train = cut(np.repeat(x, 6, axis=0), np.repeat(y, 6), part=1.0)[0]
    assert quick_fit(train, train, "classification").held_out.value < 0.75


def test_rare_classes_show_in_the_balanced_score():
    x, y = datasets.make_classification(600, 10, weights=[0.97], class_sep=0.3, flip_y=0, random_state=0)
    fit = quick_fit(*cut(x, y), "classification")
    assert fit.balanced_held_out.value < 0.75 < fit.held_out.value


def test_sequences_are_read_by_place():
    tokens = torch.randint(0, 5, (300, 6), generator=torch.Generator().manual_seed(0))
    fit = quick_fit((tokens[:200], tokens[:200].flip(1)), (tokens[200:], tokens[200:].flip(1)), "sequence_labelling")
    assert fit.held_out.value > 0.98


def test_same_seed_same_answer():
    parts = cut(*SETS["iris"]())
    first, second = (quick_fit(*parts, "classification", seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


@pytest.mark.parametrize("targets", [torch.zeros(50).long(), torch.full((50,), float("nan"))])
def test_not_askable(targets):
    objective = "classification" if targets.dtype == torch.long else "regression"
    inputs = torch.rand(50, 3)
    assert quick_fit((inputs, targets), (inputs, targets), objective) is None
    assert quick_fit((inputs[:5], targets[:5]), (inputs, targets), objective) is None

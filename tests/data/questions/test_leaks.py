import numpy as np
import pytest
import torch
from sklearn import datasets

from goodfit.data.questions.leaks import duplicates, sorted_split, telling_columns
from tests.data.questions.made import SETS, cut, diabetes_classes


def mixed(train, validation, noise=0.0):
    """Validation with a quarter of its rows replaced by (nearly) training rows."""
    count = len(validation[0]) // 4
    copies = train[0][:count] + noise * train[0].std(0) * torch.randn(count, train[0].shape[1])
    return torch.cat([validation[0][count:], copies]), torch.cat([validation[1][count:], train[1][:count]])


@pytest.mark.parametrize("name", ["breast cancer", "wine", "iris", "diabetes", "moons"])
def test_healthy_splits_hold_no_copies(name):
    for seed in range(3):
        assert not duplicates(*cut(*SETS[name](), seed=seed)).found


@pytest.mark.parametrize("name", ["breast cancer", "wine", "iris", "diabetes"])
def test_copies_are_counted(name):
    train, validation = cut(*SETS[name]())
    found = duplicates(train, mixed(train, validation))
    assert found.found
    assert found.share == pytest.approx(0.25, abs=0.03)
    assert found.same_target == pytest.approx(found.share, abs=0.01)


def test_near_copies_are_found():
    torch.manual_seed(0)
    train, validation = cut(*datasets.load_digits(return_X_y=True))
    found = duplicates(train, mixed(train, validation, noise=0.02))
    assert found.share < 0.01
    assert found.near.low > 0.15
    assert not duplicates(train, validation).found


def test_rows_of_few_values_repeat_by_chance():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 3, (600, 4)).astype(float)
    assert not duplicates(*cut(coarse, rng.integers(0, 2, 600))).found
    words = rng.integers(0, 4, (600, 4))
    assert not duplicates(*cut(words, rng.integers(0, 2, 600))).found


def test_a_truth_table_and_a_grid_are_no_leak():
    table = torch.tensor([[a, b, c, d] for a in (0.0, 1) for b in (0.0, 1) for c in (0.0, 1) for d in (0.0, 1)])
    assert not duplicates((table, table.sum(1) % 2), (table, table.sum(1) % 2)).found
    grid = torch.linspace(-1, 1, 100)[:, None]
    assert not duplicates((grid, grid**2), (grid, grid**2)).found


def leaked(noise=0.05):
    x, y = diabetes_classes()
    return np.c_[x, y + noise * np.random.default_rng(0).standard_normal(len(y))], y


def test_a_column_made_from_the_target_is_named():
    x, y = leaked()
    (found,) = telling_columns(*cut(x, y)[0], "classification")
    assert found.column == 10
    assert found.alone > 0.95
    assert found.rest < 0.7


def test_a_column_that_fails_elsewhere_is_named_even_alone():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    x = np.c_[rng.standard_normal((300, 6)), y + 0.05 * rng.standard_normal(300)]
    train, test = cut(x, y)
    assert telling_columns(*train, "classification") == ()
    test[0][:, 6] = 0.5
    (found,) = telling_columns(*train, "classification", others=test)
    assert found.column == 6
    assert found.others < 0.2


def test_a_regression_target_among_the_columns():
    x, y = datasets.load_diabetes(return_X_y=True)
    (found,) = telling_columns(*cut(np.c_[x, y / 50], y)[0], "regression")
    assert found.column == 10


@pytest.mark.parametrize("name", ["breast cancer", "wine", "iris", "diabetes", "moons"])
def test_natural_features_do_not_give_the_answer_away(name):
    assert telling_columns(*cut(*SETS[name]())[0], "classification") == ()


def test_a_target_that_is_made_from_a_column_is_no_leak():
    x = np.random.default_rng(0).standard_normal((400, 8))
    assert telling_columns(*cut(x, (x[:, 2] > 0).astype(np.int64))[0], "classification") == ()
    assert telling_columns(*cut(x, 10 * x[:, 2] + x[:, 3])[0], "regression") == ()


def test_a_cut_through_sorted_rows():
    x, y = (torch.as_tensor(part) for part in datasets.load_iris(return_X_y=True))
    found = sorted_split((x[:100].float(), y[:100]), (x[100:].float(), y[100:]), "classification")
    assert found.by == "targets"
    train, validation = cut(x.numpy(), y.numpy())
    assert sorted_split(train, validation, "classification") is None


def test_a_cut_through_a_sorted_column_is_told_from_a_random_one():
    x = torch.linspace(-3, 3, 200)[:, None]
    found = sorted_split((x[:150], x[:150].sin()), (x[150:], x[150:].sin()), "regression")
    assert found.by == 0
    order = torch.randperm(200)
    assert sorted_split((x[order[:150]], x[order[:150]]), (x[order[150:]], x[order[150:]]), "regression") is None


def test_a_shifted_column_is_no_cut_through_a_sorted_one():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    moved = x[150:].clone()
    moved[:, 1] += 20
    y = x.sum(1)
    assert sorted_split((x[:150], y[:150]), (moved, y[150:]), "regression") is None

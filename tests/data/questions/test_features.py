import numpy as np
import pytest
import torch

from goodfit.data.questions.features import classes, features, pair, same_rows, sample, token_rows


def test_pictures_are_averaged_down_and_keep_their_mean():
    pictures = torch.rand(5, 3, 32, 32)
    found = features(pictures)
    assert found.shape == (5, 384)
    np.testing.assert_allclose(found.mean(1), pictures.flatten(1).mean(1), rtol=1e-5)


def test_short_tokens_are_one_hot_by_place_and_counted():
    found = features(torch.tensor([[0, 2], [2, 2]]))
    np.testing.assert_array_equal(found, [[1, 0, 0, 0, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 1, 0, 0, 2]])


def test_long_tokens_are_counted_and_both_parts_alike():
    first, second = pair(torch.randint(0, 50, (6, 60)), torch.tensor([[299] * 60]))
    assert first.shape[1] == second.shape[1] == 300
    assert second[0, 299] == 60


def test_what_is_not_finite_counts_as_nothing():
    assert np.isfinite(features(torch.tensor([[1.0, float("nan")], [float("inf"), 2.0]]))).all()


@pytest.mark.parametrize(
    "targets",
    [torch.tensor([0, 2, 1]), torch.eye(3)[[0, 2, 1]], torch.tensor([[0], [2], [1]]), torch.tensor([0.0, 2.0, 1.0])],
)
def test_classes_of_every_form(targets):
    np.testing.assert_array_equal(classes(targets, "classification"), [0, 2, 1])


def test_no_classes_in_real_numbers_and_several_labels():
    assert classes(torch.tensor([0.5, 1.0]), "classification") is None
    assert classes(torch.tensor([[1.0, 1.0], [0.0, 0.0]]), "classification") is None
    assert classes(torch.tensor([0, 1]), "regression") is None


def test_token_rows_see_neighbours_and_skip_what_does_not_count():
    inputs, targets = torch.tensor([[1, 2, 0], [2, 1, 1]]), torch.tensor([[5, 6, -100], [7, 8, 9]])
    matrix, labels, groups = token_rows(inputs, targets)
    np.testing.assert_array_equal(labels, [5, 6, 7, 8, 9])
    np.testing.assert_array_equal(groups, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(matrix[1, :9], [0, 0, 1, 0, 1, 0, 1, 0, 0])  # itself 2, before it 1, after it 0


def test_token_rows_take_channels_first():
    rows = torch.rand(4, 2, 7)
    targets = torch.randint(0, 2, (4, 7))
    np.testing.assert_allclose(token_rows(rows, targets)[0], token_rows(rows.transpose(1, 2), targets)[0])


def test_samples_repeat_and_copies_share_a_number():
    np.testing.assert_array_equal(sample(100, 10, 3), sample(100, 10, 3))
    assert len(set(sample(100, 10, 3))) == 10
    numbered = same_rows(np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 1.0]]))
    assert numbered[0] == numbered[1] != numbered[2]

import numpy as np
import pytest
import torch

from goodfit.data.questions.drift import class_shares, roc_area, two_sample
from tests.data.questions.made import SETS, cut


@pytest.mark.parametrize("name", ["breast cancer", "iris", "wine", "moons"])
@pytest.mark.parametrize("seed", range(3))
def test_random_halves_are_one_distribution(name, seed):
    (first, _), (second, _) = cut(*SETS[name](), part=0.6, seed=seed)
    found = two_sample(first, second, seed).separability
    assert found.low <= 0.5 <= found.high


def test_a_shifted_column_is_found_and_named():
    (first, _), (second, _) = cut(*SETS["breast cancer"]())
    second[:, 7] += 2 * first[:, 7].std()
    found = two_sample(first, second)
    assert found.found
    assert found.by_input[0][0] == 7


def test_other_preprocessing_is_found():
    (first, _), (second, _) = cut(*SETS["wine"]())
    assert two_sample(first, second / first.std(0)).found


def test_training_rows_drawn_several_times_are_no_drift():
    (first, _), (second, _) = cut(*SETS["breast cancer"](), part=0.5)
    drawn = torch.from_numpy(np.random.default_rng(0).choice(len(first), 600))
    assert not two_sample(first[drawn], second).found


def test_other_classes_in_validation_drift_too():
    train, validation = cut(*SETS["wine"]())
    only = validation[1] == 1
    assert two_sample(train[0], validation[0][only]).found
    shares = class_shares(train[1], validation[1][only])
    assert shares.p < 0.01
    assert shares.distance.low > 0.2


def test_tokens_of_one_source_and_of_another():
    tokens = torch.randint(0, 20, (400, 12), generator=torch.Generator().manual_seed(0))
    assert not two_sample(tokens[:250], tokens[250:]).found
    assert two_sample(tokens[:250], (tokens[250:] // 2) * 2).found


def test_too_few_rows_to_ask():
    assert two_sample(torch.rand(100, 2), torch.rand(8, 2)) is None


def test_random_splits_keep_class_shares():
    labels = torch.randint(0, 5, (500,), generator=torch.Generator().manual_seed(1))
    kept = [
        class_shares(labels[order[:350]], labels[order[350:]]) for order in (torch.randperm(500) for _ in range(40))
    ]
    assert sum(found.p < 0.01 for found in kept) <= 3
    assert class_shares(torch.rand(9), torch.rand(9), "regression") is None


def test_area_under_the_curve():
    truth = np.array([0.0, 0, 0, 1, 1, 1])
    assert roc_area(np.array([1.0, 2, 3, 4, 5, 6]), truth).value == 1.0
    assert roc_area(np.array([1.0, 2, 4, 3, 5, 6]), truth).value == pytest.approx(8 / 9)
    assert roc_area(np.array([6.0, 5, 4, 3, 2, 1]), truth).high >= 0.5

"""Scores against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

from goodfit.core.score import score, truth
from tests.tasks import line, rings, tokens


def test_regression_is_judged_in_the_persons_unit():
    task = line()
    guess = np.full(40, 30.0)
    card = score(task, {"test": guess})
    assert card.value("test") == pytest.approx(mean_absolute_error(truth(task, "test"), guess))
    assert abs(truth(task, "test").mean() - 30) < 10


def test_classification_is_accuracy():
    task = rings()
    guess = np.arange(60) % 2
    assert score(task, {"test": guess}).value("test") == pytest.approx(accuracy_score(truth(task, "test"), guess))


def test_token_labels_count_tokens_not_sentences_and_padding_never():
    task = tokens()
    truths = truth(task, "test")
    guess = np.zeros_like(truths)
    counted = truths != -100
    assert score(task, {"test": guess}).value("test") == pytest.approx(accuracy_score(truths[counted], guess[counted]))


def test_cards_are_joined_part_by_part():
    task = rings()
    first = score(task, {"train": np.zeros(180, dtype=int)})
    both = first.joined(score(task, {"test": np.zeros(60, dtype=int)}))
    assert set(both.estimates) == {"train", "test"}
    assert both.value("train") == first.value("train")

"""Baselines against what they claim to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV

from goodfit.core.score import score, truth
from goodfit.core.task import PARTS, Rows, Signature
from goodfit.models.baselines import baselines
from tests.tasks import cut, line, rings, tokens


def cards(task):
    return {each.name: score(task, each.predict(task, 0)[0]) for each in baselines(task)}


@pytest.mark.parametrize("make", [line, rings, tokens])
def test_every_baseline_predicts_every_part(make):
    task = make()
    for card in cards(task).values():
        assert set(card.predictions) == set(PARTS)
        assert all(card.predictions[part].shape == truth(task, part).shape for part in PARTS)


def test_the_constant_is_the_best_one_for_the_metric():
    task = line()
    train = truth(task, "train")
    best = min(np.abs(train - guess).mean() for guess in train)
    assert cards(task)["constant"].value("train") == pytest.approx(best)


def test_the_linear_baseline_is_ridge_in_the_persons_unit():
    task = line()
    oracle = RidgeCV(alphas=np.logspace(-3, 4, 15)).fit(task.train.inputs.numpy(), truth(task, "train"))
    guess = cards(task)["linear regression"].predictions["test"]
    assert guess == pytest.approx(oracle.predict(task.test.inputs.numpy()), rel=1e-3)


def test_no_straight_line_solves_rings_and_boosting_does():
    found = cards(rings(600))
    assert found["logistic regression"].value("test") < 0.75
    assert found["gradient boosting"].value("test") > 0.9


def test_the_lexicon_knows_each_word_and_guesses_unknown_ones():
    task = tokens()
    found = cards(task)
    assert found["lexicon"].value("test") == 1.0
    assert found["window"].value("test") > 0.95
    assert found["constant"].value("test") < 0.7
    unseen = task.test.inputs.clone()
    unseen[unseen == 3] = 1
    counts = torch.bincount(task.train.targets[task.train.targets >= 0])
    changed = replace(task, test=Rows(unseen, task.test.targets, task.test.lengths))
    guess = cards(changed)["lexicon"].predictions["test"]
    assert set(guess[(unseen[..., 0] == 1).numpy()]) == {int(counts.argmax())}


def test_category_codes_are_names_to_the_linear_baseline_not_numbers():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(1, 40, (600, 1), generator=generator)
    levels = torch.randn(40, generator=generator)
    inputs = torch.cat([torch.randn(600, 1, generator=generator), codes.float()], dim=1)
    base = line()
    parts = dict(zip(PARTS, cut(inputs, levels[codes]), strict=True))
    task = replace(base, signature=Signature((2,), 1, (41,)), **parts)
    found = cards(task)
    assert found["linear regression"].value("test") < 0.3 * found["constant"].value("test")


def test_naive_predictions_come_first_after_the_constant():
    base = line()
    naive = {"yesterday": {part: np.zeros(len(truth(base, part))) for part in PARTS}}
    task = replace(base, naive=naive)
    assert [each.name for each in baselines(task)][:2] == ["constant", "yesterday"]
    assert cards(task)["yesterday"].value("test") == pytest.approx(np.abs(truth(base, "test")).mean())


def test_many_classes_on_few_rows_give_no_warning():
    inputs, targets = torch.randn(60, 2), torch.arange(60) % 30
    parts = dict(zip(PARTS, cut(inputs, targets), strict=True))
    task = replace(rings(), signature=Signature((2,), 30), classes=tuple(map(str, range(30))), **parts)
    assert "gradient boosting" in cards(task)


def test_boosting_on_many_columns_keeps_to_its_limit_and_says_so():
    inputs = torch.randn(3000, 1, 20, 20)
    targets = (inputs.mean(dim=(1, 2, 3)) > 0).long() + (inputs[:, 0, 0, 0] > 0).long()
    base = rings()
    parts = dict(zip(PARTS, cut(inputs, targets), strict=True))
    task = replace(base, kind="images", signature=Signature((1, 20, 20), 10), classes=tuple("abc" * 10), **parts)
    boosting = next(each for each in baselines(task) if each.name == "gradient boosting")
    _, note = boosting.predict(task, 0)
    assert "of 1,800 rows" in note

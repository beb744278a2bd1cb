"""The whole guide as data, and the paths that diagnoses take through it."""

from __future__ import annotations

import math

import pytest

from goodfit.causes import CAUSES
from goodfit.guide.path import SENTENCES, Judged, path
from goodfit.guide.tree import BRANCHES, CAUSES_AT, LEAVES, SOUND, TREE, leaf_of, question, route

LABELS = [cause.label for cause in CAUSES]
LARGE = 0.15


def test_every_cause_stands_at_one_leaf() -> None:
    named = [label for labels in CAUSES_AT.values() for label in labels]
    assert sorted(named) == sorted(LABELS)
    assert set(CAUSES_AT) <= set(LEAVES)


def test_every_place_is_reached_from_the_first_question() -> None:
    places = [place for each in TREE for place in each.branches.values()]
    assert len(places) == len(set(places))
    assert {*places, SOUND} == {each.name for each in TREE} | set(LEAVES)
    assert set(BRANCHES) <= set(places)


@pytest.mark.parametrize("label", [*LABELS, "healthy"])
def test_the_route_leads_to_the_leaf_of_the_cause(label: str) -> None:
    steps = route(leaf_of(label))
    assert steps[0][0].name == SOUND
    places = [each.branches[answer] for each, answer in steps]
    assert places[-1] == leaf_of(label)
    assert [each.name for each, _ in steps[1:]] == places[:-1]


@pytest.mark.parametrize("label", [*LABELS, "healthy", "undetermined"])
@pytest.mark.parametrize("numbers", [Judged(0.4, 0.5), Judged(math.nan, math.nan), Judged(0.02, 0.4, 0.1, 0.1)])
def test_each_answer_is_one_of_the_tree_with_a_sentence_and_finite_numbers(label: str, numbers: Judged) -> None:
    answers = path(label, numbers, LARGE)
    for answer in answers:
        allowed = question(answer.question).branches
        assert answer.answer in allowed or (answer is answers[-1] and answer.answer == label == "undetermined")
        assert answer.sentence.endswith(".")
        assert "nan" not in answer.sentence
        assert all(map(math.isfinite, answer.numbers.values()))


def test_every_question_has_its_sentence() -> None:
    assert set(SENTENCES) == {each.name for each in TREE}


def test_a_wrong_rate_is_found_through_the_training_loss() -> None:
    numbers = Judged(0.4, 0.42, reach=0.1, treated=0.02, treated_by="Divide the learning rate by 10", flexible=0.38)
    answers = path("learning_rate_too_high", numbers, LARGE)
    assert [each.answer for each in answers] == ["yes", "large", "optimisation", "no"]
    assert "40%" in answers[1].sentence
    assert "Divide the learning rate by 10" in answers[2].sentence
    assert answers[2].numbers == {"training error": 0.4, "more flexible network": 0.38, "other change": 0.02}


def test_mismatch_is_told_with_the_two_sample_test() -> None:
    answers = path("mismatch", Judged(0.02, 0.6, separability=(0.93, 0.9, 0.96)), LARGE)
    assert [each.answer for each in answers] == ["yes", "small", "large", "mismatch"]
    assert "0.93 [0.90, 0.96]" in answers[-1].sentence


@pytest.mark.parametrize(
    ("numbers", "last"),
    [
        (Judged(0.9, 0.9, reach=0.1), "model bias or optimisation"),
        (Judged(0.97, 0.97, reach=1.0), "model bias or optimisation"),
        (Judged(0.02, 0.5, reach=0.1), "overfitting or mismatch"),
        (Judged(0.12, 0.14, reach=0.1), "training loss"),
    ],
)
def test_an_open_verdict_ends_where_the_numbers_end(numbers: Judged, last: str) -> None:
    answers = path("undetermined", numbers, LARGE)
    assert (answers[-1].question, answers[-1].answer) == (last, "undetermined")

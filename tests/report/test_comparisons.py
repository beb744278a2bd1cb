"""Predicted against real, in numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from made import (
    SIZES,
    Lazy,
    class_task,
    classes_content,
    images_content,
    make_content,
    picture,
    regression_task,
    series_content,
    table_content,
    tokens_content,
)

from goodfit.core.task import IGNORED
from goodfit.report import comparisons


def test_lines_are_the_last_eight_weeks() -> None:
    content = series_content()
    view = comparisons.lines(content)
    assert len(view.truth) == len(view.predicted) == 56
    assert view.days is not None
    assert view.days[-1] == content.task.raw["test"][-1]
    assert view.weekly
    assert np.array_equal(view.truth, content.scorecard.truth["test"][-56:])
    assert view.error == pytest.approx(np.abs(view.truth - view.predicted).mean())


def test_the_naive_line_is_chosen_on_the_validation_part() -> None:
    content = series_content()
    truth = content.scorecard.truth
    wrong = {part: values + 1e6 for part, values in truth.items()}
    flattering = {**wrong, "test": truth["test"]}
    naive = {**content.task.naive, "perfect on test only": flattering}
    assert comparisons.best_naive(replace(content, task=replace(content.task, naive=naive)))[0] == "last week"


def test_a_short_undated_series_has_lines_but_no_weekdays() -> None:
    truth = {part: np.arange(9.0) for part in SIZES}
    content = make_content(regression_task(truth, kind="series"), truth, {})
    view = comparisons.lines(content)
    assert view.days is None
    assert view.naive is None
    assert math.isnan(view.naive_error)
    assert not view.weekly
    assert comparisons.weekdays(content) is None


def test_error_by_weekday() -> None:
    days = [date(2024, 1, 1 + i) for i in range(14)]
    truth = {part: np.zeros(14) for part in SIZES}
    guess = {part: np.array([day.weekday() + 1.0 for day in days]) for part in SIZES}
    task = regression_task(truth, kind="series", raw={"test": [str(day) for day in days]})
    view = comparisons.weekdays(make_content(task, guess, {}))
    assert view is not None
    assert [each.value for each in view.ours] == [1, 2, 3, 4, 5, 6, 7]
    assert view.rows == (2,) * 7
    assert view.naive == ()


def test_weekly_data_have_no_weekdays() -> None:
    days = [date.fromordinal(738_000 + 7 * i) for i in range(20)]
    truth = {part: np.zeros(20) for part in SIZES}
    content = make_content(regression_task(truth, kind="series", raw={"test": days}), truth, {})
    assert comparisons.weekdays(content) is None
    assert not comparisons.lines(content).weekly


def test_scatter_draws_every_row_of_a_small_part() -> None:
    content = table_content()
    view = comparisons.scatter(content)
    errors = np.abs(content.scorecard.truth["test"] - content.scorecard.predictions["test"])
    assert view.rows == len(view.truth) == 90
    assert view.median_error == pytest.approx(np.median(errors))
    assert view.worst_error == pytest.approx(errors.max())
    assert sum(tenth.rows for tenth in view.tenths) == 90
    assert all(a.high <= b.low for a, b in zip(view.tenths, view.tenths[1:], strict=False))
    assert sum(t.rows * t.error for t in view.tenths) / 90 == pytest.approx(errors.mean())


def test_scatter_caps_its_points_and_keeps_the_worst() -> None:
    truth = {part: np.random.default_rng(0).normal(size=size) for part, size in {**SIZES, "test": 9_000}.items()}
    guess = {part: values.copy() for part, values in truth.items()}
    guess["test"][4_321] = 77.0
    view = comparisons.scatter(make_content(regression_task(truth), guess, {}))
    assert view.rows == 9_000
    assert 1_999 <= len(view.truth) <= 2_000
    assert 77.0 in view.predicted


def test_scatter_leaves_out_what_is_not_a_number() -> None:
    truth = {part: np.arange(5.0) for part in SIZES}
    guess = {part: np.array([0.0, math.nan, 2.0, math.inf, 4.0]) for part in SIZES}
    view = comparisons.scatter(make_content(regression_task(truth), guess, {}))
    assert (view.rows, view.lost) == (3, 2)
    nothing = {part: np.full(5, math.nan) for part in SIZES}
    assert comparisons.scatter(make_content(regression_task(truth), nothing, {})).rows == 0


def known_classes() -> dict[str, np.ndarray]:
    return {part: np.array([0, 0, 0, 1, 1, 2]) for part in SIZES}


def test_confusion_counts_real_by_predicted() -> None:
    guess = {part: np.array([0, 0, 1, 1, 0, 1]) for part in SIZES}
    content = make_content(class_task(known_classes(), ("a", "b", "c")), guess, {})
    view = comparisons.confusion(content)
    assert view.classes == ("a", "b", "c")
    assert view.counts.tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert (view.right, view.total, view.pooled) == (3, 6, 0)
    assert view.shares[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert {(c.real, c.predicted, c.times, c.of) for c in view.confused} == {
        ("a", "b", 1, 3),
        ("b", "a", 1, 2),
        ("c", "b", 1, 1),
    }


def test_confusion_pools_rare_classes_and_says_how_many() -> None:
    names = [f"class {i}" for i in range(600)]
    truth = {part: np.concatenate([np.repeat(np.arange(19), 30), np.arange(19, 600)]) for part in SIZES}
    guess = {part: values.copy() for part, values in truth.items()}
    guess["test"][-10:] = guess["test"][-11:-1]
    view = comparisons.confusion(make_content(class_task(truth, names), guess, {}))
    assert len(view.classes) == comparisons.MOST_CLASSES
    assert view.classes[-1] == "all others"
    assert view.pooled == 581
    assert view.pooled_right == 571
    assert view.counts[-1, -1] == 581
    assert view.right == 19 * 30 + 571


def test_confusion_names_classes_that_have_no_name() -> None:
    content = make_content(class_task(known_classes(), ()), known_classes(), {})
    assert comparisons.confusion(content).classes == ("class 0", "class 1", "class 2")


def test_confusion_of_tokens_leaves_padding_out() -> None:
    content = tokens_content()
    counted = (content.scorecard.truth["test"] != IGNORED).sum()
    assert comparisons.confusion(content).total == counted


def test_the_most_confident_mistakes_come_first_and_only_they_are_read() -> None:
    content = images_content()
    view = comparisons.mistakes(content)
    assert view is not None
    confidence = [each.confidence for each in view.shown]
    assert confidence == sorted(confidence, reverse=True)
    assert len(view.shown) == comparisons.MOST_PICTURES < view.total
    first = view.shown[0]
    truth, guess = content.scorecard.truth["test"], content.scorecard.predictions["test"]
    assert first.real == content.task.classes[truth[first.row - 1]]
    assert first.predicted == content.task.classes[guess[first.row - 1]] != first.real
    raw = content.task.raw["test"]
    assert isinstance(raw, Lazy)
    assert raw.read == {each.row - 1 for each in view.shown}
    assert np.array_equal(first.picture, picture(first.row - 1))


def test_without_probabilities_the_first_mistakes_are_shown() -> None:
    view = comparisons.mistakes(images_content(probabilities=None))
    assert view is not None
    assert not view.by_confidence
    assert [each.row for each in view.shown] == sorted(each.row for each in view.shown)
    assert all(math.isnan(each.confidence) for each in view.shown)


def test_other_kinds_have_no_pictures_and_no_sentences() -> None:
    assert comparisons.mistakes(classes_content()) is None
    assert comparisons.sentences(classes_content()) is None


def test_sentences_mark_exactly_the_wrong_tokens() -> None:
    content = tokens_content()
    view = comparisons.sentences(content)
    assert view is not None
    assert len(view.shown) == comparisons.MOST_SENTENCES < view.wrong
    truth, guess = content.scorecard.truth["test"], content.scorecard.predictions["test"]
    for sentence in view.shown:
        row = sentence.row - 1
        words = content.task.raw["test"][row]
        assert [token.word for token in sentence.tokens] == words
        wrong = [truth[row, i] != guess[row, i] for i in range(len(words))]
        assert [token.wrong for token in sentence.tokens] == wrong
        assert any(wrong)


def test_only_the_sentences_shown_are_read() -> None:
    content = tokens_content()
    view = comparisons.sentences(content)
    raw = content.task.raw["test"]
    assert isinstance(raw, Lazy)
    assert view is not None
    assert raw.read == {sentence.row - 1 for sentence in view.shown}


def test_a_long_sentence_is_cut_around_its_first_mistake() -> None:
    truth = {part: np.zeros((1, 500), dtype=int) for part in SIZES}
    guess = {part: values.copy() for part, values in truth.items()}
    guess["test"][0, 300] = 1
    raw = {"test": [[f"w{i}" for i in range(500)]]}
    task = class_task(truth, ("a", "b"), kind="sequences", objective="sequence_labelling", raw=raw)
    view = comparisons.sentences(make_content(task, guess, {}))
    assert view is not None
    (sentence,) = view.shown
    assert len(sentence.tokens) == comparisons.MOST_TOKENS
    assert sentence.before + len(sentence.tokens) + sentence.after == 500
    assert [token.word for token in sentence.tokens if token.wrong] == ["w300"]


def test_a_perfect_run_has_no_examples() -> None:
    content = tokens_content()
    perfect = make_content(content.task, content.scorecard.truth, {})
    view = comparisons.sentences(perfect)
    assert view is not None
    assert (view.shown, view.wrong) == ((), 0)
    assert comparisons.confusion(perfect).confused == ()

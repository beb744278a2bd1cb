"""The numbers of verdict, score table and loss curves."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from made import (
    answers,
    classes_content,
    make_content,
    make_run,
    regression_task,
    series_content,
    table_content,
    tokens_content,
)
from torch.nn import functional

from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.score import score
from goodfit.report import views
from goodfit.report.views import Content


def small_errors(**changes: object) -> Content:
    """Real values 0 everywhere, so that the error is what is predicted."""
    task = regression_task({part: np.zeros(40) for part in ("train", "validation", "test")})
    parts = ("train", "validation", "test")
    ours = {part: np.full(40, error) for part, error in zip(parts, (1.0, 2.0, 3.0), strict=True)}
    worse = {part: np.tile([4.0, 5.0, 6.0, 5.0], 10) for part in parts}
    better = {part: np.tile([1.0, 2.0, 2.0, 1.0], 10) for part in parts}
    level = {part: np.tile([1.0, 5.0, 1.0, 5.5], 10) for part in parts}
    return make_content(task, ours, {"worse": worse, "level": level, "better": better}, **changes)


def test_score_table_has_goodfit_first_and_baselines_from_best_to_worst() -> None:
    table = views.scores(small_errors())
    assert [row.name for row in table.rows] == ["goodfit", "better", "level", "worse"]
    assert [row.best for row in table.rows] == [False, True, False, False]
    assert table.parts == ("test", "validation", "train")
    assert table.rival is table.rows[1]


def test_lead_is_positive_where_goodfit_is_better() -> None:
    leads = {row.name: row.lead for row in views.scores(small_errors()).rows}
    assert leads["goodfit"] is None
    assert leads["worse"] is not None
    assert leads["worse"].value == pytest.approx(2.0)
    readings = {row.name: row.reading for row in views.scores(small_errors()).rows}
    assert readings == {"goodfit": "", "better": "worse", "level": "level", "worse": "better"}


def test_for_shares_higher_is_better() -> None:
    table = views.scores(classes_content())
    assert table.ours.best
    assert [row.name for row in table.rows] == ["goodfit", "logistic regression", "constant"]
    assert table.rows[2].lead is not None
    assert table.rows[2].lead.value > 0


def test_span_covers_every_interval() -> None:
    table = views.scores(small_errors())
    low, high = table.span
    assert 1.0 < low < 1.5
    assert high > 5.0


def test_a_baseline_on_other_rows_is_compared_unpaired() -> None:
    content = small_errors()
    other = small_errors().task
    shorter = regression_task({"train": np.zeros(4), "validation": np.zeros(4), "test": np.zeros(30)})
    card = score(shorter, {"test": np.tile([4.0, 5.0, 6.0], 10)})
    found = views.lead(replace(content, task=other), card)
    assert found.value == pytest.approx(2.0)


def test_predictions_that_are_not_numbers_give_no_reading() -> None:
    content = table_content()
    broken = {part: np.full(len(values), math.nan) for part, values in content.scorecard.truth.items()}
    table = views.scores(replace(content, scorecard=score(content.task, broken)))
    assert [row.reading for row in table.rows] == ["", "", ""]
    assert not table.ours.best
    assert all(math.isfinite(end) for end in table.span)


def test_without_a_test_part_the_validation_part_is_judged() -> None:
    content = table_content()
    task = replace(content.task, test=None)
    card = score(task, {part: content.scorecard.predictions[part] for part in ("train", "validation")})
    table = views.scores(replace(content, task=task, scorecard=card))
    assert table.judged == "validation"
    assert table.parts == ("validation", "train")


@pytest.mark.parametrize(
    ("cause", "said", "tone"),
    [
        (None, ("small", "small"), "good"),
        ("healthy", ("small",), "good"),
        (None, ("small", "large"), "attention"),
        ("learning_rate_too_high", ("large",), "attention"),
        ("undetermined", ("small", "undetermined"), "open"),
        (None, (), "open"),
    ],
)
def test_tone(cause: str | None, said: tuple[str, ...], tone: str) -> None:
    path = tuple(Answer("training loss", answer, "Because.") for answer in said)
    assert views.tone(Diagnosis(cause, "So.", path)) == tone


def test_headline_leaves_the_last_answer_to_its_question() -> None:
    path = answers()
    assert views.headline(Diagnosis(None, f"It memorised. {path[-1].sentence}", path)) == "It memorised."
    assert views.headline(Diagnosis(None, path[-1].sentence, path)) == path[-1].sentence
    assert views.headline(Diagnosis("undetermined", "Nobody knows.", ())) == "Nobody knows."


def test_an_interval_belongs_to_the_number_before_it() -> None:
    first, second, gap = views.gauges(answers()[1])
    assert first[0] == "relative training error"
    assert math.isnan(first[1].low)
    assert second[1].value == 0.61
    assert (gap[1].value, gap[1].low, gap[1].high) == (0.27, 0.21, 0.33)


def test_losses_are_counted_from_epoch_one() -> None:
    view = views.losses(table_content(run=make_run([3.0, 2.0, 1.0], [3.0, 1.5, 2.0])))
    assert view.train.epochs == (1, 2, 3)
    assert view.best_epoch == 2
    assert view.validation.at(2) == 1.5
    assert view.broken_at is None
    assert not view.logarithmic


def test_a_diverged_run_names_its_first_broken_epoch() -> None:
    view = views.losses(table_content(run=make_run([1.0, 50.0, math.inf], [1.0, math.nan, math.nan])))
    assert view.broken_at == 2
    assert view.drawable
    assert math.isnan(view.train.at(3))
    assert not views.losses(table_content(run=make_run([math.nan], [math.inf]))).drawable


def test_a_wide_range_is_drawn_on_a_logarithmic_axis() -> None:
    assert views.losses(table_content(run=make_run([100.0, 1.0], [90.0, 2.0]))).logarithmic
    assert not views.losses(table_content(run=make_run([100.0, 0.0], [90.0, 2.0]))).logarithmic


def test_a_run_without_losses_has_nothing_to_draw() -> None:
    assert not views.losses(table_content(run=make_run([], [1.0], measurements=()))).drawable


def test_loss_name_and_unit() -> None:
    assert views.loss_name(table_content().task)[0] == "mean square error"
    assert views.loss_name(series_content().task)[0] == "mean absolute error"
    assert views.loss_name(tokens_content().task) == ("cross-entropy", "nats a token")
    smooth = replace(classes_content().task, loss=partial(functional.cross_entropy, label_smoothing=0.1))
    assert views.loss_name(smooth) == ("cross-entropy", "nats a row")
    own = replace(classes_content().task, loss=functional.kl_div)
    assert views.loss_name(own) == ("kl div", "")


def test_thinning_keeps_ends_and_extremes() -> None:
    values = np.random.default_rng(0).normal(size=50_000)
    values[31_234], values[40_000] = 99.0, -99.0
    index = views.thinned(values)
    assert len(index) <= views.MOST_POINTS
    assert {0, 31_234, 40_000, 49_999} <= set(index.tolist())
    assert np.array_equal(np.sort(index), index)


def test_thinning_bears_gaps_and_leaves_short_curves_alone() -> None:
    values = np.full(9_000, math.nan)
    values[5_000] = 1.0
    assert 5_000 in views.thinned(values)
    assert views.thinned([1.0, 2.0, 3.0]).tolist() == [0, 1, 2]

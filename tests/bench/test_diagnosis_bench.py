"""The pure parts of the benchmark of diagnoses: scores, intervals, baselines, and thresholds judged anew."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.asking import Question, answer
from bench.diagnosis import mended, questions, some
from bench.false_alarms import choice
from bench.healthy import healthy_jobs
from bench.scoring import (
    ORDER,
    Outcome,
    Seen,
    Share,
    baselines,
    by_label,
    detected,
    hit,
    hit_at_3,
    named,
    outcome,
    plain,
    strict,
    symptoms_only,
    totals,
    wilson,
)
from bench.splitting import MATTERS, PRIOR, Thresholds, agree, best, halves, judged, score, split_check, today
from goodfit.core.evidence import Answer, Cost, Diagnosis, Evidence, Reading
from goodfit.core.statistics import Estimate
from goodfit.guide import candidate as rules

NONE = (math.nan, math.nan, math.nan)


def seen(label: str, symptom: float = 0.0, value: float = 0.0, gain: float = math.nan, **more: Any) -> Seen:
    known = {"reading": "supports" if value else "contradicts", "change": "" if math.isnan(gain) else "change it"}
    return Seen(label, symptom, value, gain=gain, low=gain / 2, high=gain * 2, **{**known, **more})


def job(truth: str, cause: str | None, *evidence: Seen, **more: Any) -> Outcome:
    numbers = {"training error": 0.5, "validation error": 0.5, "simple model": 0.1}
    return Outcome("job", tuple(truth.split()), cause, evidence=evidence, **{"numbers": numbers, **more})


RATE = seen("learning_rate_too_low", 0.8, 0.8, 0.4)
EPOCHS = seen("too_few_epochs", 0.5, 0.3, 0.2)
FOUND = job("too_few_epochs learning_rate_too_low", "learning_rate_too_low", RATE, EPOCHS, trainings=4.0, seconds=2.0)
RIGHT = job("healthy", "healthy", seen("overfitting", 0.1), trainings=1.0, seconds=1.0)
ALARM = job("healthy", "model_bias", seen("model_bias", 0.6, 0.6, 0.3), trainings=7.0, seconds=9.0)
OPEN = job("label_noise", "undetermined", trainings=16.0)
RAISED = job("saddle_point", None, error="ValueError: no")


@pytest.mark.parametrize(
    ("found", "marks"),
    [
        (FOUND, (True, False, True, True, True)),
        (RIGHT, (True, True, True, False, False)),
        (ALARM, (False, False, False, True, True)),
        (OPEN, (False, False, False, True, False)),
        (RAISED, (False, False, False, False, False)),
    ],
)
def test_marks_of_one_job(found: Outcome, marks: tuple[bool, ...]) -> None:
    assert tuple(mark(found) for mark in (hit, strict, hit_at_3, detected, named)) == marks


def test_the_third_place_counts_and_the_fourth_and_what_nothing_speaks_for_do_not() -> None:
    others = [seen(label, 0.5, 0.5, 0.2) for label in ("dead_units", "model_bias", "saddle_point")]
    wrong = job("too_few_epochs", "dead_units", *others)
    assert hit_at_3(replace(wrong, evidence=(*others[:2], EPOCHS)))
    assert not hit_at_3(replace(wrong, evidence=(*others, EPOCHS)))
    assert not hit_at_3(replace(wrong, evidence=(*others[:2], replace(EPOCHS, value=0.0))))


def test_wilson_interval_is_the_published_one() -> None:
    low, high = wilson(9, 10)  # z = 1.96: (p + z2/2n +- z sqrt(pq/n + z2/4n2)) / (1 + z2/n)
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == pytest.approx(1.0)


def test_totals_count_and_say_of_how_many() -> None:
    found = totals([FOUND, RIGHT, ALARM, OPEN, RAISED], fixed=[ALARM, RIGHT, RIGHT])
    assert (found["jobs"], found["hit_at_1"], found["strict"], found["hit_at_3"]) == (5, 2, 1, 2)
    assert (found["detected"], found["named"], found["errors"]) == (2, 1, 1)
    assert (found["false_alarms"], found["fixed_alarms"]) == (1, 1)
    assert (found["of"]["detected"], found["of"]["false_alarms"], found["of"]["fixed_alarms"]) == (3, 2, 3)
    assert found["rates"]["hit_at_1_faulty"] == pytest.approx(1 / 3)
    assert found["median_trainings"] == 5.5  # a job that raised costs nothing that is known


def test_jobs_are_grouped_by_their_primary_label_in_causal_order() -> None:
    assert list(by_label([RIGHT, FOUND, RAISED])) == ["saddle_point", "too_few_epochs", "healthy"]


def test_outcome_keeps_the_order_and_the_figures_of_a_diagnosis() -> None:
    evidence = [
        Evidence(label, "", (), Estimate(*gain), Reading.SUPPORTS, symptom=0.4, value=value)
        for label, gain, value in (("mismatch", (0.3, 0.2, 0.4), 0.5), ("overfitting", NONE, 0.0))
    ]
    path = (Answer("training loss", "small", "", {"training error": 0.2}),)
    found = outcome("a", ["mismatch"], Diagnosis("mismatch", "", path, tuple(evidence), cost=Cost(2.0, 1.5, 3)))
    assert found.ranked == ("mismatch",)
    assert [each.label for each in found.evidence] == ["mismatch", "overfitting"]
    assert (found.evidence[0].low, found.numbers["training error"], found.trainings) == (0.2, 0.2, 2.0)


def test_symptoms_alone_rank_by_strength_then_causal_order() -> None:
    assert symptoms_only(FOUND) == ("learning_rate_too_low", "too_few_epochs")
    equal = job("healthy", None, seen("overfitting", 0.7), seen("data_leak", 0.7), seen("model_bias", 0.29))
    assert symptoms_only(equal) == ("data_leak", "overfitting")
    assert symptoms_only(RIGHT) == ("healthy",)


def test_baselines_need_no_verdict() -> None:
    found = baselines([FOUND, FOUND, RIGHT, RAISED], fixed=[ALARM, RIGHT])
    labels = len(ORDER) + 1
    assert found["most frequent label"]["label"] == "too_few_epochs"
    assert found["most frequent label"]["hit_at_1"] == 0.5
    assert found["random label"]["hit_at_1"] == pytest.approx((2 + 2 + 1 + 1) / labels / 4)
    one, two = 3 / labels, 1 - (labels - 3) / labels * (labels - 4) / (labels - 1)  # of three that are drawn
    assert found["random label"]["hit_at_3"] == pytest.approx((2 * one + 2 * two) / 4)
    assert found["symptoms only"] == pytest.approx(
        {"hit_at_1": 0.75, "strict": 0.25, "hit_at_3": 0.75, "false_alarms": 0, "fixed_alarms": 1}
    )


def test_json_has_no_nan() -> None:
    assert json.loads(json.dumps(plain({"a": (1.0, math.nan), "b": [math.inf]}), allow_nan=False)) == {
        "a": [1.0, None],
        "b": [None],
    }


# -- thresholds


def test_a_gain_below_the_threshold_is_no_cause() -> None:
    high = Thresholds(0.45, 0.35)
    assert judged(FOUND, today()) == "learning_rate_too_low"
    assert judged(FOUND, high) == "undetermined"  # error 0.5 where 0.1 is reachable
    assert judged(replace(FOUND, numbers={**FOUND.numbers, "training error": 0.12}), high) == "healthy"


def test_the_prior_weighs_gain_against_symptom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "TIE", 0.9)
    strong, effective = seen("model_bias", 0.9, 0.5, 0.2), seen("too_few_epochs", 0.3, 0.5, 0.4)
    found = job("too_few_epochs", "too_few_epochs", strong, effective)
    assert judged(found, Thresholds(0.02, 0.7)) == "too_few_epochs"
    assert judged(found, Thresholds(0.02, 0.0)) == "model_bias"


def test_a_smaller_threshold_lets_in_only_what_the_old_one_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MATTERS", 0.05)
    monkeypatch.setattr(rules, "DOUBTFUL", 0.0)
    monkeypatch.setattr(rules, "SHARE", 0.2)
    small = job(
        "model_bias",
        "healthy",
        seen("model_bias", 0.9, 0.0, 0.04),
        numbers={"validation error": 0.15, "simple model": 0.1},
    )
    lower = Thresholds(0.02, 0.35)
    assert judged(small, today()) == "healthy"
    assert judged(small, lower) == "model_bias"
    assert (
        judged(replace(small, numbers={"validation error": 0.9, "simple model": 0.1}), lower) == "healthy"
    )  # closes too little
    refused = replace(small, evidence=(seen("model_bias", 0.9, 0.0, 0.06),))
    assert judged(refused, lower) == "healthy"  # something else spoke against it


def test_a_question_to_the_data_stands_by_its_symptom() -> None:
    leak = seen("data_leak", 0.9, 0.8)
    assert judged(job("data_leak", "data_leak", leak), Thresholds(0.15, 0.15)) == "data_leak"
    assert judged(RAISED, today()) is None
    weaker = seen("mismatch", 0.3, 0.5)  # its value came out as its whole potential, and stays that
    whole = replace(weaker, value=rules.PRIOR + (1 - rules.PRIOR) * weaker.symptom)
    assert judged(job("mismatch", "mismatch", leak, whole), Thresholds(0.05, 1.0)) == "mismatch"
    assert judged(job("mismatch", "mismatch", leak, whole), Thresholds(0.05, 0.0)) == "data_leak"


def test_halves_are_disjoint_and_the_check_reads_both_ways() -> None:
    found = [replace(FOUND, name=str(i), truth=("learning_rate_too_low",)) for i in range(11)]
    one, other = halves(found)
    assert sorted(int(each.name) for each in one + other) == list(range(11))
    assert (len(one), len(other)) == (5, 6)
    first, second = split_check(found)
    assert (first.here, first.there) == (Share(5, 5), Share(6, 6))
    assert (second.here, second.there, second.agree) == (Share(6, 6), Share(5, 5), True)
    assert first.thresholds.matters in MATTERS
    assert first.thresholds.prior in PRIOR


def test_the_best_thresholds_are_those_with_the_most_hits() -> None:
    gain = seen("model_bias", 1.0, 0.9, 0.09)
    found = [job("healthy", "model_bias", gain, numbers={"training error": 0.05, "validation error": 0.1})]
    assert best(found).matters > 0.09
    assert score(found, best(found)).hits == 1


def test_halves_that_chance_tells_apart_do_not_agree() -> None:
    assert agree(Share(17, 20), Share(19, 20))
    assert not agree(Share(20, 20), Share(8, 20))


# -- questions


def test_questions_hold_truth_apart_from_the_job(tmp_path: Path) -> None:
    for name, truth in (("b", ["dead_units"]), ("a", ["healthy"])):
        (tmp_path / f"{name}.py").write_text("")
        (tmp_path / f"{name}.json").write_text(json.dumps({"truth": truth}))
    (tmp_path / "_common.py").write_text("")
    asked = questions([tmp_path], 5.0)
    assert [(each.name, each.truth) for each in asked] == [("a", ("healthy",)), ("b", ("dead_units",))]
    assert [(each.name, each.truth, each.arguments[1]) for each in mended(asked)] == [("b", ("healthy",), "fixed")]
    assert some(asked * 5, 3) == [asked[0], asked[1], asked[0]]


def broken() -> dict[str, Any]:
    raise ValueError("no such data")


def test_a_job_that_raises_is_a_miss() -> None:
    found = answer(Question("x", ("dead_units",), broken))
    assert found.cause is None
    assert found.error.startswith("ValueError: no such data")
    assert not hit(found)


def test_false_alarms_ask_the_jobs_of_the_healthy_list() -> None:
    for number, (name, made) in enumerate(healthy_jobs(3, 0)):
        (data, model, optimiser), draw = choice(number, 0)
        assert name == f"{data.name}, {model}, {optimiser}, draw {draw}"
        assert made["epochs"] == data.epochs

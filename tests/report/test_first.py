"""The first card: verdict, confidence, what to change, before and after, as the diagnosis or the treatment has them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from goodfit.core.evidence import Answer, Cost, Diagnosis, Evidence, Reading, Treated
from goodfit.core.statistics import Estimate
from goodfit.core.treatment import FinalTest, Flattery, Kept, Standing, Treatment
from goodfit.report.first import SPACE, confidence, first, taken_off

NAN = math.nan
NONE = Estimate(NAN, NAN, NAN)
RATE = Evidence("rate", "", ("seed 0", "seed 1"), Estimate(0.34, 0.28, 0.40), Reading.SUPPORTS, change="Divide it")
TREATED = Treated(("Divide it",), ("rate",), (0.4, 0.38), (0.02, 0.04), 0.62, 0.96)
FOUND = Diagnosis("rate", "Too large.", (), ranked=(RATE,), treated=TREATED, cost=Cost(4.0, 12.0, 5))


@pytest.mark.parametrize(
    ("effect", "word"),
    [
        (Estimate(0.34, 0.28, 0.40), "High"),
        (Estimate(0.34, 0.05, 0.60), "Fair"),
        (Estimate(0.34, -0.05, 0.60), "Low"),
        (Estimate(-0.3, -0.4, -0.2), "Low"),
        (Estimate(0.34, NAN, NAN), "Low"),
        (NONE, "Low"),
    ],
)
def test_confidence_is_read_off_the_interval(effect: Estimate, word: str) -> None:
    assert confidence(effect, 2).word == word


def test_an_effect_is_told_with_its_interval() -> None:
    assert taken_off(RATE.effect).replace(SPACE, " ") == "takes 34 % (28 to 40 %) off the error"
    assert taken_off(Estimate(0.34, NAN, NAN)).replace(SPACE, " ") == "takes 34 % (no interval) off the error"
    assert taken_off(NONE) == "effect unknown"
    assert confidence(RATE.effect, 2).because.endswith(", 2 paired seeds")


def test_a_cause_has_its_change_and_the_errors_before_and_after() -> None:
    found = first(FOUND)
    assert (found.headline, found.tone, found.change, found.read) == ("rate", "attention", "Divide it", "")
    assert [(bar.name, bar.value, bar.width, bar.now) for bar in found.bars] == [
        ("Before", "38 %", 38.0, False),
        ("After", "4 %", 4.0, True),
    ]
    assert found.confidence.word == "High"
    assert [fact[1] for fact in found.facts] == ["40 % → 2 %", "0.62 → 0.96", "4.0 trainings"]


def test_a_cause_without_a_change_names_where_to_read_on() -> None:
    by_test = replace(RATE, runs=(), change="")
    path = (Answer("validation loss", "large", "", {"validation error": 1.2, "training error": 0.1}),)
    found = first(Diagnosis("mismatch", "", path, ranked=(replace(by_test, cause="mismatch"),)))
    assert (found.change, found.read) == ("", "goodfit explain mismatch")
    assert [(bar.name, bar.value, bar.width) for bar in found.bars] == [
        ("Training", "10 %", 10.0),
        ("Validation", "120 %", 100.0),
    ]
    assert "no training was changed" in found.confidence.because


def test_scores_are_shown_with_two_decimals_and_no_minus_zero() -> None:
    shown = first(replace(FOUND, treated=replace(TREATED, score_before=-0.0014, score_after=-math.inf))).facts[1][1]
    assert shown == "0.00 → −∞"


def test_healthy_and_undetermined_claim_no_change() -> None:
    healthy = first(Diagnosis("healthy", "It fits.", (), ranked=(replace(RATE, reading=Reading.CONTRADICTS),)))
    assert (healthy.tone, healthy.change, healthy.read) == ("good", "Nothing", "")
    assert healthy.confidence.because == "1 change tried, none mends what matters"
    assert first(Diagnosis("healthy", "", ())).confidence.word == "Fair"
    for cause in ("undetermined", None):
        left = first(Diagnosis(cause, "", ()))
        assert (left.tone, left.change, left.read, left.bars) == ("open", "", "", ())
        assert left.confidence.word == "Open"


def test_a_cause_that_was_only_seen_is_of_low_confidence() -> None:
    seen = replace(RATE, effect=NONE, runs=())
    assert first(replace(FOUND, ranked=(seen,))).confidence.word == "Low"
    assert first(replace(FOUND, ranked=())).confidence.word == "Low"


def test_a_treatment_is_judged_by_its_test_rows_where_it_has_them() -> None:
    kept = Kept("rate", "Divide it", (), "", "", "", "", "", Estimate(0.3, 0.2, 0.4), {}, None)
    standing, after = Standing(0.4, 0.5, 0.6, 0.5, 2), Standing(0.1, 0.2, 0.9, 0.8, 3)
    gain = Estimate(0.3, 0.2, 0.4)
    test = FinalTest(300, Estimate(0.6, NAN, NAN), Estimate(0.3, NAN, NAN), gain, 0.6, 0.7)
    given = Treatment(
        FOUND, "healthy", "Mended.", (kept,), standing, after, gain, test, Flattery(0, None, ""), {}, Cost(3.0, 4.0, 5)
    )
    found = first(FOUND, given)
    assert (found.headline, found.tone, found.to_do) == ("rate, mended", "good", "What was changed")
    assert (found.of, [bar.value for bar in found.bars]) == ("Test error", ["60 %", "30 %"])
    assert found.confidence.because.endswith("on 300 test rows read once")
    assert found.sentences == ("Too large.", "Mended.")
    untested = first(FOUND, replace(given, test=None))
    assert [bar.value for bar in untested.bars] == ["50 %", "20 %"]
    assert untested.confidence.because.endswith("3 paired seeds")

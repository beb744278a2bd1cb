"""A diagnosis as plain values, text and HTML."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from goodfit.core.evidence import Answer, Cost, Curve, Diagnosis, Evidence, Reading, Treated
from goodfit.core.statistics import Estimate

NAN = math.nan
NOTHING = Estimate(NAN, NAN, NAN)


def evidence(cause: str, value: float = NAN, reading: Reading = Reading.SUPPORTS, **known: object) -> Evidence:
    effect = Estimate(value, value - 0.05, value + 0.05)
    return Evidence(cause, "The errors fall.", ("rate x 0.1, seed 0",), effect, reading, **known)  # type: ignore[arg-type]


FOUND = Diagnosis(
    cause="learning_rate_too_high",
    sentence="Steps are so large\nthat the <loss> swings.",
    path=(Answer("training loss", "large", "It is.", {"training error": np.float64(0.4), "reachable": math.inf}),),
    ranked=(
        evidence("learning_rate_too_high", 0.34, symptom=0.8, change="Divide the learning rate by 10"),
        evidence("dead_units", 0.2, Reading.INCONCLUSIVE),
        evidence("model_bias", NAN, Reading.NOT_ASKABLE, reason="no"),
    ),
    not_asked={"overfitting": "there is no gap"},
    consequences={"dead_units": "gone once the rate is mended"},
    further=("too_few_epochs",),
    cost=Cost(4.0, 12.3456, 5),
    treated=Treated(("Divide the <rate>",), ("optimizer.rate_factor",), (0.4, 0.38), (0.02, 0.04), 0.62, NAN),
    baselines={"another seed": Estimate(0.01, NAN, NAN)},
    curves=(Curve(3, True, (1, 2), (1.5, math.inf), (1.25, NAN)),),
)
HEALTHY = Diagnosis("healthy", "The network fits.", ())


def test_everything_is_in_the_json_and_strict() -> None:
    found = FOUND.to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == [
        "cause",
        "sentence",
        "ranked",
        "consequences",
        "further",
        "path",
        "not_asked",
        "cost",
        "treated",
        "baselines",
        "curves",
    ]
    assert found["ranked"][0]["effect"] == {"value": 0.34, "interval": [0.34 - 0.05, 0.34 + 0.05]}
    assert found["ranked"][2]["effect"] == {"value": None, "interval": None}
    assert found["path"][0]["numbers"] == {"training error": 0.4, "reachable": None}
    assert found["treated"]["score_after"] is None
    losses = {"train": [1.5, None], "validation": [1.25, None]}
    assert found["curves"] == [{"seed": 3, "changed": True, "epochs": [1, 2], **losses}]
    assert found["baselines"] == {"another seed": {"value": 0.01, "interval": None}}


def test_what_is_not_there_is_null() -> None:
    found = HEALTHY.to_json()
    assert (found["cost"], found["treated"], found["ranked"]) == (None, None, [])


@pytest.mark.parametrize(
    "expected",
    [
        "<goodfit diagnosis: learning_rate_too_high>",
        "Steps are so large that the <loss> swings.",
        "change:  Divide the <rate>.",
        "38 % of the best constant's -> 4 %, score 0.62 -> –",
        "dead_units (error -20 % [-25 %, -15 %], inconclusive)",
        "further: too_few_epochs",
        "4.0 trainings' worth of work in 5 runs, 12 s",
    ],
)
def test_the_card_says_it(expected: str) -> None:
    assert expected in " ".join(repr(FOUND).split()) or expected in repr(FOUND)


def test_the_card_is_narrow() -> None:
    assert max(map(len, repr(FOUND).splitlines())) <= 88


def test_the_html_card_escapes_what_it_is_given() -> None:
    found = FOUND._repr_html_()
    assert "<loss>" not in found
    assert "&lt;loss&gt;" in found
    assert "<rate>" not in found
    assert "healthy" in HEALTHY._repr_html_()


def test_a_healthy_card_proposes_no_change() -> None:
    assert "change" not in repr(HEALTHY)

"""Numbers and names as a person reads them."""

from __future__ import annotations

import math

import pytest
from made import HOSTILE, LONG

from goodfit.core.statistics import Estimate
from goodfit.core.task import ACCURACY
from goodfit.report import words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (12345.6, "12,346"),
        (12.34, "12.3"),
        (-0.00123, "−0.00123"),
        (7.0, "7"),
        (3.2e-7, "3.20e−07"),
        (4.5e12, "4.50e+12"),
        (math.nan, "–"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value: float, shown: str) -> None:
    assert words.number(value) == shown


def test_short_names_stay_as_they_are() -> None:
    assert words.shorten(HOSTILE) == HOSTILE
    assert words.shorten(" two\n lines ") == "two lines"


def test_long_names_keep_both_ends() -> None:
    short = words.shorten(f"begin{LONG}end", 30)
    assert len(short) <= 30
    assert short.startswith("begin")
    assert short.endswith("end")


def test_what_cannot_be_written_is_replaced() -> None:
    words.plain("a\x00b\ud800c").encode("utf-8")
    assert words.plain("a\x00b\ud800c") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_shortened_names_still_differ() -> None:
    names = words.distinct(["x" * 50 + "1" + "y" * 50, "x" * 50 + "2" + "y" * 50, ""], 12)
    assert len(set(names)) == 3
    assert names[2] == "(empty)"


def test_listed() -> None:
    assert [words.listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.84, "0.8 s"), (59.4, "59 s"), (125, "2 min 5 s"), (7800, "2 h 10 min")]
)
def test_duration(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


def test_shares_are_per_cent_and_their_differences_points() -> None:
    scale = words.scale_for(ACCURACY.unit, [0.9])
    assert scale(0.8834) == "88.3\N{NARROW NO-BREAK SPACE}%"
    assert scale.lead(0.021) == "+2.1 points"
    assert scale.interval(Estimate(0.9, 0.871, 0.9)) == "87.1 to 90.0"


def test_a_target_may_be_called_share() -> None:
    assert ACCURACY.unit == words.SHARE
    assert words.scale_for("share price", [12.34])(12.34) == "12.3"


def test_errors_share_the_decimals_of_the_smallest() -> None:
    scale = words.scale_for("views", [12.345, 1500.2, math.nan, 0.0])
    assert [scale(value) for value in (12.345, 1500.2, math.nan)] == ["12.3", "1,500.2", "–"]
    assert scale.lead(-3.0) == "−3.0"
    assert scale.lead(-0.001) == "0.0"
    assert scale.interval(Estimate(1.0, math.nan, math.nan)) == ""


def test_unit_in_brackets() -> None:
    assert words.with_unit("real", "EUR") == "real (EUR)"
    assert words.with_unit("real", "") == "real"

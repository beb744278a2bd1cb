"""Regular steps of time other than a day are found and said."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from goodfit.core.score import truth
from goodfit.core.settings import DataSettings
from goodfit.data.series import load
from goodfit.data.series.spacing import oddest, spacing_of
from tests.data.made_series import START, frame, weekly


def _every(step: str, n: int) -> pl.DataFrame:
    times = pl.datetime_range(START, START + timedelta(9000), step, eager=True)[:n]
    return pl.DataFrame({"date": times, "count": weekly(n)})


@pytest.mark.parametrize(
    ("step", "kind", "naive", "label"),
    [
        ("1w", "weekly", ["last week", "last year", "same week of the year"], "2020-02-24"),
        ("1mo", "monthly", ["last month", "last year", "same month"], "2020-08-06"),
        ("1q", "quarterly", ["last quarter", "last year", "same quarter"], "2021-10-06"),
        ("1h", "hourly", ["an hour ago", "same hour yesterday", "same hour of the day"], "2020-01-06T07:00"),
        ("15m", "every 15 minutes", ["last value", "same time yesterday", "same time of the day"], "2020-01-06T01:45"),
        ("2d", "every 2 days", ["last value"], "2020-01-20"),
    ],
)
def test_other_regular_steps_are_accepted_and_said(step: str, kind: str, naive: list[str], label: str) -> None:
    made = load(_every(step, 90), DataSettings(history=7))
    assert made.facts["kind"].startswith(f"{kind} series")
    assert list(made.naive) == naive
    assert made.raw["train"][0] == label


def test_working_days_have_a_week_of_five() -> None:
    kept = frame(np.arange(140.0) + 10).filter(pl.col("date").dt.weekday() <= 5)
    made = load(kept, DataSettings(history=5))
    assert made.facts["kind"].startswith("working-daily")
    assert "no gap" in made.facts["rows"]
    np.testing.assert_allclose(made.naive["last week"]["test"], truth(made, "test") - 7, rtol=1e-5)


def test_month_ends_and_years() -> None:
    ends = pl.DataFrame({"date": pl.date_range(START, date(2028, 1, 1), "1mo", eager=True).dt.month_end()})
    assert load(ends.with_columns(count=weekly(ends.height)), DataSettings()).facts["kind"].startswith("monthly")
    years = pl.DataFrame({"year": [str(year) for year in range(1900, 2000)], "count": weekly(100)})
    made = load(years, DataSettings(history=3))
    assert made.facts["kind"].startswith("yearly")
    assert list(made.naive) == ["last year"]


def test_uneven_times_have_no_spacing_and_the_odd_one_is_named() -> None:
    times = np.array(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04T07", "2020-01-05"], dtype="datetime64[us]")
    assert spacing_of(times) is None
    assert oddest(times) == 3


def test_positions_count_steps_over_gaps() -> None:
    times = np.array(["2020-01-31", "2020-02-29", "2020-05-31"], dtype="datetime64[us]")
    spacing = spacing_of(times)
    assert spacing is not None
    assert spacing.name == "monthly"
    assert spacing.positions(times).tolist() == [0, 1, 4]

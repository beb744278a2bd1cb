"""Strings are numbers, dates or categories by what nearly all of them are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from goodfit.data.columns import present, reading_of, strays


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["1", "2.5", " 3e2 ", "NA", "none", None], "number", [1.0, 2.5, 300.0, None, None, None]),
        (["1,5", "2,25", "3"], "number", [1.5, 2.25, 3.0]),
        (["1,500", "12,250.5", "3"], "number", [1500.0, 12250.5, 3.0]),
        ([1.0, float("nan"), float("inf")], "number", [1.0, None, None]),
        ([True, False, None], "category", ["true", "false", None]),
        (["none", "some", "n/a", ""], "category", ["none", "some", None, None]),
        (["true", "false"], "category", ["true", "false"]),
        (["2020-01-02", "2020-01-03"], "date", [datetime(2020, 1, 2), datetime(2020, 1, 3)]),
        (["2020-01-02T10:00:00Z"], "date", [datetime(2020, 1, 2, 10)]),
        (["31.12.2020"], "date", [datetime(2020, 12, 31)]),
        (["03/04/2020", "03/25/2020"], "date", [datetime(2020, 3, 4), datetime(2020, 3, 25)]),
        (["03/04/2020", "05/06/2020"], "category", ["03/04/2020", "05/06/2020"]),
        ([date(2020, 1, 2), None], "date", [datetime(2020, 1, 2), None]),
        ([datetime(2020, 1, 2, tzinfo=UTC)], "date", [datetime(2020, 1, 2)]),
        ([None, None], "number", [None, None]),
        (["", None], "category", [None, None]),
    ],
)
def test_readings(values: list[Any], kind: str, read: list[Any]) -> None:
    column = pl.Series("x", values)
    reading = reading_of(column)
    assert reading.kind == kind
    assert reading(column).to_list() == read


def test_a_few_strays_are_found_and_many_make_categories() -> None:
    mostly = pl.Series("x", [*map(str, range(30)), "abc", "NA"])
    reading = reading_of(mostly)
    assert reading.kind == "number"
    assert list(strays(mostly, reading)) == [30]
    assert reading_of(pl.Series("x", ["1", "2", "abc"])).kind == "category"


def test_a_reading_fits_other_types_of_the_same_values() -> None:
    number, category = reading_of(pl.Series(["1", "2"])), reading_of(pl.Series(["a", "b"]))
    assert number(pl.Series([1, 2])).to_list() == [1.0, 2.0]
    assert category(pl.Series([3.0, 4.0])).to_list() == ["3", "4"]
    assert reading_of(pl.Series(["2020-01-01"]))(pl.Series([5])).to_list() == [None]


def test_presence() -> None:
    assert present(pl.Series(["a", " ", "nan", None])).to_list() == [True, False, False, False]
    assert present(pl.Series([1.0, float("nan"), None])).to_list() == [True, False, False]


def test_text_of_numbers_beyond_reach_is_a_column_of_numbers_without_a_value():
    column = pl.Series([f"{i}.5e300" for i in range(1, 9)])
    reading = reading_of(column)
    assert reading.kind == "number"
    assert reading(column).null_count() == 8
    assert list(strays(column, reading)) == list(range(8))

"""What the values of a column are: numbers, dates or categories; and how a value that is none of them is found.

A `Reading` is learnt from some rows (the training part) and applied to any: what it cannot read is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "?")
MISSING_NUMBER = (*MISSING, "none", "nil", "-", "--", ".", "missing", "unknown", "inf", "-inf", "infinity")
"""Words that stand for no number; in a column of categories they may be names."""

MOSTLY = 0.9
"""A column is numbers (dates) if this share of its values are; the others are strays and count as missing."""

LARGEST = 1e100
"""Numbers beyond have no finite variance in float64; they count as missing, as infinity does."""
BEYOND = f"is beyond {LARGEST:g} or infinite"

NUMBER_FORMATS = {
    "point": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    "thousands": r"^[+-]?\d{1,3}(,\d{3})*(\.\d+)?$",
    "decimal comma": r"^[+-]?\d+(,\d+)?$",
}
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
)
"""ISO 8601 first; a date such as 03/04/2020 is read only where the other values show which number is the month."""

SAMPLE = 1_000


@dataclass(frozen=True)
class Reading:
    """How a column is read: ``kind`` and, for strings, the ``format`` of its numbers or dates."""

    kind: Literal["number", "date", "category"]
    format: str = ""

    def __call__(self, column: pl.Series) -> pl.Series:
        """Float64 numbers, Datetime dates or String categories; null for what is missing or cannot be read."""
        if self.kind == "number":
            return _numbers(column, self.format)
        if self.kind == "date":
            return _dates(column, self.format)
        return _categories(column)


def reading_of(column: pl.Series, mostly: float = MOSTLY) -> Reading:
    """The reading that suits the values: their type, for strings what ``mostly``, a share, of them are."""
    if column.dtype.is_temporal() and column.dtype not in (pl.Time, pl.Duration):
        return Reading("date")
    if column.dtype.is_numeric() or column.dtype in (pl.Time, pl.Duration, pl.Null):
        return Reading("number")
    words = _words(column, MISSING_NUMBER).drop_nulls()
    numbers = _best("number", tuple(NUMBER_FORMATS), words, mostly)
    return numbers or _best("date", DATE_FORMATS, words, mostly) or Reading("category")


def present(column: pl.Series) -> pl.Series:
    """Whether each value is there: not null, not NaN, not a word for missing."""
    if column.dtype == pl.String:
        return _words(column, MISSING).is_not_null()
    return column.is_not_nan() & column.is_not_null() if column.dtype.is_float() else column.is_not_null()


def strays(column: pl.Series, reading: Reading) -> Sequence[int]:
    """Rows with a value that is neither missing nor readable."""
    if column.dtype != pl.String or reading.kind == "category":
        return []
    unread = reading(column).is_null() & _words(column, MISSING_NUMBER).is_not_null()
    return unread.arg_true().to_list()


def is_readable(kind: pl.DataType) -> bool:
    """Whether values of a polars type can be read at all; lists, objects and bytes cannot."""
    return not (kind.is_nested() or kind in (pl.Binary, pl.Object))


def _best(kind: Literal["number", "date"], formats: Sequence[str], words: pl.Series, mostly: float) -> Reading | None:
    if words.is_empty():
        return None
    sample = words.sample(SAMPLE, seed=0) if len(words) > SAMPLE else words
    # A number beyond the largest that can be used is still a number: it must not make the column a text.
    read = _parsed if kind == "number" else _dates
    shares = {name: 1 - read(sample, name).null_count() / len(sample) for name in formats}
    best = max(shares, key=lambda name: shares[name])
    ambiguous = best == "%m/%d/%Y" and shares["%d/%m/%Y"] == shares[best]
    return Reading(kind, best) if shares[best] >= mostly and not ambiguous else None


def _words(column: pl.Series, missing: Sequence[str]) -> pl.Series:
    words = column.cast(pl.String).str.strip_chars()
    return words.set(words.str.to_lowercase().is_in(missing), None)


def _numbers(column: pl.Series, form: str) -> pl.Series:
    numbers = _parsed(column, form)
    return numbers.set(~(numbers.abs() < LARGEST), None)


def _parsed(column: pl.Series, form: str) -> pl.Series:
    if column.dtype == pl.String:
        words = column.str.strip_chars()
        words = words.set(~words.str.contains(NUMBER_FORMATS[form or "point"]), None)
        plain = words.str.replace_all(",", "" if form == "thousands" else ".", literal=True)
        return plain.cast(pl.Float64, strict=False)
    counted = column.cast(pl.Int64) if column.dtype in (pl.Time, pl.Duration) else column
    return counted.cast(pl.Float64, strict=False)


def _dates(column: pl.Series, form: str) -> pl.Series:
    if column.dtype == pl.String:
        column = column.str.strip_chars().str.to_datetime(form or DATE_FORMATS[0], strict=False)
    if not column.dtype.is_temporal():
        return pl.Series(column.name, [None] * len(column), dtype=pl.Datetime("us"))
    return column.cast(pl.Datetime("us"), strict=False).dt.replace_time_zone(None)


def _categories(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        # 3.0 in one file and 3 in another are one category.
        whole = column.drop_nulls().drop_nans()
        fits = (whole == whole.floor()).all() and not whole.cast(pl.Int64, strict=False).null_count()
        column = column.cast(pl.Int64, strict=False) if fits else column
    return _words(column, MISSING)

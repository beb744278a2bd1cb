"""From a frame with a column of dates and one of counts to regular series, with gaps filled or refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.core.errors import DataError, did_you_mean
from goodfit.core.settings import DataSettings
from goodfit.data.columns import BEYOND, DATE_FORMATS, LARGEST, Reading, is_readable, present, reading_of
from goodfit.data.frames import Frame
from goodfit.data.series.spacing import Ints, Spacing, Times, labels, missing_share, oddest, spacing_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FORMATS = (*DATE_FORMATS, "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y")
OFFSET = "%#z"
"""Ends the formats of dates that say how far they are from Greenwich."""
BARE_FORMATS = ("%Y%m%d", "%Y")
"""Whole numbers that may be dates: only in a column whose name says so."""
DATE_NAMES = ("date", "day", "ds", "time", "timestamp", "datetime", "dt", "week", "month", "year")
SAMPLE = 10_000
WRITE_ISO = "Write all dates alike, best as 2020-01-31, or name another column with --time-col."
SPARSEST = 0.5
"""With a larger share of the steps missing, most of what a model would see is made up."""


@dataclass(frozen=True, eq=False)
class Strand:
    """One regular series: a value (n,) for each step from ``start`` on, counted over all strands of a file."""

    name: str
    start: int
    values: Floats
    real: Bools
    """False where the value is interpolated."""
    labels: Sequence[str]
    """ISO dates of the real values, in order."""


@dataclass(frozen=True, eq=False)
class Dated:
    """The regular series of one file, and what was found about them."""

    name: str
    columns: Columns
    spacing: Spacing
    strands: tuple[Strand, ...]
    span: str
    empty: int
    """Rows without a value."""


@dataclass(frozen=True)
class Columns:
    """Which column does what."""

    date: str
    format: str
    target: str
    group: str | None
    unused: tuple[str, ...]


def read_dated(frame: Frame, settings: DataSettings, known: Spacing | None = None) -> Dated:
    """The series in a frame, spaced as is ``known`` or found out.

    DataError naming line, column and repair for everything that is not one.
    """
    columns = _columns(frame, settings)
    times, counts = _times(frame, columns), _counts(frame, columns.target)
    columns, groups = _groups(frame, columns, times)
    rows = np.flatnonzero(~np.isnan(counts))
    if not len(rows):
        raise DataError(f"column {columns.target!r} holds no values", "Choose another --target.", where=frame.name)
    rows = rows[np.argsort(times[rows], kind="stable")]
    spacing = known or _spacing(frame, times, rows)
    positions = spacing.positions(times[rows])
    _check_complete(frame, spacing, positions)
    strands = []
    for group in sorted(set(groups[rows])):
        mine = groups[rows] == group
        if settings.gaps == "refuse":
            _refuse_gaps(frame, spacing, rows[mine], positions[mine])
        dates = labels(times[rows[mine]], spacing)
        strands.append(_strand(str(group), positions[mine], counts[rows[mine]], dates))
    span = " to ".join(labels(times[rows[[0, -1]]], spacing))
    return Dated(frame.name, columns, spacing, tuple(strands), span, len(counts) - len(rows))


# --- which column does what


def _columns(frame: Frame, settings: DataSettings) -> Columns:
    known = [name for name in frame.data.columns if name not in settings.drop]
    given = {"target": settings.target, "time-col": settings.time_col, "group-col": settings.group_col}
    for option, name in given.items():
        if name is not None and name not in known:
            raise DataError(f"no column {name!r} for --{option}", did_you_mean(name, known), where=frame.name)
        if name is not None and not is_readable(frame.data[name].dtype):
            raise DataError(f"column {name!r} holds lists", f"Choose another --{option}.", where=frame.name)
    known = [name for name in known if is_readable(frame.data[name].dtype)]
    date, form = _date_column(frame, known, settings)
    target = settings.target or _only_number(frame, [name for name in known if name not in (date, settings.group_col)])
    if len({date, target, settings.group_col}) < 3:
        raise DataError("one column cannot be date, target and group at once", "Name different ones.", where=frame.name)
    unused = tuple(name for name in known if name not in (date, target, settings.group_col))
    return Columns(date, form, target, settings.group_col, unused)


def _date_column(frame: Frame, known: Sequence[str], settings: DataSettings) -> tuple[str, str]:
    if settings.time_col is not None:
        found = _date_format(frame, settings.time_col)
        if found is None:
            raise _not_a_date(frame, settings.time_col, 0)
        return settings.time_col, found[1]
    shares = {}
    for name in known:
        found = _date_format(frame, name) if name not in (settings.target, settings.group_col) else None
        if found is not None:
            shares[name] = found
    best = max(shares, key=lambda name: shares[name][0], default=None)
    if best is not None and shares[best][0] >= 0.5:
        return best, shares[best][1]
    named = next((name for name in known if name.lower() in DATE_NAMES and name != settings.target), None)
    if named is not None:
        raise _not_a_date(frame, named, 0)
    repair = f"A series needs one; name it with --time-col. Columns: {', '.join(map(repr, known[:12]))}."
    raise DataError("no column of dates", repair, where=frame.name)


def _date_format(frame: Frame, name: str) -> tuple[float, str] | None:
    """Share of a sample that reads as dates, and the format (empty for a column of dates); None for no dates."""
    column = frame.data[name]
    if column.dtype.is_temporal():
        return (1.0, "") if column.dtype in (pl.Date, pl.Datetime) else None
    named = column.name.lower() in DATE_NAMES
    if column.dtype != pl.String and not (named and column.dtype.is_integer()):
        return None
    words = column.head(SAMPLE).cast(pl.String).drop_nulls()
    if words.is_empty():
        return None
    formats = BARE_FORMATS if column.dtype.is_integer() else (*FORMATS, *BARE_FORMATS) if named else FORMATS
    shares = {form: 1 - _read_dates(words, form).null_count() / len(words) for form in formats}
    best = max(shares.values())
    tied = [form for form in formats if shares[form] == best]
    return (best, _most_regular(frame, words, tied)) if best else None


def _most_regular(frame: Frame, words: pl.Series, formats: Sequence[str]) -> str:
    """The format (day first, or month first) under which the dates are regular with the fewest missing."""
    readings = {form: _read_dates(words, form).drop_nulls() for form in formats}
    if all((reading == readings[formats[0]]).all() for reading in readings.values()):
        return formats[0]
    shares = {form: missing_share(np.unique(reading.to_numpy())) for form, reading in readings.items()}
    best = min(formats, key=lambda form: shares[form])
    if list(shares.values()).count(shares[best]) > 1:
        problem = f"{words[0]!r} in column {words.name!r} may have the day first or the month first"
        raise DataError(problem, WRITE_ISO, where=frame.at(0))
    return best


def _read_dates(column: pl.Series, form: str) -> pl.Series:
    if form == "%Y":
        years = column.str.strip_chars()
        column, form = years.set(~years.str.contains(r"^\d{4}$"), None) + "-01-01", "%Y-%m-%d"
    return Reading("date", form)(column)


def _not_a_date(frame: Frame, column: str, row: int) -> DataError:
    value = frame.data[column][row]
    problem = f"column {column!r} is empty" if value is None else f"{value!r} in column {column!r} is no date"
    return DataError(problem, WRITE_ISO, where=frame.at(row))


def _only_number(frame: Frame, left: Sequence[str]) -> str:
    numbers = [name for name in left if reading_of(frame.data[name], mostly=0.5).kind == "number"]
    candidates = numbers or list(left)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise DataError("no column beside the dates", "A series needs a column of counts.", where=frame.name)
    shown = ", ".join(map(repr, candidates[:12]))
    raise DataError(f"several columns could be predicted: {shown}", "Choose one with --target.", where=frame.name)


# --- the values in them


def _times(frame: Frame, columns: Columns) -> Times:
    column = frame.data[columns.date]
    read = _read_dates(column if not columns.format else column.cast(pl.String), columns.format)
    wrong = read.is_null().arg_true()
    if len(wrong):
        raise _not_a_date(frame, columns.date, int(wrong[0]))
    return _of_the_place(column, columns.format, read).to_numpy()


def _of_the_place(column: pl.Series, form: str, greenwich: pl.Series) -> pl.Series:
    """Days are days of the place, not of Greenwich; hours are Greenwich's where the clock is put back among them."""
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        here = column.dt.replace_time_zone(None).cast(greenwich.dtype)
    elif form.endswith(OFFSET):
        words = column.str.strip_chars().str.replace(r"(?i)(z|[+-]\d\d:?(\d\d)?)$", "")
        here = _read_dates(words, form.removesuffix(OFFSET))
    else:
        return greenwich
    whole_days = here.dt.time().n_unique() == 1
    return here if whole_days or (here - greenwich).n_unique() == 1 else greenwich


def _counts(frame: Frame, target: str) -> Floats:
    """Numbers (n,), NaN where there is none."""
    column = frame.data[target]
    if column.dtype.is_temporal():
        raise DataError(f"column {target!r} holds dates", "Choose another --target.", where=frame.name)
    if not column.dtype.is_numeric() and column.dtype != pl.Boolean:
        column = column.cast(pl.String)
    there = present(column)
    words = column.str.strip_chars() if column.dtype == pl.String else column
    numbers = words.set(~there, None).cast(pl.Float64, strict=False)
    wrong = (there & numbers.is_null()).arg_true()
    if len(wrong):
        raise _not_a_number(frame, target, int(wrong[0]))
    beyond = (numbers.abs() >= LARGEST).fill_null(False).arg_true()
    if len(beyond):
        row = int(beyond[0])
        problem = f"{numbers[row]:g} in column {target!r} {BEYOND}"
        raise DataError(problem, "Correct the value or leave it empty.", where=frame.at(row))
    return numbers.fill_null(np.nan).to_numpy().astype(np.float64)


def _not_a_number(frame: Frame, target: str, row: int) -> DataError:
    value = frame.data[target][row]
    repair = "Correct it, leave it empty or choose another --target."
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[\d.\s]*,\d[\d,]*\s*", value):
        repair = "Write decimals with a point (3.5) and thousands without a comma (1234)."
    return DataError(f"{value!r} in column {target!r} is not a number", repair, where=frame.at(row))


def _groups(frame: Frame, columns: Columns, times: Times) -> tuple[Columns, NDArray[Any]]:
    """The series each row belongs to (n,), '' where there is only one. No date may occur twice in one.

    A column that is needed and enough to make the dates of each series different is taken for the group.
    """
    names = _group_names(frame, columns)
    twice = _first_twice(names, times)
    separating = [name for name in columns.unused if twice and _separates(frame, columns, name)]
    if twice and columns.group is None and len(separating) == 1:
        unused = tuple(name for name in columns.unused if name != separating[0])
        return _groups(frame, replace(columns, group=separating[0], unused=unused), times)
    if twice:
        which = f" of {names[twice[1]]!r}" if columns.group else ""
        tell = "" if columns.group else ", or name the column that tells the series apart with --group-col"
        earlier = frame.at(twice[0]).removeprefix(f"{frame.name}, ")
        problem = f"the date {frame.data[columns.date][twice[1]]!s}{which} is already in {earlier}"
        raise DataError(problem, f"Drop one of the rows{tell}.", where=frame.at(twice[1]))
    return columns, names


def _group_names(frame: Frame, columns: Columns) -> NDArray[Any]:
    if columns.group is None:
        return np.full(frame.data.height, "", dtype=object)
    names = frame.data[columns.group].cast(pl.String)
    if names.null_count():
        where = frame.at(int(names.is_null().arg_true()[0]))
        raise DataError(f"column {columns.group!r} is empty", "Fill it or remove the row.", where=where)
    return np.array(names.to_list(), dtype=object)


def _first_twice(names: NDArray[Any], times: Times) -> tuple[int, int] | None:
    """Rows of the first date that occurs again in the same series."""
    seen: dict[tuple[Any, Any], int] = {}
    for row, key in enumerate(zip(names.tolist(), times.tolist(), strict=True)):
        if key in seen:
            return seen[key], row
        seen[key] = row
    return None


def _separates(frame: Frame, columns: Columns, name: str) -> bool:
    """Whether a column of names makes the dates of each of its series different."""
    if reading_of(frame.data[name]).kind != "category":
        return False
    return not frame.data.select(columns.date, name).is_duplicated().any()


# --- regular steps


def _spacing(frame: Frame, times: Times, order: Ints) -> Spacing:
    different, first = np.unique(times[order], return_index=True)
    if len(different) < 2:
        raise DataError("only one date has a value", "A series needs many dates.", where=frame.name)
    found = spacing_of(different)
    if found is None:
        odd = oddest(different)
        gap = _in_words(different[odd] - different[odd - 1])
        raise DataError(
            f"the dates are not evenly spaced: this one comes {gap} after the one before it",
            "Add up or average the values to one for each day (or week, month), or use --kind table.",
            where=frame.at(int(order[first[odd]])),
        )
    return found


def _check_complete(frame: Frame, spacing: Spacing, positions: Ints) -> None:
    missing = 1 - len(np.unique(positions)) / (int(positions[-1]) + 1)
    if missing > SPARSEST:
        problem = f"{missing:.0%} of the {spacing.step}s between the first and the last date are missing"
        repair = "Add up the values to a longer step (weeks, months), or keep only a time that is complete."
        raise DataError(problem, repair, where=frame.name)


def _in_words(gap: np.timedelta64) -> str:
    hours = float(gap / np.timedelta64(1, "h"))
    return f"{hours / 24:g} days" if hours >= 24 else f"{hours:.3g} hours"


def _refuse_gaps(frame: Frame, spacing: Spacing, rows: Ints, positions: Ints) -> None:
    steps = np.diff(positions)
    if (steps > 1).any():
        missing = spacing.count(int((steps - 1).sum()))
        repair = "Add the missing rows, or let them be interpolated with --set data.gaps=fill."
        where = frame.at(int(rows[(steps > 1).argmax()]))
        raise DataError(f"{missing} missing in the series, the first after this one", repair, where=where)


def _strand(name: str, positions: Ints, counts: Floats, dates: Sequence[str]) -> Strand:
    inside = positions - positions[0]
    real = np.zeros(int(inside[-1]) + 1, dtype=bool)
    real[inside] = True
    return Strand(name, int(positions[0]), np.interp(np.arange(len(real)), inside, counts), real, dates)

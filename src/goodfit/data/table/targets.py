"""The column to predict: numbers or classes, and every reason why it can be neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.core.errors import DataError
from goodfit.data.columns import BEYOND, Reading, is_readable, present, reading_of, strays
from goodfit.data.frames import Frame

MOST_WHOLE_CLASSES = 20
"""More different whole numbers than this (or than the square root of the rows) are amounts, not names."""


@dataclass(frozen=True, eq=False)
class Target:
    """Values of all rows: (rows,) float64 numbers, or int64 class numbers with the classes' names."""

    objective: Literal["regression", "classification"]
    values: NDArray[Any]
    classes: tuple[str, ...]
    words: str
    """What it was taken for, and why."""


def read_target(frame: Frame, name: str, objective: str = "auto") -> Target:
    """Read the column ``name``.

    Text and two values of any type are classes. Numbers are for regression, unless they are whole and at most
    20, and at most the square root of the rows, differ: then they are classes. DataError for missing values
    (naming the rows), one value only, text among numbers, a different text on nearly every row.
    """
    column = frame.data[name]
    if not is_readable(column.dtype):
        raise DataError(f"target {name!r} holds lists, objects or bytes", "Choose another column.", where=frame.name)
    _check_present(frame, column)
    reading = reading_of(column)
    if reading.kind == "date":
        raise DataError(f"target {name!r} holds dates", "Choose a column of numbers or classes.", where=frame.name)
    names = Reading("category")(column)
    if names.n_unique() == 1:
        raise DataError(
            f"target {name!r} has one value only, {names[0]!r}",
            "There is nothing to tell apart: choose another column or add rows with other values.",
            where=frame.name,
        )
    if reading.kind == "number":
        return _from_numbers(frame, column, reading, objective)
    if objective == "regression":
        return _from_numbers(frame, column, Reading("number", "point" if column.dtype == pl.String else ""), objective)
    return _classes(frame, names, f"{names.n_unique()} classes")


def _from_numbers(frame: Frame, column: pl.Series, reading: Reading, objective: str) -> Target:
    numbers = reading(column)
    known = numbers.drop_nulls()
    different = known.n_unique()
    whole = bool((known == known.floor()).all())
    few = whole and 0 < different <= min(MOST_WHOLE_CLASSES, len(column) ** 0.5)
    if objective == "classification" or (objective == "auto" and (0 < different <= 2 or few)):
        words = f"{different} different whole numbers are taken for classes (data.objective=regression for amounts)"
        return _classes(frame, Reading("category")(column), words if different > 2 and objective == "auto" else "")
    _check_all_numbers(frame, column, numbers, reading)
    values = numbers.to_numpy()
    return Target("regression", values, (), f"numbers from {values.min():,.6g} to {values.max():,.6g}: regression")


def _classes(frame: Frame, names: pl.Series, words: str) -> Target:
    classes = _in_order(names.unique().to_list())
    if len(classes) > max(2, len(names) / 2):
        raise DataError(
            f"target {names.name!r} has {len(classes):,} different values on {len(names):,} rows, too many for classes",
            "Choose a column of numbers, or of classes that come more than once.",
            where=frame.name,
        )
    codes = names.replace_strict(classes, range(len(classes)), return_dtype=pl.Int64).to_numpy()
    counts = np.bincount(codes)
    shown = ", ".join(f"{label} {counts[code]:,}" for code, label in enumerate(classes[:6]))
    more = f" and {len(classes) - 6} more" if len(classes) > 6 else ""
    words = words or f"{len(classes)} classes"
    return Target("classification", codes, tuple(classes), f"{words}: {shown}{more} rows")


def _in_order(names: Sequence[str]) -> list[str]:
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def _check_present(frame: Frame, column: pl.Series) -> None:
    gone = (~present(column)).arg_true().to_list()
    if len(gone) == len(column):
        raise DataError(f"target {column.name!r} has no value in any row", "Choose another column.", where=frame.name)
    if gone:
        raise DataError(
            f"target {column.name!r} is missing in {len(gone):,} of {len(column):,} rows ({_places(frame, gone)})",
            "Fill these values in, or remove the rows.",
            where=frame.name,
        )


def _check_all_numbers(frame: Frame, column: pl.Series, numbers: pl.Series, reading: Reading) -> None:
    bad = strays(column, reading) or numbers.is_null().arg_true().to_list()
    if bad:
        problem = BEYOND if _is_number(column[bad[0]]) else "is not a number"
        raise DataError(
            f"{column[bad[0]]!r} in target {column.name!r} {problem}",
            f"Correct {_count(bad)} or choose another target.",
            where=frame.at(bad[0]),
        )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _count(rows: Sequence[int]) -> str:
    return "it" if len(rows) == 1 else f"it and {len(rows) - 1:,} more"


def _places(frame: Frame, rows: Sequence[int]) -> str:
    shown = ", ".join(frame.at(row).removeprefix(f"{frame.name}, ") for row in rows[:5])
    return f"{shown} ..." if len(rows) > 5 else shown

"""Which column of a table does what, and the split that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.core.errors import DataError, did_you_mean
from goodfit.core.settings import DataSettings
from goodfit.data.columns import Reading, is_readable, reading_of, strays
from goodfit.data.frames import Frame
from goodfit.data.splits import Indices, given_split, grouped_split, random_split, temporal_split
from goodfit.data.table.preprocessing import useless
from goodfit.data.table.targets import Target

Values = NDArray[Any]

LEAST_TIMES = 10
"""Fewer dates than this are not enough to call their spacing regular."""
REGULAR = 0.9
"""Share of equal steps between dates that makes them regular."""


@dataclass(frozen=True)
class Roles:
    """Which column does what; ``inputs`` may become features."""

    target: str
    inputs: tuple[str, ...]
    time: str | None = None
    group: str | None = None
    split: str | None = None
    words: str = ""
    """What was inferred and not asked for."""


def find_roles(frame: Frame, settings: DataSettings, *, given: bool = False) -> Roles:
    """The roles a person gave, checked, and a time column where the rows are clearly a record in time.

    ``given`` says that the files already are the parts of a split. DataError for a name that is no column or
    has two roles, for no target, and for time and groups at once.
    """
    columns = frame.data.columns
    if settings.target is None:
        repair = f"Name it with --target. Columns: {_listed(columns)}."
        raise DataError("no column to predict was named", repair, where=frame.name)
    named = {"target": settings.target, "time_col": settings.time_col}
    named |= {"group_col": settings.group_col, "split_col": settings.split_col}
    roles = {role: name for role, name in named.items() if name is not None}
    _check_names(frame, roles, settings.drop)
    taken = {settings.target, settings.group_col, settings.split_col, *settings.drop}
    inputs = tuple(name for name in columns if name not in taken)
    if not inputs:
        repair = "Add columns that say something of the target."
        raise DataError(f"there is no column beside {' and '.join(roles.values())}", repair, where=frame.name)
    found = Roles(settings.target, inputs, settings.time_col, settings.group_col, settings.split_col)
    if found.time is None:
        return found if given or found.group or found.split else _with_time(frame, found)
    # Numbers that order the rows are larger in all newer rows than in any training row: no feature.
    keeps = reading_of(frame.data[found.time]).kind == "date"
    return found if keeps else replace(found, inputs=tuple(name for name in inputs if name != found.time))


def split_rows(
    frame: Frame, roles: Roles, given: Sequence[str] | None, target: Target, settings: DataSettings, seed: int
) -> tuple[Indices, str]:
    """Row numbers of the parts, and how they came about. ``given`` is the part of each row, from the files' names."""
    copies = _copies(frame.data.select(roles.inputs))
    shares: dict[str, Any] = {"validation": settings.validation, "test": settings.test}
    belongs: dict[str, Any] = {"strata": target.values if target.classes else None, "duplicates": copies}
    if roles.group:
        belongs["groups"] = group_codes(frame, roles.group)
    order = times_of(frame, roles.time) if roles.time else None
    if roles.split:
        given = frame.data[roles.split].cast(pl.String).to_list()
    try:
        if given is not None:
            split = given_split(given, **belongs, order=order, seed=seed, **shares, where=frame.name, at=frame.at)
            how = f"given by {roles.split!r}" if roles.split else "given by the files"
        elif order is not None:
            split, how = temporal_split(order, **shares), f"by time ({roles.time!r}), the newest rows are the test"
        elif roles.group:
            split, how = grouped_split(**belongs, seed=seed, **shares), f"by groups ({roles.group!r}), none torn apart"
        else:
            split = random_split(len(copies), **belongs, seed=seed, **shares)
            how = "random, stratified by class" if target.classes else "random"
    except DataError as error:
        raise DataError(error.problem, error.repair, where=error.where or frame.name) from None
    return split, "; ".join(filter(None, [how, roles.words, _copies_in_words(split, copies), split.note]))


def group_codes(frame: Frame, name: str) -> NDArray[np.int64]:
    """A number for each group; rows without one are a group of their own."""
    return frame.data[name].cast(pl.String).fill_null("").rank("dense").cast(pl.Int64).to_numpy()


def _check_names(frame: Frame, roles: Mapping[str, str], drop: Sequence[str]) -> None:
    taken: dict[str, str] = {}
    for role, name in [*roles.items(), *(("drop", name) for name in drop)]:
        if name not in frame.data.columns:
            repair = did_you_mean(name, frame.data.columns)
            raise DataError(f"there is no column {name!r} ({role})", repair, where=frame.name)
        if taken.setdefault(name, role) != role:
            raise DataError(
                f"column {name!r} is both {taken[name]} and {role}", "It can be one only.", where=frame.name
            )
    if "time_col" in roles and "group_col" in roles and "split_col" not in roles:
        raise DataError(
            "a split by time tears groups apart, so time_col and group_col cannot both decide it",
            "Choose one, or say for each row train, validation or test in a split_col.",
            where=frame.name,
        )


def _listed(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    return ", ".join(columns[:20]) + more


def _with_time(frame: Frame, roles: Roles) -> Roles:
    readings = {name: reading_of(frame.data[name]) for name in roles.inputs if is_readable(frame.data[name].dtype)}
    dated = [name for name, reading in readings.items() if reading.kind == "date"]
    if len(dated) != 1 or not _is_regular(readings[dated[0]](frame.data[dated[0]])):
        return roles
    words = f"inferred because each row is one regular step of {dated[0]!r}"
    return replace(roles, time=dated[0], words=words)


def _is_regular(dates: pl.Series) -> bool:
    if dates.null_count() or dates.n_unique() < max(LEAST_TIMES, len(dates)):
        return False
    steps = dates.sort().diff().drop_nulls().cast(pl.Int64).to_numpy()
    _, counts = np.unique(steps, return_counts=True)
    return bool(counts.max() >= REGULAR * len(steps))


def times_of(frame: Frame, name: str) -> Values:
    """Times as numbers. DataError for a row whose time is missing or cannot be read."""
    column = frame.data[name]
    reading = reading_of(column)
    if reading.kind == "category":
        reading = Reading("date")
    times = reading(column)
    unread = times.is_null().arg_true().to_list()
    if unread:
        row = (strays(column, reading) or unread)[0]
        value = "a missing value" if column[row] is None else repr(column[row])
        raise DataError(
            f"{value} in time_col {name!r} is neither a date nor a number",
            "Write dates as 2024-12-31, or correct or remove the row.",
            where=frame.at(row),
        )
    return times.cast(pl.Float64 if reading.kind == "number" else pl.Int64).to_numpy()


def _copies(inputs: pl.DataFrame) -> Values:
    """A key for each row that is equal where all values are; columns that only number or name the rows do not count."""
    rows = np.arange(inputs.height)
    values = {
        name: reading_of(inputs[name])(inputs[name]) for name in inputs.columns if is_readable(inputs[name].dtype)
    }
    telling = {name: column for name, column in values.items() if not useless(column, name, rows)}
    return pl.DataFrame(telling).hash_rows().to_numpy() if telling else rows


def _copies_in_words(split: Indices, copies: Values) -> str:
    extra = len(copies) - len(np.unique(copies))
    if not extra:
        return ""
    straddling = int(np.isin(copies[split.test], copies[split.train]).sum())
    side = f"{straddling:,} test rows are copies of training rows" if straddling else "all copies on one side"
    return f"{extra:,} rows are copies of others, {side}"

"""Regular steps of time: which step a list of dates keeps, and the number of each date when counted in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Times = NDArray[np.datetime64[Any]]

MICROSECONDS = 1_000_000
DAY = 86_400


@dataclass(frozen=True)
class Spacing:
    """One regular step. ``season`` steps make a season (1: none is known), ``block`` steps are taken as one
    when an interval is computed, because neighbours resemble each other.
    """

    name: str
    """``daily``, ``monthly``, ``every 15 minutes``"""
    step: str
    """``day``"""
    season: int
    block: int
    naive: tuple[str, str, str]
    """What the value one step ago, one season ago, and the mean of the last four seasons are called."""
    unit: Literal["seconds", "working days", "months"] = "seconds"
    size: int = DAY

    def count(self, number: int) -> str:
        """``1 day``, ``2,863 days``"""
        return f"{number:,} {self.step}{'' if number == 1 else 's'}"

    def positions(self, times: Times) -> Ints:
        """Whole steps since the earliest of the times; only for times that keep the spacing."""
        if self.unit == "working days":
            days = times.astype("datetime64[D]")
            return np.asarray(np.busday_count(days.min(), days), dtype=np.int64)
        if self.unit == "months":
            months = _months(times)
            return np.asarray((months - months.min()) // self.size, dtype=np.int64)
        ticks = _ticks(times)
        return np.asarray((ticks - ticks.min()) // (self.size * MICROSECONDS), dtype=np.int64)


HOUR_NAMES = ("an hour ago", "same hour yesterday", "same hour of the day")
WORKDAY_NAMES = ("last working day", "last week", "same weekday")
DAYS = Spacing("daily", "day", 7, 7, ("yesterday", "last week", "same weekday"))
HOURS = Spacing("hourly", "hour", 24, 24, HOUR_NAMES, size=3_600)
WEEKS = Spacing("weekly", "week", 52, 4, ("last week", "last year", "same week of the year"), size=7 * DAY)
WORKDAYS = Spacing("working-daily", "working day", 5, 5, WORKDAY_NAMES, "working days", 1)
MONTHS = {
    1: Spacing("monthly", "month", 12, 12, ("last month", "last year", "same month"), "months", 1),
    3: Spacing("quarterly", "quarter", 4, 4, ("last quarter", "last year", "same quarter"), "months", 3),
    12: Spacing("yearly", "year", 1, 4, ("last year", "last year", "last year"), "months", 12),
}

LEAST_WORKDAYS = 15
"""So many days without a weekend among them are no chance."""


def spacing_of(times: Times) -> Spacing | None:
    """The step that sorted, different times (two or more) keep, gaps allowed; None where they keep none."""
    ticks = _ticks(times)
    most_common, odd = _multiples(np.diff(ticks))
    if most_common % MICROSECONDS or most_common < MICROSECONDS or odd.any():
        return _in_months(times)
    seconds = most_common // MICROSECONDS
    if seconds == DAY and len(times) >= LEAST_WORKDAYS and np.is_busday(times.astype("datetime64[D]")).all():
        return WORKDAYS
    return next((each for each in (HOURS, DAYS, WEEKS) if each.size == seconds), None) or _other(int(seconds))


def oddest(times: Times) -> int:
    """Number of the first of sorted times that comes at an uneven distance after the one before it."""
    _, odd = _multiples(np.diff(_ticks(times)))
    return int(odd.argmax()) + 1


def missing_share(times: Times) -> float:
    """Share of the steps between the first and the last of sorted times that is not there; 1 without a step."""
    spacing = spacing_of(times) if len(times) > 1 else None
    return 1.0 if spacing is None else 1 - len(times) / (int(spacing.positions(times)[-1]) + 1)


def _other(seconds: int) -> Spacing:
    names = ("last value", "same time yesterday", "same time of the day")
    number, unit = next((seconds // size, word) for size, word in _UNITS if seconds % size == 0)
    season = DAY // seconds if DAY % seconds == 0 and DAY // seconds <= 288 else 1
    return Spacing(f"every {number} {unit}", "step", season, max(season, 7), names, size=seconds)


_UNITS = ((DAY, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


def _in_months(times: Times) -> Spacing | None:
    days = times.astype("datetime64[D]")
    of_month = (days - days.astype("datetime64[M]")).astype(np.int64)
    is_last = (days + 1).astype("datetime64[M]") != days.astype("datetime64[M]")
    if not (is_last.all() or (of_month == of_month[0]).all()) or (times - days != times[0] - days[0]).any():
        return None
    steps = np.diff(_months(times))
    size = int(np.gcd.reduce(steps)) if len(steps) else 0
    return next((MONTHS[each] for each in (12, 3, 1) if size and size % each == 0), None)


def _multiples(steps: Ints) -> tuple[int, NDArray[np.bool_]]:
    """The most common step, and which are no multiple of it."""
    values, counts = np.unique(steps, return_counts=True)
    most_common = int(values[counts.argmax()])
    return most_common, steps % most_common != 0


def _ticks(times: Times) -> Ints:
    return times.astype("datetime64[us]").astype(np.int64)


def _months(times: Times) -> Ints:
    return times.astype("datetime64[M]").astype(np.int64)


def labels(times: Times, spacing: Spacing) -> list[str]:
    """ISO dates, with the time of day where the step is shorter than a day."""
    whole_days = spacing.unit != "seconds" or spacing.size % DAY == 0
    unit = "D" if whole_days else "m" if spacing.size % 60 == 0 else "s"
    return [str(time) for time in times.astype(f"datetime64[{unit}]")]

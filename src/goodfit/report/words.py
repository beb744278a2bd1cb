"""Numbers and names as a person reads them; imported by commands that do not wait for torch."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goodfit.core.statistics import Estimate

MISSING = "–"
EMPTY = "(empty)"
SHARE = "share right"
"""Unit of `core.task.ACCURACY`, repeated here because importing it would import torch; a test compares them."""
LONGEST_NAME = 40


def plain(text: object) -> str:
    """Text that can be written and shown: a replacement character for each control character and lone surrogate."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs") else c for c in str(text))


def quoted(text: object, most: int = LONGEST_NAME) -> str:
    """A name from data within a sentence, short, and isolated so that its writing direction stays inside."""
    return f"'\N{FIRST STRONG ISOLATE}{shorten(text, most) or EMPTY}\N{POP DIRECTIONAL ISOLATE}'"


def shorten(text: object, most: int = LONGEST_NAME) -> str:
    """At most ``most`` characters on one line; the middle is left out, since names often differ at the end."""
    line = str(text)
    if len(line) > 4 * most:
        line = line[: 2 * most] + line[-2 * most :]
    line = plain(" ".join(line.split()))
    if len(line) <= most:
        return line
    tail = most // 3
    return f"{line[: most - tail - 1].rstrip()}…{line[-tail:].lstrip()}"


def distinct(names: Sequence[str], most: int) -> tuple[str, ...]:
    """Shortened names that still differ: what two would share is followed by a number."""
    seen: dict[str, int] = {}
    short = []
    for name in names:
        each = shorten(name, most) or EMPTY
        seen[each] = seen.get(each, 0) + 1
        short.append(each if seen[each] == 1 else f"{each} ({seen[each]})")
    return tuple(short)


def with_unit(name: str, unit: str) -> str:
    """``price (EUR)``, or the name alone where there is no unit."""
    return f"{name} ({unit})" if unit else name


def part_name(part: str) -> str:
    """A part of the data as an adjective: training, validation, test."""
    return {"train": "training"}.get(part, part)


def capital(text: str) -> str:
    """The first letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(([", ".join(names[:-1])] if names[:-1] else []) + list(names[-1:]))


def decimals_for(value: float, digits: int = 3) -> int:
    """Decimals that show ``digits`` significant digits of ``value``, from 0 to 6."""
    if not math.isfinite(value) or value == 0:
        return 0
    return min(6, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def number(value: float, digits: int = 3) -> str:
    """``12,345``, ``12.3``, ``0.00123``: at least ``digits`` significant digits, a true minus sign."""
    if not math.isfinite(value):
        return _not_finite(value)
    if value and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    if float(value).is_integer():
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:,.{decimals_for(value, digits)}f}".replace("-", "−")


def count(number_of: int, singular: str, plural: str = "") -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{number_of:,} {singular if number_of == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """``0.8 s``, ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass(frozen=True)
class Scale:
    """How all values of one metric are written: the same unit and the same decimals."""

    unit: str
    decimals: int
    factor: float = 1.0
    suffix: str = ""
    apart: str = ""
    """What follows a difference of two values: two shares differ by points."""

    def __call__(self, value: float) -> str:
        return f"{self._digits(value)}{self.suffix if math.isfinite(value) else ''}"

    def lead(self, value: float) -> str:
        """A difference of two values, with its sign."""
        return f"{'+' if value > 0 else ''}{self._digits(value)}{self.apart if math.isfinite(value) else ''}"

    def interval(self, value: Estimate) -> str:
        """``12.1 to 14.0``, nothing where none could be computed."""
        if not (math.isfinite(value.low) and math.isfinite(value.high)):
            return ""
        return f"{self._digits(value.low)} to {self._digits(value.high)}"

    def _digits(self, value: float) -> str:
        if not math.isfinite(value):
            return _not_finite(value)
        # Adding zero turns the minus zero that rounding can leave into a plain one.
        return f"{round(value * self.factor, self.decimals) + 0.0:,.{self.decimals}f}".replace("-", "−")


def scale_for(unit: str, values: Iterable[float]) -> Scale:
    """Shares in per cent with one decimal; errors with three digits of the smallest value."""
    if unit == SHARE:
        return Scale("%", 1, 100.0, "\N{NARROW NO-BREAK SPACE}%", " points")
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    return Scale(unit, decimals_for(min(sizes)) if sizes else 3)


def _not_finite(value: float) -> str:
    return MISSING if math.isnan(value) else "∞" if value > 0 else "−∞"

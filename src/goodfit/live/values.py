"""Values as the page can take them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any


def finite(value: Any) -> Any:
    """The number, or None for NaN and infinity, which JSON does not have."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their dotted names."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings in which two runs differ, by dotted name; None where one of them has no such setting."""
    one, other = dict(flat(first)), dict(flat(second))
    names = [*one, *(key for key in other if key not in one)]
    pairs = ((key, one.get(key), other.get(key)) for key in names)
    return [{"key": key, "values": [left, right]} for key, left, right in pairs if left != right]

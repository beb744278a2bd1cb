"""Readings to scores between 0 and 1."""

from __future__ import annotations

import math


def ramp(value: float, low: float, high: float) -> float:
    """0 at ``low``, 1 at ``high`` (which may be the smaller), straight between; 0 for nan."""
    if math.isnan(value):
        return 0.0
    return min(1.0, max(0.0, (value - low) / (high - low)))


def log_ramp(value: float, low: float, high: float) -> float:
    """`ramp` over the logarithm; a ``value`` of 0 counts as the smallest."""
    if math.isnan(value):
        return 0.0
    if value <= 0:
        return 1.0 if high < low else 0.0
    if math.isinf(value):
        return 1.0 if high > low else 0.0
    return ramp(math.log(value), math.log(low), math.log(high))


def either(*scores: float) -> float:
    """Independent hints together: one minus the product of what each leaves open."""
    left = 1.0
    for score in scores:
        left *= 1 - score
    return 1 - left

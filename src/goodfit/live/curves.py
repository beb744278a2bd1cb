"""Curves of a run, with no more points than a screen can show.

A curve is cut into as many buckets of equal length in updates as the picture is wide, and the least and the greatest
value of each are kept: spikes stay visible (Jugel et al., M4: a visualization-oriented time series data aggregation,
VLDB 2014, keeps the first and last of each as well). SQLite does it in one pass over an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from goodfit.ledger import Ledger
from goodfit.live.values import finite

LOSSES = ("train_loss", "validation_loss")
MOST_CURVES = 48
SPARK = 32
"""Points of the small curve in the list of runs."""

_OF = "FROM measurements WHERE run = :run AND quantity = :quantity AND layer = :layer"
_NAMES = """
WITH RECURSIVE names(quantity, layer) AS (
    SELECT * FROM (SELECT quantity, layer FROM measurements WHERE run = :run ORDER BY quantity, layer LIMIT 1)
    UNION ALL
    SELECT next.quantity, next.layer FROM names JOIN measurements AS next ON next.rowid = (
        SELECT rowid FROM measurements WHERE run = :run AND (quantity, layer) > (names.quantity, names.layer)
        ORDER BY quantity, layer LIMIT 1)
)
SELECT quantity, layer FROM names LIMIT :most
"""  # a step of the index for each name, and not a pass over all rows
_SPAN = f"SELECT (SELECT min(step) {_OF}), (SELECT max(step) {_OF})"
_COUNT = f"SELECT count(*) FROM (SELECT 1 {_OF} LIMIT :most)"  # noqa: S608
_ALL = f"SELECT step, value {_OF} ORDER BY step"
_BUCKETS = f"""
WITH rows AS MATERIALIZED (SELECT step, value, (step - :low) * :width / :length AS bucket {_OF})
SELECT step, min(value) FROM rows GROUP BY bucket
UNION SELECT step, max(value) FROM rows GROUP BY bucket
UNION SELECT * FROM (SELECT step, value FROM rows ORDER BY step DESC LIMIT 1)
ORDER BY 1
"""  # noqa: S608 (a bare column beside min or max is that of the row it was found in)
_SPARK = f"""
WITH RECURSIVE steps(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM steps WHERE i < {SPARK})
SELECT (SELECT value {_OF} AND step >= :low + i * :length / {SPARK} ORDER BY step LIMIT 1) FROM steps
"""  # noqa: S608


@dataclass(frozen=True)
class Curve:
    """One quantity over the updates; ``points`` are ``[update, value]``, the value None where it is not finite."""

    quantity: str
    layer: str
    points: list[list[Any]]
    thinned: bool


def curves(ledger: Ledger, run: str, width: int) -> tuple[list[Curve], int]:
    """The curves of a run, losses first, at most `MOST_CURVES`; and how many more there are."""
    names = ledger.query(_NAMES, {"run": run, "most": 10 * MOST_CURVES})
    names.sort(key=lambda name: (name[0] not in LOSSES, name))
    shown = names[:MOST_CURVES]
    return [curve(ledger, run, quantity, layer, width) for quantity, layer in shown], len(names) - len(shown)


def curve(ledger: Ledger, run: str, quantity: str, layer: str, width: int) -> Curve:
    """At most ``2 * width + 1`` points of a curve, its extremes among them."""
    key = {"run": run, "quantity": quantity, "layer": layer}
    thinned = ledger.query(_COUNT, {**key, "most": 2 * width + 1})[0][0] > 2 * width
    if thinned:
        ((low, high),) = ledger.query(_SPAN, key)
        rows = ledger.query(_BUCKETS, {**key, "low": low, "length": high - low + 1, "width": width})
    else:
        rows = ledger.query(_ALL, key)
    return Curve(quantity, layer, [[step, finite(value)] for step, value in rows], thinned)


def spark(ledger: Ledger, run: str) -> list[float]:
    """A loss over the run in `SPARK` steps, for a picture of the size of a word; empty where there is none."""
    for quantity in reversed(LOSSES):
        key = {"run": run, "quantity": quantity, "layer": ""}
        ((low, high),) = ledger.query(_SPAN, key)
        if low is not None:
            rows = ledger.query(_SPARK, {**key, "low": low, "length": high - low})
            return [value for (value,) in rows if finite(value) is not None]
    return []

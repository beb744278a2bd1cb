"""What has been written about a run since a reader last looked, by the ids of the ledger's rows.

The ledger has one writer at a time and never changes a row, so ids grow in the order in which rows become readable:
who has read up to an id has read everything up to it. A `Cursor` is one id for each table that is followed; it is the
``id`` of each server-sent event, which the browser sends back as ``Last-Event-ID`` when it connects again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from goodfit.ledger import Ledger, Status, standing
from goodfit.live.values import finite

MOST = 1000
"""Rows of a table that are handed on at once."""
NOTES_SINCE = 2
"""The version of the tables that brought notes."""
CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})")


@dataclass(frozen=True)
class Cursor:
    """The last measurement and the last note that were read; 0: none."""

    measurement: int = 0
    note: int = 0

    def __str__(self) -> str:
        return f"{self.measurement}.{self.note}"

    @classmethod
    def parsed(cls, text: str | None) -> Cursor:
        """From what `str` gave; the beginning for anything else."""
        found = CURSOR.fullmatch(text or "")
        return cls(*map(int, found.groups())) if found else cls()


@dataclass(frozen=True)
class Change:
    """Measurements ``[id, quantity, layer, step, value]`` and notes ``[id, at, kind, text]`` after a cursor."""

    cursor: Cursor
    status: Status
    outcome: str
    measurements: list[list[Any]]
    notes: list[list[Any]]

    @property
    def whole(self) -> bool:
        """Whether there is nothing more to read for now."""
        return max(len(self.measurements), len(self.notes)) < MOST


def newest(ledger: Ledger) -> Cursor:
    """Where the ledger ends now."""
    tables = ("measurements", "notes") if has_notes(ledger) else ("measurements",)
    return Cursor(*(ledger.select(f"SELECT ifnull(max(id), 0) FROM {table}")[0][0] for table in tables))  # noqa: S608


def since(ledger: Ledger, run: str, cursor: Cursor) -> Change | None:
    """What came after ``cursor``, at most `MOST` rows of each table; None where there is no such run."""
    with ledger.snapshot():
        known = ledger.select("SELECT status, outcome, host, pid FROM runs WHERE id = ?", run)
        if not known:
            return None
        columns = "SELECT id, quantity, layer, step, value FROM measurements"
        after = "WHERE run = ? AND id > ? ORDER BY id LIMIT ?"
        measured = [list(row) for row in ledger.select(f"{columns} {after}", run, cursor.measurement, MOST)]
        noted = notes(ledger, run, cursor.note)
    status, outcome, host, pid = known[0]
    read = Cursor(measured[-1][0] if measured else cursor.measurement, noted[-1][0] if noted else cursor.note)
    rows = [[*row, finite(value)] for *row, value in measured]
    return Change(read, standing(status, host, pid), outcome, rows, noted)


def notes(ledger: Ledger, run: str, after: int = 0, most: int = MOST) -> list[list[Any]]:
    """The notes of a run after an id; none in a ledger that is older than they are."""
    if not has_notes(ledger):
        return []
    query = "SELECT id, at, kind, text FROM notes WHERE run = ? AND id > ? ORDER BY id LIMIT ?"
    return [list(row) for row in ledger.select(query, run, after, most)]


def has_notes(ledger: Ledger) -> bool:
    return bool(ledger.select("PRAGMA user_version")[0][0] >= NOTES_SINCE)

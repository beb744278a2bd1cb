"""The tables of the ledger, as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

SCHEMA = 2
"""2 added ``notes`` and an index; an older ledger gets both when it is next written."""
APPLICATION = 0x676F6466
"""SQLite's application_id, 'godf': tells a ledger from another program's SQLite file."""

Status = Literal["running", "done", "failed", "interrupted"]
NOTES: Mapping[str, str] = {
    "stage": "a stage begins",
    "facts": "what was inferred from the data (JSON)",
    "plan": "a training begins: how many updates and epochs are planned (JSON)",
    "answer": "a question of the guide is answered (JSON)",
    "asking": "an experiment begins",
    "found": "what it found",
    "stop": "the run is asked to stop",
}
"""The kinds of notes."""

TABLES = """
CREATE TABLE IF NOT EXISTS starts (
    id TEXT PRIMARY KEY, created TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, settings TEXT NOT NULL,
    environment TEXT NOT NULL, directory TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES starts (id), at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),
    outcome TEXT NOT NULL, result TEXT
);
CREATE TABLE IF NOT EXISTS measurements (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES starts (id), quantity TEXT NOT NULL,
    step INTEGER NOT NULL, value REAL, layer TEXT NOT NULL, standard_error REAL, unit TEXT NOT NULL, seconds REAL
);
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES starts (id), at TEXT NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notes_of_run ON notes (run, id);
CREATE INDEX IF NOT EXISTS curves_of_run ON measurements (run, quantity, layer, step, value);
CREATE INDEX IF NOT EXISTS events_of_run ON events (run, id);
CREATE INDEX IF NOT EXISTS measurements_of_run ON measurements (run, id);
CREATE VIEW IF NOT EXISTS runs AS
    SELECT starts.id, created, name, kind, status, outcome, settings, environment, result, directory, host, pid
    FROM starts JOIN events ON events.id = (SELECT max(id) FROM events WHERE run = starts.id)
    ORDER BY starts.rowid;
"""
TRIGGERS = "".join(
    f"CREATE TRIGGER IF NOT EXISTS no_{change}_of_{table} BEFORE {change} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;\n"
    for table in ("starts", "events", "measurements", "notes")
    for change in ("update", "delete")
)
VERSION = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA};"

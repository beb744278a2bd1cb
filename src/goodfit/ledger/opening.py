"""Opening the file of a ledger, to write or only to read, and what can be wrong with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goodfit.core.errors import GoodfitError, NotFoundError, SettingsError
from goodfit.ledger.tables import APPLICATION, SCHEMA, TABLES, TRIGGERS, VERSION

FILE = "ledger.sqlite"
BUSY_SECONDS = 5.0


def writer(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"The folder for the runs cannot be made: {error.strerror}"
        raise SettingsError(problem, ELSEWHERE, where=str(path.parent)) from None
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    _check(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    if connection.execute("PRAGMA user_version").fetchone() < (SCHEMA,):
        connection.executescript(f"BEGIN IMMEDIATE; {TABLES} {TRIGGERS} {VERSION} COMMIT;")
    return connection


def reader(path: Path) -> sqlite3.Connection:
    if not path.exists() or not path.stat().st_size:
        raise NotFoundError(*NO_RUNS, where=str(path.parent))
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        _check(connection, path)
    except sqlite3.OperationalError:
        # A folder that cannot be written has no place for WAL's index; without a log, no writer is at work.
        if path.with_name(f"{FILE}-wal").exists():
            raise
        connection = sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
        _check(connection, path)
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a ledger, and a ledger this version cannot read."""
    queries = "SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version"
    tables, application, version = (connection.execute(query).fetchone()[0] for query in queries)
    if tables and application != APPLICATION:
        raise SettingsError("This is another program's file", ELSEWHERE, where=str(path))
    if version > SCHEMA:
        problem = f"The ledger was written by a newer goodfit (schema {version}; this one knows {SCHEMA})"
        raise GoodfitError(problem, "Upgrade goodfit, or choose another folder with --out.", where=str(path))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        for start, problem, repair in _PROBLEMS:
            if name.startswith(start):
                raise GoodfitError(problem, repair, where=str(path)) from error
        raise


NO_RUNS = "There are no runs yet", "Make one with `goodfit demo`."
_AWAY = "Move it away; each run's folder keeps its result.json."
ELSEWHERE = "Choose another folder with --out."
_PROBLEMS = (
    ("SQLITE_NOTADB", "This is not a ledger, or it is damaged", _AWAY),
    ("SQLITE_CORRUPT", "The ledger is damaged", _AWAY),
    ("SQLITE_BUSY", f"Another process has kept the ledger for {BUSY_SECONDS:.0f} s", "Try again when it has finished."),
    ("SQLITE_FULL", "The disk is full", "Free some space, or choose another folder with --out."),
    ("SQLITE_IOERR", "The disk cannot be read or written", ELSEWHERE),
    ("SQLITE_READONLY", "The ledger cannot be written", ELSEWHERE),
    ("SQLITE_CANTOPEN", "The ledger cannot be opened", ELSEWHERE),
)

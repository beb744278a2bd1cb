"""The ledger: an append-only store of runs in one SQLite file, and the folders of their artefacts.

``OUT/ledger.sqlite`` is the truth; a file in ``OUT/RUN/`` without a row is not. No row is ever changed or removed
(triggers see to it): what happens to a run is appended as an event, and its status is that of the last one.

================  ===================================================================================
``starts``        id, created, name, kind, settings (JSON), environment (JSON), directory (in OUT), host, pid
``events``        id, run, at, status (running, done, failed or interrupted), outcome, result (JSON or NULL)
``measurements``  id, run, quantity, step, value, layer, standard_error, unit, seconds; NULL stands for NaN
``notes``         id, run, at, kind, text: what a run says on its way, and what it is asked (`NOTES`)
``runs``          a view: a row for each run, with the status, outcome and result of its last event
================  ===================================================================================

Times are UTC in ISO 8601. Readers never wait for the writer (WAL). A `Ledger` must not be shared between processes.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import socket
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psutil

from goodfit.core.errors import NotFoundError, SettingsError, did_you_mean
from goodfit.core.run import Measurement
from goodfit.ledger.opening import ELSEWHERE, FILE, NO_RUNS, explained, reader, writer
from goodfit.ledger.tables import NOTES, Status

__all__ = [
    "FILE",
    "NOTES",
    "Entry",
    "Ledger",
    "Record",
    "Status",
    "check_folder",
    "standing",
    "write_atomically",
]

LATEST = "latest"


@dataclass(frozen=True)
class Entry:
    """One run as the ledger knows it; ``result`` is the run's document once it is done."""

    id: str
    created: str
    name: str
    kind: str
    status: Status
    outcome: str
    settings: dict[str, Any]
    environment: dict[str, Any]
    result: dict[str, Any] | None
    directory: Path
    host: str
    pid: int


class Ledger:
    """The ledger of the folder ``out``; made where it does not exist, unless it is opened for reading only.

    >>> with Ledger("goodfit_runs") as ledger, ledger.record("views", "series", {}, {}) as record:
    ...     record.measure(100, {"train_loss": 0.5})
    ...     record.write("report.html", "<h1>views</h1>")
    ...     record.done("finished", {"schema": 1})
    """

    def __init__(self, out: str | Path, *, readonly: bool = False) -> None:
        self.out = Path(out)
        self.path = self.out / FILE
        with explained(self.path):
            self._connection = reader(self.path) if readonly else writer(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def record(
        self, name: str, kind: str, settings: Mapping[str, Any], environment: Mapping[str, Any]
    ) -> Iterator[Record]:
        """Start a run; what leaves the block without `Record.done` is recorded as failed or interrupted."""
        record = self.start(name, kind, settings, environment)
        try:
            yield record
        except (KeyboardInterrupt, SystemExit):
            record.end("interrupted", "stopped by the person")
            raise
        except BaseException as error:
            record.end("failed", f"{type(error).__name__}: {error}")
            raise
        record.end("failed", "ended without a result")

    def start(self, name: str, kind: str, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> Record:
        """Make the folder of a new run, which no other run can have, and its first event."""
        now = datetime.now(UTC)
        directory = _new_directory(self.out, f"{now:%Y%m%d-%H%M%S}-{_slug(name)}")
        facts = (_utf8(name), kind, _json(settings), _json(environment))
        row = (directory.name, _iso(now), *facts, directory.name, socket.gethostname(), os.getpid())
        with self._appending(durable=True) as connection:
            connection.execute("INSERT INTO starts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute(_APPEND_EVENT, (directory.name, _iso(now), "running", "", None))
        _point(self.out / LATEST, directory.name)
        return Record(self, directory)

    def measure(self, run: str, rows: Iterable[Measurement]) -> None:
        """Append measurements; when this returns, killing the process loses none of them."""
        values = [(run, *astuple(row)) for row in rows]
        with self._appending(durable=False) as connection:
            connection.executemany("INSERT INTO measurements VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def note(self, run: str, kind: str, text: str) -> None:
        """Append a word of a run, or to it; ``kind`` is one of `NOTES`."""
        with self._appending(durable=False) as connection:
            row = (run, _iso(datetime.now(UTC)), kind, _utf8(text))
            connection.execute("INSERT INTO notes VALUES (NULL, ?, ?, ?, ?)", row)

    def notes(self, run: str, kind: str) -> list[str]:
        """The notes of one kind, in order."""
        found = self.select("SELECT text FROM notes WHERE run = ? AND kind = ? ORDER BY id", run, kind)
        return [text for (text,) in found]

    def end(self, run: str, status: Status, outcome: str, result: Mapping[str, Any] | None = None) -> bool:
        """Append how a run ended; false, and nothing is appended, where it had ended before."""
        document = None if result is None else _json(result)
        with self._appending(durable=True) as connection:
            last = connection.execute("SELECT status FROM runs WHERE id = ?", (run,)).fetchone()
            if last != ("running",):
                return False
            event = (run, _iso(datetime.now(UTC)), status, _utf8(outcome), document)
            connection.execute(_APPEND_EVENT, event)
            return True

    def runs(self) -> list[Entry]:
        """All runs, the oldest first."""
        return [self._entry(row) for row in self.select("SELECT * FROM runs")]

    def get(self, reference: str) -> Entry:
        """The run with this id, with an id that begins so and no other does, or the one started last ('latest')."""
        start = Path(reference).name
        if start == LATEST:
            rows = self.select("SELECT * FROM runs WHERE id = (SELECT id FROM starts ORDER BY rowid DESC LIMIT 1)")
        else:
            rows = self.select("SELECT * FROM runs WHERE substr(id, 1, length(?)) = ?", start, start)
            rows = [row for row in rows if row[0] == start] or rows
        if len(rows) == 1:
            return self._entry(rows[0])
        raise self._not_one(reference, [row[0] for row in rows])

    def measurements(self, run: str) -> list[Measurement]:
        """The measurements of a run in the order they were made."""
        columns = "SELECT quantity, step, value, layer, standard_error, unit, seconds FROM measurements"
        found = self.select(columns + " WHERE run = ? ORDER BY id", run)
        return [
            Measurement(q, step, _or_nan(value), layer, _or_nan(error), *rest)
            for q, step, value, layer, error, *rest in found
        ]

    def events(self, run: str) -> list[tuple[str, Status, str]]:
        """What happened to a run, in order: when, the status since then, and why."""
        return self.select("SELECT at, status, outcome FROM events WHERE run = ? ORDER BY id", run)

    def query(self, query: str, values: Mapping[str, str | int]) -> list[Any]:
        """`select` with values by name."""
        with explained(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside belongs to one moment, whatever is written meanwhile."""
        with explained(self.path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.rollback()

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        values = dict(zip((field.name for field in fields(Entry)), row, strict=True))
        parsed = {key: json.loads(values[key] or "null") for key in ("settings", "environment", "result")}
        return Entry(**{**values, **parsed, "directory": self.out / values["directory"]})

    def select(self, query: str, *values: str | int) -> list[Any]:
        """The rows of a query that only reads."""
        with explained(self.path):
            return self._connection.execute(query, values).fetchall()

    def _not_one(self, reference: str, found: list[str]) -> NotFoundError:
        if found:
            return NotFoundError(
                f"{len(found)} runs begin with {reference!r}: {', '.join(found[-3:])}",
                "Give more of the id.",
                where=str(self.out),
            )
        known = [entry.id for entry in reversed(self.runs())]
        if not known:
            return NotFoundError(*NO_RUNS, where=str(self.out))
        hint = did_you_mean(reference, known)
        hint = hint if hint.startswith("Did") else "`goodfit runs` lists them."
        return NotFoundError(f"There is no run {reference!r}", hint, where=str(self.out))

    @contextmanager
    def _appending(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """One transaction. A durable one also survives a loss of power (a sync to the disk, about a millisecond)."""
        with explained(self.path):
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()


class Record:
    """The run being made: its id, its folder, and what is written about it."""

    def __init__(self, ledger: Ledger, directory: Path) -> None:
        self._ledger, self.directory, self.id = ledger, directory, directory.name

    def measure(self, step: int, values: Mapping[str, float | None], *, unit: str = "") -> None:
        """Append quantities measured at an update; None means not measured."""
        rows = [
            Measurement(quantity, step, value, unit=unit) for quantity, value in values.items() if value is not None
        ]
        self._ledger.measure(self.id, rows)

    def note(self, kind: str, text: str) -> None:
        """Append a word on where the run is; ``kind`` is one of `NOTES`."""
        self._ledger.note(self.id, kind, text)

    def asked_to_stop(self) -> bool:
        return bool(self._ledger.notes(self.id, "stop"))

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file in the run's folder, whole or not at all."""
        return write_atomically(self.directory / name, content)

    def done(self, outcome: str, result: Mapping[str, Any]) -> None:
        """The run has a result: write it as ``result.json`` and record that the run is done."""
        self.write("result.json", _json(result, indent=2) + "\n")
        self.end("done", outcome, result)

    def end(self, status: Status, outcome: str, result: Mapping[str, Any] | None = None) -> bool:
        return self._ledger.end(self.id, status, outcome, result)


def write_atomically(path: str | Path, content: str | bytes) -> Path:
    """Write a file under a temporary name and rename it: the name never stands for half a file."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def standing(status: Status, host: str, pid: int) -> Status:
    """The status of a run as it is: one whose process is gone (killed, or no power) could not say so itself."""
    here = status == "running" and host == socket.gethostname()
    return "interrupted" if here and not psutil.pid_exists(pid) else status


def check_folder(out: str | Path) -> None:
    """Refuse, and make nothing, where no folder of runs can be: known before the work that may take long."""
    there = next(each for each in (Path(out).absolute(), *Path(out).absolute().parents) if each.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        problem = f"The folder for the runs cannot be made: {there} is no folder that can be written"
        raise SettingsError(problem, ELSEWHERE, where=str(out))


_APPEND_EVENT = "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?)"


def _new_directory(out: Path, start: str) -> Path:
    """A folder nobody else has made: its name is tried with other endings until it is ours."""
    while True:
        directory = out / f"{start}-{secrets.token_hex(2)}"
        try:
            directory.mkdir()
        except FileExistsError:
            continue
        return directory


def _point(pointer: Path, name: str) -> None:
    """Let ``pointer`` stand for ``name``: a symbolic link, or a text file where there are none."""
    temporary = pointer.with_name(f".{pointer.name}.{secrets.token_hex(4)}")
    if pointer.is_dir() and not pointer.is_symlink():
        return  # a folder of the person's own is left alone
    try:
        temporary.symlink_to(name, target_is_directory=True)
    except (OSError, NotImplementedError):
        temporary.write_text(name + "\n", encoding="utf-8")
    temporary.replace(pointer)


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name)[:24].strip("-") or "run"


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _utf8(text: str) -> str:
    """File names may hold bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _json(value: Any, indent: int | None = None) -> str:
    """Strict JSON: NaN and infinity, which it cannot hold, become null."""
    return json.dumps(_finite(value), allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value

"""Following a run: every row once and in order, whoever is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from goodfit.core.run import Measurement
from goodfit.ledger import FILE, Ledger
from goodfit.live import store, tail
from goodfit.live.tail import MOST, Cursor, since
from tests.live.made import finished, rows, started

MAIN = "from goodfit.cli import main; main()"
WRITER = """
import sys, time
from goodfit.core.run import Measurement
from goodfit.ledger import Ledger
out, run, start = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Ledger(out) as ledger:
    for step in range(start, 10**9):
        ledger.measure(run, [Measurement("train_loss", step, 1 / (1 + step))])
        print(step, flush=True)
        time.sleep(0.01)
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed with -9 at the end of the block."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


@contextmanager
def serving(out: Path, port: int) -> Iterator[str]:
    with process(MAIN, "serve", out, "--port", port) as server:
        assert server.stderr is not None
        assert f":{port}/" in server.stderr.readline()
        yield f"http://127.0.0.1:{port}"


def events(address: str, last: str, enough: int) -> Iterator[tuple[str, dict[str, list[list[object]]]]]:
    """Server-sent events after an id, until so many measurements were told."""
    request = urllib.request.Request(address, headers={"Last-Event-ID": last} if last else {})
    with urllib.request.urlopen(request, timeout=20) as stream:
        told, name = 0, ""
        for line in stream:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            name = value if field == "id" else name
            if field == "data":
                change = json.loads(value)
                told += len(change["measurements"])
                yield name, change
            if told >= enough:
                return


def test_a_cursor_is_what_the_browser_sends_back() -> None:
    assert Cursor.parsed(str(Cursor(17, 4))) == Cursor(17, 4)
    for text in (None, "", "x", "1", "1.2.3", "-1.2", "1.2\n3", "9" * 30 + ".1"):
        assert Cursor.parsed(text) == Cursor()


def test_the_tail_goes_on_where_the_snapshot_ends(tmp_path: Path) -> None:
    run, other = started(tmp_path, points=5), started(tmp_path, points=5)
    with Ledger(tmp_path) as ledger:
        cursor = Cursor.parsed(store.run(ledger, run, 100)["cursor"])
        change = since(ledger, run, cursor)
        assert change is not None
        assert (change.measurements, change.notes, change.cursor) == ([], [], cursor)
        ledger.measure(other, rows("train_loss", 5, 9))
        ledger.measure(run, [Measurement("train_loss", 5, 0.5), Measurement("train_loss", 6, float("nan"))])
        ledger.note(run, "stage", "scoring")
        change = since(ledger, run, cursor)
        assert change is not None
        assert [row[1:] for row in change.measurements] == [["train_loss", "", 5, 0.5], ["train_loss", "", 6, None]]
        assert [row[2:] for row in change.notes] == [["stage", "scoring"]]
        after = since(ledger, run, change.cursor)
        assert after is not None
        assert after.measurements == after.notes == []
        assert since(ledger, "nothing", Cursor()) is None


def test_much_is_told_in_parts(tmp_path: Path) -> None:
    run = started(tmp_path, points=0)
    with Ledger(tmp_path) as ledger:
        ledger.measure(run, rows("train_loss", 0, 2 * MOST + 5))
        cursor, sizes, steps = Cursor(), [], []
        while True:
            change = since(ledger, run, cursor)
            assert change is not None
            cursor = change.cursor
            sizes.append(len(change.measurements))
            steps += [row[3] for row in change.measurements]
            if change.whole:
                break
    assert sizes == [MOST, MOST, 5]
    assert steps == list(range(2 * MOST + 5))


def test_a_ledger_older_than_notes_can_be_shown(tmp_path: Path) -> None:
    run = finished(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.executescript("DROP TABLE notes; DROP INDEX curves_of_run; PRAGMA user_version = 1")
    connection.close()
    with Ledger(tmp_path, readonly=True) as ledger:
        assert store.run(ledger, run, 100)["notes"] == []
        assert tail.newest(ledger).note == 0
        change = since(ledger, run, Cursor())
    assert change is not None
    assert len(change.measurements) == 40


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_nothing_is_lost_or_told_twice_over_kill_9_of_both_sides(tmp_path: Path) -> None:
    run, port = started(tmp_path, points=0), free_port()
    address = f"http://127.0.0.1:{port}/api/runs/{run}/events"
    told: list[object] = []
    last = ""

    def listen(enough: int) -> None:
        nonlocal last
        for name, change in events(address, last, enough):
            last = name
            told.extend(row[3] for row in change["measurements"])

    with serving(tmp_path, port):
        with process(WRITER, tmp_path, run, 0) as writer:
            listen(30)
            assert writer.poll() is None
        first = acknowledged(tmp_path, run)
        with process(WRITER, tmp_path, run, first + 1):
            listen(10)
    with serving(tmp_path, port), process(WRITER, tmp_path, run, acknowledged(tmp_path, run) + 1):
        listen(30)
    assert told == list(range(len(told)))
    assert len(told) >= 70
    assert re.fullmatch(r"\d+\.\d+", last)


def acknowledged(out: Path, run: str) -> int:
    with Ledger(out, readonly=True) as ledger:
        return max(each.step for each in ledger.measurements(run))


def test_the_server_waits_for_the_first_run(tmp_path: Path) -> None:
    with serving(tmp_path, free_port()) as address:
        with urllib.request.urlopen(f"{address}/api/runs", timeout=20) as answer:
            assert json.load(answer) == {"runs": []}
        run = started(tmp_path)
        with urllib.request.urlopen(f"{address}/api/runs", timeout=20) as answer:
            assert [each["id"] for each in json.load(answer)["runs"]] == [run]

"""The ledger: append-only, readable while it is written, and nothing acknowledged is ever lost."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from goodfit import ledger as ledger_module
from goodfit.core.errors import GoodfitError, NotFoundError, SettingsError
from goodfit.core.run import Measurement
from goodfit.ledger import FILE, Ledger, check_folder, write_atomically


def make(out: Path, *names: str) -> list[str]:
    with Ledger(out) as ledger:
        return [ledger.start(name, "table", {"seed": 0}, {"python": "3"}).id for name in names]


def test_a_run_from_start_to_result(tmp_path: Path) -> None:
    with Ledger(tmp_path / "deep" / "out") as ledger:
        with ledger.record("Page Views!", "series", {"seed": 3}, {"torch": "2"}) as record:
            assert ledger.get(record.id).status == "running"
            record.measure(10, {"train_loss": 0.5, "validation_loss": None})
            record.write("report.html", "<h1>ü</h1>")
            record.done("finished", {"schema": 1, "score": math.nan})
        entry = ledger.get("latest")
    assert (entry.name, entry.kind, entry.status, entry.outcome) == ("Page Views!", "series", "done", "finished")
    assert (entry.settings, entry.environment, entry.result) == (
        {"seed": 3},
        {"torch": "2"},
        {"schema": 1, "score": None},
    )
    assert (entry.directory / "report.html").read_text(encoding="utf-8") == "<h1>ü</h1>"
    assert json.loads((entry.directory / "result.json").read_text()) == {"schema": 1, "score": None}
    assert entry.pid == os.getpid()


def test_ids_are_readable_and_sort_by_time(tmp_path: Path) -> None:
    ids = make(tmp_path, "Wikipedia R (language)", "Çağrı", "日本", "")
    assert [each[15:-5] for each in ids] == ["-wikipedia-r-language", "-cagr", "-run", "-run"]
    assert all(each[:8].isdigit() and each[8] == "-" and each[9:15].isdigit() for each in ids)
    with Ledger(tmp_path) as ledger:
        assert [entry.id for entry in ledger.runs()] == ids


def test_a_folder_is_never_used_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endings = iter(["aaaa", "1", "aaaa", "aaaa", "bbbb", "2"])

    class Frozen(ledger_module.datetime):
        @classmethod
        def now(cls, tz: object = None) -> Frozen:
            return cls(2026, 11, 23, 18, 30, 12, tzinfo=ledger_module.UTC)

    monkeypatch.setattr(ledger_module, "datetime", Frozen)
    monkeypatch.setattr(ledger_module.secrets, "token_hex", lambda _: next(endings))
    assert make(tmp_path, "views", "views") == ["20261123-183012-views-aaaa", "20261123-183012-views-bbbb"]


def test_what_happened_is_kept_in_order(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record = ledger.start("a", "table", {}, {})
        assert record.end("interrupted", "stopped")
        assert not record.end("done", "too late", {"schema": 1})
        assert [event[1:] for event in ledger.events(record.id)] == [("running", ""), ("interrupted", "stopped")]
        assert ledger.get(record.id).result is None


@pytest.mark.parametrize(
    ("raised", "status", "outcome"),
    [
        (KeyboardInterrupt(), "interrupted", "stopped by the person"),
        (ValueError("no good"), "failed", "ValueError: no good"),
        (None, "failed", "ended without a result"),
    ],
)
def test_what_ends_without_a_result(tmp_path: Path, raised: BaseException | None, status: str, outcome: str) -> None:
    def work() -> None:
        with Ledger(tmp_path) as ledger, ledger.record("a", "table", {}, {}):
            if raised is not None:
                raise raised

    if raised is None:
        work()
    else:
        with pytest.raises(type(raised)):
            work()
    with Ledger(tmp_path, readonly=True) as ledger:
        entry = ledger.get("latest")
    assert (entry.status, entry.outcome) == (status, outcome)


def test_a_failure_after_the_result_does_not_undo_it(tmp_path: Path) -> None:
    def work() -> None:
        with Ledger(tmp_path) as ledger, ledger.record("a", "table", {}, {}) as record:
            record.done("finished", {"schema": 1})
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        work()
    with Ledger(tmp_path, readonly=True) as ledger:
        assert ledger.get("latest").status == "done"


def test_measurements_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [
        Measurement("loss", 1, 0.1, "layer.0", 0.01, "nats", 1.5),
        Measurement("loss", 2, math.nan),
        Measurement("loss", 3, math.inf),
        Measurement("loss", 4, -math.inf),
        Measurement("loss", 5, 5e-324),
    ]
    with Ledger(tmp_path) as ledger:
        record = ledger.start("a", "table", {}, {})
        other = ledger.start("b", "table", {}, {})
        ledger.measure(record.id, rows)
        ledger.measure(other.id, rows[:1])
        found = ledger.measurements(record.id)
    assert repr(found) == repr(rows)


def test_nothing_can_be_changed_or_removed(tmp_path: Path) -> None:
    (run,) = make(tmp_path, "a")
    with Ledger(tmp_path) as ledger:
        ledger.measure(run, [Measurement("loss", 1, 1.0)])
        ledger.note(run, "stage", "training")
    connection = sqlite3.connect(tmp_path / FILE)
    for table in ("starts", "events", "measurements", "notes"):
        for change in (f"UPDATE {table} SET id = 7", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(change)
    connection.close()


def test_notes_are_kept_in_order_and_a_run_can_be_asked_to_stop(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger, Ledger(tmp_path) as server:
        record, other = ledger.start("a", "table", {}, {}), ledger.start("b", "table", {}, {})
        for text in ("reading b\udcffd", "training"):
            record.note("stage", text)
        assert ledger.notes(record.id, "stage") == ["reading b\\udcffd", "training"]
        assert not record.asked_to_stop()
        server.note(record.id, "stop", "")
        assert record.asked_to_stop()
        assert not other.asked_to_stop()


def test_an_older_ledger_gets_what_was_added_when_it_is_written(tmp_path: Path) -> None:
    make(tmp_path, "a")
    connection = sqlite3.connect(tmp_path / FILE)
    connection.executescript("DROP TABLE notes; DROP INDEX curves_of_run; PRAGMA user_version = 1")
    connection.close()
    with Ledger(tmp_path, readonly=True) as ledger:
        run = ledger.get("latest").id
    with Ledger(tmp_path) as ledger:
        ledger.note(run, "stage", "training")
        assert ledger.notes(run, "stage") == ["training"]
        assert [entry.id for entry in ledger.runs()] == [run]


def test_the_view_has_the_documented_columns(tmp_path: Path) -> None:
    make(tmp_path, "a")
    connection = sqlite3.connect(tmp_path / FILE)
    columns = " ".join(row[1] for row in connection.execute("PRAGMA table_info(runs)"))
    assert columns == "id created name kind status outcome settings environment result directory host pid"
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_json_is_strict(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record = ledger.start("a", "table", {"x": [math.nan, {"y": (math.inf, 1)}]}, {"path": "b\udcffd"})
        record.done("finished", {"text": "\udcff <b>"})
        entry = ledger.get(record.id)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (record.directory / "result.json").read_text(encoding="ascii")
    assert json.loads(text, parse_constant=refuse) == {"text": "\udcff <b>"}
    assert entry.settings == {"x": [None, {"y": [None, 1]}]}


def test_asking_for_a_run(tmp_path: Path) -> None:
    first, second = make(tmp_path, "views", "digits")
    with Ledger(tmp_path, readonly=True) as ledger:
        assert ledger.get(first).id == first
        assert ledger.get(first[:20]).id == first
        assert ledger.get(f"somewhere/{second}/").id == second
        assert ledger.get("latest").id == ledger.get(f"{tmp_path}/latest").id == second
        with pytest.raises(NotFoundError, match=rf"There is no run '{first}x'\. Did you mean '{first}'\?"):
            ledger.get(f"{first}x")
        with pytest.raises(NotFoundError, match=rf"2 runs begin with '20': {first}, {second}\. Give more of the id\."):
            ledger.get("20")
        with pytest.raises(NotFoundError, match=r"There is no run '%'\. `goodfit runs` lists them\."):
            ledger.get("%")


def test_latest_points_to_the_run_started_last(tmp_path: Path) -> None:
    for run in make(tmp_path, "a", "b"):
        assert (tmp_path / run).is_dir()
    assert (tmp_path / "latest").resolve() == tmp_path / run
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_latest_is_a_text_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    ids = make(tmp_path, "a", "b")
    assert (tmp_path / "latest").read_text() == f"{ids[1]}\n"


def test_a_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").touch()
    make(tmp_path, "a")
    assert (tmp_path / "latest" / "mine").exists()


def test_reading_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"There are no runs yet\. Make one with `goodfit demo`\."):
        Ledger(tmp_path / "none", readonly=True)
    assert not (tmp_path / "none").exists()
    (tmp_path / FILE).touch()
    with pytest.raises(NotFoundError, match="There are no runs yet"):
        Ledger(tmp_path, readonly=True)
    make(tmp_path)
    with Ledger(tmp_path, readonly=True) as ledger:
        assert ledger.runs() == []
        with pytest.raises(NotFoundError, match="There are no runs yet"):
            ledger.get("latest")
        with pytest.raises(GoodfitError, match=r"The ledger cannot be written\."):
            ledger.start("a", "table", {}, {})


def test_reading_while_another_writes(tmp_path: Path) -> None:
    with Ledger(tmp_path) as writer, Ledger(tmp_path) as other:
        record = writer.start("a", "table", {}, {})
        with Ledger(tmp_path, readonly=True) as reader, writer._appending(durable=False):
            assert reader.get("latest").id == record.id
        assert other.start("b", "table", {}, {}).id == other.get("latest").id


def damaged(path: Path) -> None:
    make(path.parent, *"abcdefgh")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photographs (id)")
    connection.close()


def newer(path: Path) -> None:
    make(path.parent, "a")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (
        lambda path: path.write_text("id,name\n" * 1000),
        r"This is not a ledger, or it is damaged\. Move it away",
    ),
    "damaged": (damaged, r"The ledger is damaged\. Move it away; each run's folder keeps its result\.json\."),
    "foreign": (foreign, r"This is another program's file\. Choose another folder with --out\."),
    "newer": (newer, r"written by a newer goodfit \(schema 3; this one knows 2\)\. Upgrade goodfit"),
    "folder": (lambda path: path.mkdir(), r"cannot be (opened|read or written)\. Choose another folder with --out\."),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("readonly", [False, True])
def test_a_ledger_that_cannot_be_used(tmp_path: Path, kind: str, readonly: bool) -> None:
    spoil, sentence = BROKEN[kind]
    spoil(tmp_path / FILE)
    if kind == "folder":
        (tmp_path / FILE / "x").touch()

    def use() -> None:
        with Ledger(tmp_path, readonly=readonly) as ledger:
            ledger.runs()

    with pytest.raises(GoodfitError, match=sentence) as caught:
        use()
    assert str(caught.value).startswith(f"{tmp_path / FILE}: ")


@pytest.mark.parametrize("name", ["file", "file/deep", "file/deep/deeper"])
def test_a_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=rf"/{name}: The folder for the runs cannot be made: .*/file .*--out\."):
        check_folder(tmp_path / name)


def test_a_folder_that_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "runs")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"/file: The folder for the runs cannot be made: .*with --out\."):
        Ledger(tmp_path / "file")
    with pytest.raises(SettingsError, match=r"/file/deep: The folder for the runs cannot be made: Not a directory"):
        Ledger(tmp_path / "file" / "deep")


def test_a_busy_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module.opening, "BUSY_SECONDS", 0.05)
    with (
        Ledger(tmp_path) as first,
        Ledger(tmp_path) as second,
        first._appending(durable=False),
        pytest.raises(GoodfitError, match="Another process has kept the ledger"),
    ):
        second.start("a", "table", {}, {})


UNPRIVILEGED = """
import os, sys
from goodfit.core.errors import GoodfitError
from goodfit.ledger import check_folder, Ledger
os.setgid(65534); os.setuid(65534)
print([entry.name for entry in Ledger(sys.argv[1], readonly=True).runs()])
try:
    Ledger(sys.argv[1]).start("b", "table", {}, {})
except GoodfitError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may become somebody else")
def test_a_folder_that_can_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # outside of pytest's own folders, which nobody else may enter
        folder = Path(name)
        make(folder, "a")
        folder.chmod(0o555)
        (folder / FILE).chmod(0o444)
        done = subprocess.run([sys.executable, "-c", UNPRIVILEGED, name], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "['a']"
    assert lines[1].endswith("ledger.sqlite: The ledger cannot be written. Choose another folder with --out.")


WRITER = """
import sys
from goodfit.ledger import check_folder, Ledger
with Ledger(sys.argv[1]) as ledger, ledger.record("a", "table", {}, {}) as record:
    step = 0
    while True:
        record.measure(step, {"loss": step / 7, "other": 1.0})
        print(step, flush=True)
        step += 1
"""


def test_killing_the_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    for acknowledged in (1, 40, 200):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(acknowledged):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        last = int(([str(acknowledged - 1), *process.stdout.read().split()])[-1])
        process.wait()
        process.stdout.close()
        with Ledger(tmp_path, readonly=True) as ledger:
            rows = ledger.measurements(ledger.get("latest").id)
            assert ledger.get("latest").status == "running"
        assert len(rows) % 2 == 0
        assert [row.step for row in rows[::2]] == list(range(len(rows) // 2))
        assert len(rows) // 2 >= last + 1
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


STARTER = """
import sys
from goodfit.ledger import check_folder, Ledger
for _ in range(5):
    with Ledger(sys.argv[1]) as ledger:
        ledger.start("same", "table", {}, {})
"""


def test_processes_that_start_at_once(tmp_path: Path) -> None:
    started = [subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)]) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    with Ledger(tmp_path, readonly=True) as ledger:
        ids = [entry.id for entry in ledger.runs()]
    assert len(set(ids)) == 20
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} - {"latest"} == set(ids)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_atomically(tmp_path / "a.bin", b"old")

    def fail(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]

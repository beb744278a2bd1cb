"""`goodfit run` and `goodfit demo`: what is asked of the work, and what is written where."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from goodfit.cli import run as command
from goodfit.core.configuration import from_file, merge
from goodfit.core.errors import DataError, TrainingError
from goodfit.core.settings import Settings
from tests.cli.made import DOCUMENT, HISTORIES, invoke

FACTS = {"kind": "daily series", "[bold]odd[/bold]": "a\x1b[31mb"}


class Work:
    """Stands in for the work: keeps what it was asked to do."""

    def __init__(self, document: Mapping[str, Any] = DOCUMENT, error: BaseException | None = None) -> None:
        self.document, self.error = document, error
        self.asked: list[Settings] = []

    def __call__(self, settings: Settings, progress: Any, began: float) -> Mapping[str, Any]:
        self.asked.append(settings)
        progress.stage("reading [red]views[/red].csv")
        progress.inferred(FACTS)
        warnings.warn("a library complains", stacklevel=1)
        if self.error is not None:
            raise self.error
        return self.document


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GOODFIT_SEED", "GOODFIT_OUT", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    stand_in = Work()
    monkeypatch.setattr(command, "execute", stand_in)
    return stand_in


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    monkeypatch.setattr(command, "execute", Work(error=error))


def test_every_option_reaches_the_settings(work: Work) -> None:
    text = (
        "run a.csv --target y --kind table --drop u --drop v --time-col t --group-col g --split-col s --history 7 "
        "--size 32 --seed 0 --time 5m --out here --deterministic --set training.rate=3e-4 --set model.width=9"
    )
    assert invoke(*text.split()).exit_code == 0
    (got,) = work.asked
    data = got.data
    assert (data.path, data.target, data.kind, data.drop) == ("a.csv", "y", "table", ("u", "v"))
    assert (data.time_col, data.group_col, data.split_col, data.history, data.size) == ("t", "g", "s", 7, 32)
    assert (got.seed, got.time, got.out, got.deterministic) == (0, "5m", "here", True)
    assert (got.training.rate, got.model.width) == (3e-4, 9)


def test_an_option_that_is_not_given_changes_nothing(work: Work) -> None:
    invoke("run", "a.csv")
    assert work.asked == [Settings(data={"path": "a.csv"})]


def test_flags_beat_the_environment_beats_the_file(work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("seed: 1\nout: file\ntime: 1m\ndata: {path: b.csv, target: y}\n")
    monkeypatch.setenv("GOODFIT_SEED", "2")
    monkeypatch.setenv("GOODFIT_OUT", "environment")
    invoke("run", "--config", "c.yaml", "--seed", "0", "--target", "z")
    (got,) = work.asked
    assert (got.seed, got.out, got.time, got.data.path, got.data.target) == (0, "environment", "1m", "b.csv", "z")


def test_the_result_is_on_stdout_and_progress_on_stderr(work: Work) -> None:
    done = invoke("run", "a.csv")
    assert done.exit_code == 0
    assert "reading [red]views[/red].csv" in done.stderr
    assert "reading" not in done.stdout
    for expected in (
        "daily series",
        "120",
        "110.0 to 131.0",
        "naive: yesterday",
        "fits the training data",
        "goodfit show",
    ):
        assert expected in done.stdout
    assert "library complains" not in done.output


def test_quiet_keeps_the_result(work: Work) -> None:
    done = invoke("run", "a.csv", "-q")
    assert done.stderr == ""
    assert "daily series" in done.stdout


def test_verbose_shows_warnings_and_the_time_of_each_stage(work: Work) -> None:
    with pytest.warns(UserWarning, match="a library complains"):
        done = invoke("run", "a.csv", "-v")
    assert "reading [red]views[/red].csv: 0.0 s" in done.stderr


def test_json_is_one_document_and_nothing_else(work: Work) -> None:
    done = invoke("run", "a.csv", "--json")
    assert json.loads(done.stdout) == DOCUMENT
    assert "daily series" in done.stderr
    assert invoke("run", "a.csv", "--json", "--quiet").stderr == ""


def test_what_a_person_named_is_never_markup_or_a_control_sequence(work: Work) -> None:
    done = invoke("run", "a.csv")
    assert "[bold]odd[/bold]" in done.stdout
    assert "\x1b" not in done.output
    assert "a\N{REPLACEMENT CHARACTER}[31mb" in done.stdout


def test_the_score_table_says_who_is_better(work: Work) -> None:
    rows = {line.split("  ")[0]: line for line in invoke("run", "a.csv").stdout.splitlines()}
    assert rows["constant"].endswith("better")
    assert rows["naive: yesterday"].endswith("level")
    assert rows["gradient boosting"].endswith("worse")
    assert list(rows).index("goodfit") < list(rows).index("gradient boosting") < list(rows).index("constant")
    assert rows["few rows"].split() == ["few", "rows", "60.0", "100.0", "500.0"]


def test_a_share_is_shown_in_per_cent_and_higher_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    part = {"value": 0.9753, "interval": [0.96, 0.99]}
    score = {"metric": "accuracy", "unit": "share right", "higher_is_better": True, "train": part, "validation": part}
    rival = {"train": part, "validation": part, "test": part, "difference": {"value": 0.1, "interval": [0.05, 0.2]}}
    document = {**DOCUMENT, "score": {**score, "test": None}, "baselines": {"tree": rival}}
    monkeypatch.setattr(command, "execute", Work(document))
    text = invoke("run", "a.csv").stdout
    assert "Accuracy, higher is better" in text
    assert "97.5" in text
    assert next(line for line in text.splitlines() if line.startswith("tree")).endswith("better")
    assert "96.0 to 99.0" in text


@pytest.mark.parametrize("width", ["80", "60"])
def test_nothing_but_paths_and_commands_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, work: Work, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    lines = invoke("run", "a.csv").stdout.splitlines()
    wide = [line for line in lines if len(line) > int(width)]
    assert [line.split()[0] for line in wide] in ([], ["report"])


def test_long_paths_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/".join(["a folder with a long name"] * 9) + "/report.html"
    monkeypatch.setattr(command, "execute", Work({**DOCUMENT, "report": path}))
    assert path in invoke("run", "a.csv").stdout


def test_print_config_prints_the_merged_settings_and_stops(work: Work, tmp_path: Path) -> None:
    done = invoke("run", "a.csv", "--print-config", "--set", "training.rate=3e-4", "--seed", "4")
    (tmp_path / "c.yaml").write_text(done.stdout)
    got = merge(from_file(tmp_path / "c.yaml"))
    assert (got.seed, got.training.rate, got.data.path) == (4, 3e-4, "a.csv")
    assert work.asked == []
    assert "null" not in done.stdout


def test_the_table_of_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = Work(HISTORIES)
    monkeypatch.setattr(command, "tabulate", stand_in)
    done = invoke("run", "a.csv", "--table")
    assert "Mean absolute error (views): training part / newest part" in done.stdout
    assert next(line for line in done.stdout.splitlines() if line.startswith("linear")).split()[1:4] == [
        "100.0",
        "/",
        "120.0",
    ]
    assert "not run, the time was up: 4 layers of 100, history 7" in done.stdout
    assert json.loads(invoke("run", "a.csv", "--table", "--json").stdout) == HISTORIES


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            DataError("'x' is no number", "Mend it.", where="a.csv, line 7"),
            2,
            "a.csv, line 7: 'x' is no number. Mend it.",
        ),
        (TrainingError("The training failed"), 3, "The training failed."),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), 2, "a.csv: No such file or directory."),
        (OSError(28, "No space left on device"), 2, "No space left on device."),
        (MemoryError(), 3, "There is not enough memory. Use fewer rows, or a smaller model or batch (--set)."),
        (ValueError("[red]what[/red]"), 70, "This is a bug in goodfit: ValueError: [red]what[/red]. Please report it,"),
    ],
)
def test_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, sentence: str) -> None:
    fails(monkeypatch, error)
    done = invoke("run", "a.csv", "--json")
    assert done.exit_code == code
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: {sentence}")
    assert "Traceback" not in done.output
    found = json.loads(done.stdout)
    assert found["schema"] == 1
    assert found["error"]["exit_code"] == code
    assert found["error"]["message"] == last.removeprefix("error: ")
    assert found["error"].keys() == {"kind", "message", "where", "problem", "repair", "exit_code"}


def test_verbose_shows_where_a_bug_is(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, ValueError("oh"))
    with pytest.warns(UserWarning, match="a library complains"):
        done = invoke("run", "a.csv", "-v")
    assert "Traceback" in done.stderr
    assert done.stdout.splitlines()[0].startswith("kind")


def test_stopping_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, KeyboardInterrupt())
    done = invoke("run", "a.csv", "--json")
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1] == "stopped"
    assert json.loads(done.stdout)["error"]["kind"] == "Interrupted"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("run", "There are no data to train on. Name a file or folder: goodfit run DATA --target COL."),
        ("run a --set training.rat=1", "There is no setting 'training.rat'. Did you mean 'training.rate'?"),
        ("run a --kind tabel", "--kind: The 'data.kind' setting must be one of"),
        ("run a --seed -1", "--seed: The 'seed' setting must be a whole number of at least 0"),
        ("run a --time soon", "--time: The 'time' setting must be a duration"),
        ("run a --config nothing.yaml", "nothing.yaml: There is no such file of settings."),
        ("run a --seed x", "Invalid value for '--seed'"),
        ("run a --sed 3", "No such option"),
        ("run a b", "unexpected extra argument"),
        ("demo veiws", "There is no demo 'veiws'. Did you mean 'views'?"),
        ("rum a", "No such command"),
    ],
)
def test_a_wrong_command_line(work: Work, arguments: str, sentence: str) -> None:
    done = invoke(*arguments.split())
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert work.asked == []

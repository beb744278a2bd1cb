"""`goodfit runs` and `goodfit show`."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from pathlib import Path

import pytest

from goodfit.core.configuration import from_yaml, merge
from goodfit.ledger import FILE, Ledger
from tests.cli.made import DOCUMENT, invoke, recorded


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOODFIT_OUT", raising=False)


def test_no_runs_yet() -> None:
    done = invoke("runs")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "There are no runs in goodfit_runs yet. Make one with `goodfit demo`.\n"
    assert json.loads(invoke("runs", "--json").stdout) == {"schema": 1, "runs": []}
    assert not Path("goodfit_runs").exists()


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    first, second = recorded(tmp_path), recorded(tmp_path, name="[red]digits[/red]")
    with Ledger(tmp_path) as ledger:
        third = ledger.start("third", "table", {}, {}).id
    lines = invoke("runs", "--out", tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [third, second, first]
    assert lines[1].split()[1:3] == ["table", "running"]
    assert lines[3].split("  ")[-1].strip() == "120 views"
    found = json.loads(invoke("runs", "--out", tmp_path, "--json").stdout)
    assert [run["status"] for run in found["runs"]] == ["running", "done", "done"]
    assert found["runs"][2]["score"] == DOCUMENT["score"]
    assert found["runs"][0]["score"] is None


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = ledger.start("a", "table", {}, {}).id
    copy = sqlite3.connect(tmp_path / FILE)
    copy.execute("DROP TRIGGER no_update_of_starts")
    copy.execute("UPDATE starts SET pid = 999999999")
    copy.commit()
    assert invoke("runs", "--out", tmp_path).stdout.splitlines()[1].split()[2] == "interrupted"
    done = invoke("show", run, "--out", tmp_path, "--model")
    assert done.exit_code == 2
    assert f"error: The run {run} has no result: it is interrupted." in done.stderr
    copy.execute("UPDATE starts SET host = ?", (socket.gethostname() + "-not",))
    copy.commit()
    copy.close()
    assert invoke("runs", "--out", tmp_path).stdout.splitlines()[1].split()[2] == "running"


def test_the_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded(tmp_path / "there")
    monkeypatch.setenv("GOODFIT_OUT", "there")
    assert run in invoke("runs").stdout
    monkeypatch.setenv("GOODFIT_SEED", "not a number, but no matter here")
    assert run in invoke("show").stdout


def test_show_tells_the_result(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    for reference in (run, run[:18], "latest", f"{tmp_path}/{run}", f"{tmp_path}/latest"):
        done = invoke("show", reference, "--out", tmp_path)
        assert done.exit_code == 0, done.stderr
        for expected in ("2,863 days", "gradient boosting", "fits the training data", run, "report.html"):
            assert expected in done.stdout
    assert invoke("show", "--out", tmp_path).stdout == done.stdout


def test_show_model(tmp_path: Path) -> None:
    recorded(tmp_path)
    lines = invoke("show", "--out", tmp_path, "--model").stdout.splitlines()
    assert lines[0] == "mlp: 1,921 parameters"
    assert lines[1].split() == ["name", "type", "output", "parameters"]
    assert lines[2].split() == ["0", "Linear", "64", "1,856"]


def test_show_model_with_a_receptive_field(tmp_path: Path) -> None:
    layers = [{"name": "conv", "type": "Conv2d", "output": [8, 28, 28], "parameters": 80, "receptive_field": 3}]
    recorded(tmp_path, {**DOCUMENT, "model": {"name": "cnn", "parameters": 80, "layers": layers}})
    lines = invoke("show", "--out", tmp_path, "--model").stdout.splitlines()
    assert [lines[1].split()[-1], lines[2].split()[-1]] == ["receptive", "field"]
    assert lines[3].split() == ["conv", "Conv2d", "8", "x", "28", "x", "28", "80", "3"]


def test_show_json_is_the_document(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    found = json.loads(invoke("show", "--out", tmp_path, "--json").stdout)
    assert found == {**DOCUMENT, "run": run, "directory": str(tmp_path / run)}


def test_show_config_can_be_run_again(tmp_path: Path) -> None:
    recorded(tmp_path)
    assert merge(from_yaml(invoke("show", "--out", tmp_path, "--config").stdout)).seed == 7


def test_show_a_run_without_a_result(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record = ledger.start("a", "table", {}, {})
        record.end("failed", "ValueError: [red]no[/red]\x1b[0m")
    done = invoke("show", "--out", tmp_path)
    assert "failed" in done.stdout
    assert "ValueError: [red]no[/red]\N{REPLACEMENT CHARACTER}[0m" in done.stdout
    found = json.loads(invoke("show", "--out", tmp_path, "--json").stdout)
    assert (found["schema"], found["status"], found["score"]) == (1, "failed", None)


def test_what_cannot_be_found(tmp_path: Path) -> None:
    done = invoke("show", "--out", tmp_path / "none")
    assert done.exit_code == 2
    assert done.stderr == f"error: {tmp_path / 'none'}: There are no runs yet. Make one with `goodfit demo`.\n"
    run = recorded(tmp_path)
    done = invoke("show", run + "x", "--out", tmp_path)
    assert done.exit_code == 2
    assert f"There is no run '{run}x'. Did you mean '{run}'?" in done.stderr
    (tmp_path / FILE).write_bytes(os.urandom(2000))
    done = invoke("runs", "--out", tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {tmp_path / FILE}: This is not a ledger, or it is damaged.")

"""The command as its own process: what it imports, pipes, signals, encodings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.made import recorded

LISTED = """
import json, sys
from goodfit.cli import main
try:
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted({"torch", "scipy", "sklearn", "numpy", "polars"} & set(sys.modules))]))
"""
MAIN = "from goodfit.cli import main; main()"


def start(code: str, *arguments: str | Path, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environ},
    )


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "--version",
        "run --help",
        "runs",
        "show",
        "show --model",
        "explain",
        "explain x",
        "guide",
        "serve --help",
        "init x.yaml",
        "run",
    ],
)
def test_what_only_reads_does_not_wait_for_torch(tmp_path: Path, arguments: str) -> None:
    recorded(tmp_path / "goodfit_runs")
    process = subprocess.run(
        [sys.executable, "-c", LISTED, *arguments.split()], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    code, imported = json.loads(process.stdout.splitlines()[-1])
    assert imported == []
    assert code in (0, None) or arguments in ("run", "explain x")


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    recorded(tmp_path)
    for flags in ([], ["--json"]):
        process = start(MAIN, "show", "--out", tmp_path, *flags)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait() == 141


@pytest.mark.parametrize("closed", [1, 2])
def test_a_stream_that_was_never_open_is_no_error(tmp_path: Path, closed: int) -> None:
    """`goodfit show >&-` in a shell, or a service without a stderr."""
    recorded(tmp_path)
    code = f"import os, sys; os.close({closed}); os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"
    process = start(code, MAIN, "show", "--out", tmp_path)
    told, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == ""
    assert bool(told) == (closed == 2)
    process = start(code, MAIN, "show", "nothing", "--out", tmp_path)
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_stdout_is_said(tmp_path: Path) -> None:
    recorded(tmp_path)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "show", "--out", str(tmp_path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: No space left on device.\n"


def test_an_encoding_without_our_letters(tmp_path: Path) -> None:
    recorded(tmp_path, name="çağrı")
    process = start(MAIN, "runs", "--out", tmp_path / "çağrı", PYTHONIOENCODING="ascii")
    stdout, stderr = process.communicate()
    assert process.returncode == 0
    assert stdout == ""
    assert "There are no runs in" in stderr
    assert "Traceback" not in stderr


SLOW = """
import time
from goodfit.cli import main, run
def execute(settings, progress, began):
    progress.stage("training")
    time.sleep(60)
run.execute = execute
main()
"""


def test_ctrl_c_stops_with_130(tmp_path: Path) -> None:
    process = start(SLOW, "run", "a.csv", "--json")
    assert process.stderr is not None
    assert process.stderr.readline() == "training\n"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, "stopped\n")
    assert json.loads(stdout)["error"]["exit_code"] == 130


def test_names_that_are_no_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff.yaml"
    done = subprocess.run([sys.executable, "-c", MAIN, b"init", raw], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "wrote" in done.stderr

"""`goodfit doctor`."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import torch

from goodfit import __version__
from goodfit.cli import doctor
from goodfit.cli.doctor import Check, examine
from goodfit.ledger import FILE
from tests.cli.made import invoke, recorded


def checks(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in examine(folder)}


def test_a_sound_environment(tmp_path: Path) -> None:
    recorded(tmp_path)
    found = checks(tmp_path)
    assert found["goodfit"].value == __version__
    assert found["torch"].value.startswith(torch.__version__)
    assert found["ledger"] == Check("ledger", "1 run")
    assert found["folder of the runs"].state == "ok"
    assert found["rich"].value == metadata.version("rich")
    assert not [check for check in found.values() if check.state == "problem"]


def test_the_report_as_text_and_as_json(tmp_path: Path) -> None:
    done = invoke("doctor", "--out", tmp_path / "not there yet")
    assert done.exit_code == 0
    assert "not there yet" in done.stdout
    assert not (tmp_path / "not there yet").exists()
    found = json.loads(invoke("doctor", "--out", tmp_path, "--json").stdout)
    assert (found["schema"], found["ok"]) == (1, True)
    assert {"name", "value", "state", "advice"} == found["checks"][0].keys()


def test_a_problem_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = invoke("doctor", "--out", tmp_path / "file" / "deep")
    assert done.exit_code == 2
    assert "problem: " in done.stdout
    assert f"{tmp_path / 'file'} cannot be written; choose another with --out." in done.stdout
    assert json.loads(invoke("doctor", "--out", tmp_path / "file", "--json").stdout)["ok"] is False


def test_a_damaged_ledger_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no ledger" * 1000)
    assert checks(tmp_path)["ledger"].state == "problem"


def test_a_torchvision_of_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong one is found, it is named, and the exit code stays 0: goodfit does not need it."""

    def load(name: str) -> ModuleType:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(doctor.util, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor, "import_module", load)
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "torchvision" else real(name))
    check = checks(tmp_path)["torchvision"]
    assert check.state == "warning"
    assert check.value == "0.1 cannot be loaded: operator torchvision::nms does not exist"
    assert "pip uninstall torchvision" in check.advice
    assert invoke("doctor", "--out", tmp_path).exit_code == 0


def test_torch_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    check = checks(tmp_path)["torch"]
    assert check.state == "problem"
    assert "cannot be loaded" in check.value


def test_more_threads_than_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4096)
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    check = checks(tmp_path)["threads"]
    assert (check.state, check.value) == ("warning", "4096 (OMP_NUM_THREADS=4096)")


def test_a_missing_dependency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["nothing-of-the-kind[x]>=2; python_version > '3'"])
    check = checks(tmp_path)["nothing-of-the-kind"]
    assert (check.state, check.advice) == ("problem", "Install it: pip install nothing-of-the-kind.")


def test_little_memory_and_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_MEMORY", 1e18)
    monkeypatch.setattr(doctor, "LEAST_DISK", 1e18)
    found = checks(tmp_path)
    assert [found[name].state for name in ("memory", "disk")] == ["warning", "warning"]

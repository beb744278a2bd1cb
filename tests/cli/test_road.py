"""The commands with the real work behind them, on a small table."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from goodfit.cli import run as command
from goodfit.data.demos import DEMOS
from tests.cli.made import DOCUMENT, invoke

SHORT = ("--set", "training.epochs=2", "--set", "model.width=8", "--seed", "3")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(0)
    rows = [(chance.gauss(0, 1), chance.gauss(0, 1), chance.choice("uv")) for _ in range(120)]
    lines = [f"{x:.3f},{y:.3f},{c},{2 * x - y + chance.gauss(0, 0.1):.3f}" for x, y, c in rows]
    (tmp_path / "small.csv").write_text("[red]x[/red],y,c,price\n" + "\n".join(lines) + "\n")
    return tmp_path / "small.csv"


def test_a_run_can_be_shown_and_repeated(table: Path) -> None:
    done = invoke("run", "small.csv", "--target", "price", "--json", *SHORT)
    assert done.exit_code == 0, done.stderr
    first = json.loads(done.stdout)
    assert first.keys() == DOCUMENT.keys()
    assert first["score"].keys() == DOCUMENT["score"].keys()
    assert first["model"]["layers"][0].keys() == DOCUMENT["model"]["layers"][0].keys()
    assert first["training"].keys() == DOCUMENT["training"].keys()
    assert first["verdict"].keys() == DOCUMENT["verdict"].keys()
    for baseline in first["baselines"].values():
        assert baseline.keys() == DOCUMENT["baselines"]["constant"].keys()
    assert Path(first["report"]).is_file()
    assert json.loads(invoke("show", "--json").stdout) == first
    shown = invoke("show").stdout
    assert first["verdict"]["sentence"].split(".")[0] in " ".join(shown.split())

    again = json.loads(invoke("run", "--config", "goodfit_runs/latest/config.yaml", "--json").stdout)
    assert again["run"] != first["run"]
    for key in ("score", "baselines", "settings", "recipe", "verdict", "facts"):
        assert again[key] == first[key]
    assert len(json.loads(invoke("runs", "--json").stdout)["runs"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("nothing.csv --target price", "nothing.csv: no such file or folder."),
        ("small.csv --target prize", "Did you mean 'price'?"),
        ("small.csv --target price --set model.heads=2", "model.heads"),
        ("small.csv --target price --set model.kernel=3", "model.kernel"),
        ("small.csv --target price --out small.csv", "small.csv: The folder for the runs cannot be made"),
    ],
)
def test_bad_input_leaves_nothing_behind(table: Path, arguments: str, sentence: str) -> None:
    done = invoke("run", *arguments.split())
    assert done.exit_code == 2
    assert sentence in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert done.stdout == ""
    assert not Path("goodfit_runs").exists()


def test_the_demos_are_those_that_are_named() -> None:
    assert set(DEMOS) == set(command.DEMOS)


def test_a_demo_can_be_repeated_from_its_config(tmp_path: Path) -> None:
    first = invoke("demo", "table", "--print-config", "--out", tmp_path)
    (tmp_path / "c.yaml").write_text(first.stdout)
    assert "path: demo:table\n" in first.stdout
    assert f"target: {DEMOS['table'].settings.target}\n" in first.stdout
    assert invoke("run", "--config", tmp_path / "c.yaml", "--print-config").stdout == first.stdout

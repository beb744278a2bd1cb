"""What the README shows works as it is printed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import nn

import goodfit
from goodfit.data.demos import EMBEDDED

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = ("run", "demo", "diagnose", "treat", "guide", "explain", "runs", "show", "serve", "doctor", "init")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    frame = pl.read_csv(EMBEDDED / "views" / "strasbourg_fr.csv").rename({"views": "count"})
    frame.write_csv("views.csv")
    _, example = blocks("python")
    names: dict[str, Any] = {"new_rows": frame["count"].to_numpy()}
    exec(compile(example, "README.md", "exec"), names)
    assert "network" in capsys.readouterr().out
    assert names["result"].predict(names["new_rows"]).shape == (1,)


def test_the_loop_of_the_example_is_watched(capsys):
    def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(12):
            optimizer.zero_grad()
            model(torch.randn(8, 3)).square().mean().backward()
            optimizer.step()

    example, _ = blocks("python")
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    names = {"goodfit": goodfit, "model": model, "optimizer": torch.optim.SGD(model.parameters(), 0.1), "train": train}
    exec(compile(example, "README.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "gradient_norm" in shown
    assert "dead_share" in shown


def test_the_two_set_up_commands_are_there_and_their_script_is_executable():
    shell = "\n".join(blocks("sh"))
    assert "./dev goodfit demo\n" in shell
    assert "./dev pytest\n" in shell
    assert (ROOT / "dev").stat().st_mode & 0o111
    assert "./dev pytest\n" in (ROOT / ".ci" / "run").read_text()


def test_every_command_shown_exists():
    shown = set(re.findall(r"\bgoodfit (\w+)", " ".join(blocks("sh")) + README))
    assert shown & set(COMMANDS)
    assert {word for word in shown if word in {"train", "fit", "lab"}} == set()


def test_links_lead_to_files():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_dev_without_a_command_says_how_to_use_it(tmp_path):
    shutil.copy(ROOT / "dev", tmp_path / "dev")
    done = subprocess.run([tmp_path / "dev"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: ./dev COMMAND" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_package_says_its_version_and_offers_what_it_lists():
    import goodfit

    assert all(getattr(goodfit, name) is not None for name in goodfit.__all__)
    code = "import sys, goodfit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

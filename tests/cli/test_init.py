"""`goodfit init`."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodfit.core.configuration import resolve
from goodfit.core.settings import Settings
from tests.cli.made import invoke


def test_it_writes_the_defaults_with_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("init")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "wrote goodfit.yaml; use it with: goodfit run DATA --config goodfit.yaml\n"
    assert resolve("goodfit.yaml", environ={}) == Settings()
    assert "# Learning rate." in Path("goodfit.yaml").read_text(encoding="utf-8")


def test_it_never_writes_over_a_file_unless_told_to(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 3\n")
    done = invoke("init", file)
    assert done.exit_code == 2
    assert done.stderr == f"error: {file}: The file is there already. Name another, or write over it with --force.\n"
    assert file.read_text() == "seed: 3\n"
    assert invoke("init", file, "--force").exit_code == 0
    assert resolve(file, environ={}) == Settings()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("a.toml", "The file is written as YAML. Name it .yaml."), ("no/where.yaml", "No such file or directory.")],
)
def test_where_it_cannot_write(tmp_path: Path, name: str, sentence: str) -> None:
    done = invoke("init", tmp_path / name)
    assert done.exit_code == 2
    assert done.stderr.endswith(f"{sentence}\n")
    assert list(tmp_path.iterdir()) == []

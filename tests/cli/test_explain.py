"""`goodfit explain`."""

from __future__ import annotations

import json
import sys

import pytest
from rich.console import Console

from goodfit.cli import explain
from goodfit.report.pages import SECTIONS, pages
from tests.cli.made import invoke


def test_piped_the_page_is_its_markdown() -> None:
    done = invoke("explain", "dead_units")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == pages()["dead_units"].text


def test_on_a_terminal_it_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "out", lambda: Console(file=sys.stdout, force_terminal=True, width=140, no_color=True))
    shown = invoke("explain", "dead_units").stdout
    assert all(section in shown for section in SECTIONS)
    assert "learning_rate_too_high" in shown
    for mark in ("```", "## ", "**", ".md)", "\x1b]8;"):
        assert mark not in shown


def test_a_page_is_at_most_as_wide_as_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_terminal=True, width=200, color_system=None, record=True)
    monkeypatch.setattr(explain, "out", lambda: console)
    assert invoke("explain", "overfitting").exit_code == 0
    assert 80 < max(len(row.rstrip()) for row in console.export_text().splitlines()) <= explain.WIDEST


def test_without_a_label_all_are_listed_by_branch() -> None:
    done = invoke("explain")
    assert done.exit_code == 0
    lines = [row.rstrip() for row in done.stdout.splitlines()]
    rows = [row.split()[0] for row in lines if "  " in row.strip() and not row.startswith(" ")]
    assert rows == list(pages())
    for branch in ("set-up", "optimisation", "model bias", "overfitting", "data"):
        assert branch in lines
    assert max(map(len, lines)) <= 80
    assert "memorised; validation" in done.stdout
    assert "…" not in done.stdout


def test_json() -> None:
    found = json.loads(invoke("explain", "missing_warmup", "--json").stdout)
    page = pages()["missing_warmup"]
    assert found == {
        "schema": 1,
        "label": "missing_warmup",
        "branch": "optimisation",
        "meaning": page.meaning,
        "prediction": page.prediction,
        "remedy": page.remedy,
        "page": page.text,
    }
    listed = json.loads(invoke("explain", "--json").stdout)
    assert listed["schema"] == 1
    assert [each["label"] for each in listed["causes"]] == list(pages())
    assert all(each["meaning"] and each["remedy"] and "page" not in each for each in listed["causes"])


def test_an_unknown_label_is_one_sentence_and_exit_2() -> None:
    done = invoke("explain", "learning_rate_to_high")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ("error: There is no cause 'learning_rate_to_high'. Did you mean 'learning_rate_too_high'?\n")
    done = invoke("explain", "[red]x\x1b[0m", "--json")
    assert done.exit_code == 2
    assert "\x1b" not in done.stderr
    assert json.loads(done.stdout)["error"]["kind"] == "NotFoundError"

"""The documentation is complete: every command, option, setting, key and column is in it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
import typer.main

from goodfit import ledger
from goodfit.cli import app, failures
from goodfit.core.configuration import FIELDS, from_yaml, merge, wanted
from goodfit.data.demos import DEMOS
from goodfit.ledger import Ledger
from tests.cli.made import DOCUMENT, HISTORIES
from tests.core.test_card import FOUND

DIAGNOSIS = FOUND.to_json()

DOCS = Path(__file__).resolve().parents[1] / "docs"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = [(name, flag) for name, command in COMMANDS.items() for option in command.params for flag in option.opts]


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def section(command: str) -> str:
    """The part of the page on one command; `demo` takes what `run` takes."""
    heading = f"\n## goodfit {'run' if command == 'demo' else command}\n"
    return page("cli").split(heading)[1].split("\n## ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section(command: str) -> None:
    assert f"\n## goodfit {command}\n" in page("cli")


@pytest.mark.parametrize(("command", "flag"), [each for each in OPTIONS if each[1].startswith("-")])
def test_every_option_is_in_its_section(command: str, flag: str) -> None:
    assert re.search(rf"`{flag}\b", section(command))


def test_every_option_of_the_page_exists() -> None:
    flags = {flag for _, flag in OPTIONS} | {"--help", "--version"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page("cli"))) <= flags


def test_every_demo_is_named() -> None:
    assert all(name in page("cli") for name in DEMOS)


def test_every_exit_code_is_listed() -> None:
    codes = (0, 1, failures.USAGE, failures.TRAINING, failures.BUG, failures.INTERRUPTED, failures.CLOSED_PIPE)
    found = re.findall(r"^\| (\d+) \|", page("cli"), re.MULTILINE)
    assert tuple(map(int, found)) == codes


@pytest.mark.parametrize("key", FIELDS)
def test_every_setting_is_listed_with_its_meaning(key: str) -> None:
    field = FIELDS[key]
    must = str(wanted(field)).replace("'", "`")
    assert f"| `{key}` | {must} | {field.description} |" in page("settings")


def test_the_example_of_settings_is_one() -> None:
    example = page("settings").split("```yaml\n")[1].split("```")[0]
    assert merge(from_yaml(example)).data.drop == ("comment", "2019")


@pytest.mark.parametrize(
    "key", [*DOCUMENT, *DOCUMENT["training"], *DOCUMENT["verdict"], *DOCUMENT["model"]["layers"][0]]
)
def test_every_key_of_the_document_is_described(key: str) -> None:
    assert f"`{key}`" in page("json") or f'"{key}"' in page("json")


@pytest.mark.parametrize("key", [*DIAGNOSIS, *DIAGNOSIS["ranked"][0], *DIAGNOSIS["treated"], *DIAGNOSIS["cost"]])
def test_every_key_of_a_diagnosis_is_described(key: str) -> None:
    assert f"`{key}`" in page("json").split("## A diagnosis")[1].split("\n## ")[0]


@pytest.mark.parametrize("key", [*HISTORIES, *HISTORIES["cells"][0]])
def test_every_key_of_the_table_is_described(key: str) -> None:
    assert f"`{key}`" in page("json").split("## The table of histories")[1].split("\n## ")[0]


def test_every_column_of_the_ledger_is_described(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    connection = sqlite3.connect(tmp_path / ledger.FILE)
    for table in ("runs", "starts", "events", "measurements", "notes"):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        assert columns
        assert all(f"`{column}`" in page("ledger") for column in columns)
    connection.close()

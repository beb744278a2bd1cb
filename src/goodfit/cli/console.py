"""What is written where: results to stdout, everything else to stderr; nothing a person named is ever markup."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from goodfit.report.words import plain

SCHEMA = 1
"""Version of every JSON document the commands print; ``docs/json.md`` describes them."""


class _Stream(Console):
    """A console that leaves a closed pipe to `guarded`."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _console(file: TextIO) -> Console:
    return _Stream(file=file, markup=False, emoji=False, highlight=False)


def out() -> Console:
    """For the result; 80 columns wide where it is no terminal."""
    return _console(sys.stdout)


def messages() -> Console:
    """For progress and messages."""
    return _console(sys.stderr)


def line(text: str, style: str = "") -> Text:
    """One line that is never broken, with what could act on a terminal made visible."""
    return Text(plain(text), style=style, no_wrap=True, overflow="ignore")


def say(text: str, *, label: str = "", style: str = "") -> None:
    """A message on stderr, on one line however long it is."""
    messages().print(Text.assemble((label, "bold red"), line(text, style)), soft_wrap=True)


def write(text: str) -> None:
    """The result itself, untouched."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def write_json(document: Mapping[str, Any]) -> None:
    """One strict JSON document."""
    write(json.dumps(document, indent=2, allow_nan=False))


def on_terminal() -> bool:
    """Whether a moving display on stderr is welcome."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"

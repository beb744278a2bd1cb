"""`goodfit explain`: the page of a cause, or the list of all. It does not import torch."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.table import Table

from goodfit.cli.console import SCHEMA, line, out, write, write_json
from goodfit.cli.options import AsJson
from goodfit.report.pages import LINK, Page, page, pages

WIDEST = 100
"""Columns of a page on a terminal: longer lines are hard to read."""

Label = Annotated[str | None, typer.Argument(metavar="[LABEL]", help="A cause, as a diagnosis names it.")]


def explain(label: Label = None, as_json: AsJson = False) -> None:
    """Explain a cause: how it shows, how goodfit asks, what to do. Without LABEL: list them all."""
    if label is None:
        _list(as_json)
        return
    found = page(label)
    if as_json:
        write_json({"schema": SCHEMA, **_described(found), "page": found.text})
        return
    console = out()
    if console.is_terminal:
        console.print(_rendered(found), width=min(console.width, WIDEST))
    else:
        write(found.text)


def _list(as_json: bool) -> None:
    found = tuple(pages().values())
    if as_json:
        write_json({"schema": SCHEMA, "causes": [_described(each) for each in found]})
        return
    console = out()
    widest = max(len(each.label) for each in found)
    for branch, group in groupby(found, key=lambda each: each.branch):
        console.print(line(branch, "bold"))
        console.print(_meanings(group, widest))
        console.print()
    console.print(line("More on one of them: goodfit explain LABEL"))


def _meanings(group: Iterable[Page], widest: int) -> Table:
    table = Table.grid(padding=(0, 0, 0, 2))
    table.add_column(width=widest, no_wrap=True)
    for each in group:
        table.add_row(each.label, each.meaning)
    return table


def _rendered(found: Page) -> Markdown:
    """Names of other causes stay names: a terminal cannot follow a link to a file."""
    return Markdown(LINK.sub(r"`\1`", found.text), hyperlinks=False)


def _described(found: Page) -> dict[str, Any]:
    return {
        "label": found.label,
        "branch": found.branch,
        "meaning": found.meaning,
        "prediction": found.prediction,
        "remedy": found.remedy,
    }

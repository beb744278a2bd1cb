"""A diagnosis and the guide as text of at most 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from goodfit.cli.console import line
from goodfit.core.card import HEALTHY, UNDETERMINED, percent
from goodfit.report.words import MISSING, capital, count, duration, number, plain

Json = Mapping[str, Any]
FOLLOWING = 4
"""Causes after the primary one that are shown."""
STYLES = {HEALTHY: "bold green", UNDETERMINED: "bold"}


def verdict(console: Console, document: Json) -> None:
    """The card: cause, what was seen and changed, before and after, other causes, consequences, cost, next command."""
    cause = document["cause"]
    console.print(line(cause, STYLES.get(cause, "bold yellow")))
    console.print(Text(plain(document["sentence"])))
    console.print()
    grid(console, _found(document))
    _others(console, document)
    grid(console, _ends(document), wrapped=False)


def _found(document: Json) -> Iterator[tuple[str, str]]:
    primary = next((each for each in document["ranked"] if each["cause"] == document["cause"]), None)
    if primary is not None:
        yield "seen", capital(primary["seen"])
        yield "found", effect_of(primary["effect"])
    treated = document["treated"]
    if treated is not None:
        yield "change", "; then ".join(treated["changes"])
        yield "before", _state(treated["before"], treated["score_before"])
        yield "after", _state(treated["after"], treated["score_after"])
    elif primary is not None:
        yield "change", primary["change"]
    for label, reason in document["consequences"].items():
        yield "explains", f"{label}: {reason}"
    if document["further"]:
        yield "further", f"{', '.join(document['further'])} (beside it, or on the mended job)"
    for answer in document["path"]:
        told = f"{answer['question']}: {answer['answer']}. {answer['sentence']}"
        yield "path" if answer is document["path"][0] else "", told


def _ends(document: Json) -> Iterator[tuple[str, str]]:
    if document["not_asked"]:
        yield "not asked", f"{count(len(document['not_asked']), 'question')}, with reasons under --json"
    cost = document["cost"]
    if cost is not None:
        works = f"{number(cost['trainings'])} trainings' worth of work in {count(cost['runs'], 'run')}"
        yield "cost", f"{works}, {duration(cost['seconds'])}"
    if document["report"]:
        yield "report", document["report"]
    for i, command in enumerate(document["next"]):
        yield "" if i else "next", command


def _others(console: Console, document: Json) -> None:
    """The next causes that were put to the test."""
    others = [
        each
        for each in document["ranked"]
        if each["cause"] != document["cause"] and each["effect"]["value"] is not None
    ]
    if not others:
        console.print()
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("also considered", "effect of the change", "reading"):
        table.add_column(heading, overflow="fold")
    for each in others[:FOLLOWING]:
        table.add_row(line(each["cause"]), effect_of(each["effect"]), each["reading"])
    console.print()
    console.print(table)
    console.print()


def guide(console: Console, questions: Sequence[Json], leaves: Mapping[str, Json]) -> None:
    """The tree of questions, each answer with where it leads."""
    for i, question in enumerate(questions, 1):
        console.print(line(f"{i}. {question['asks']}", "bold"))
        console.print(_indented(f"judged by {question['judged_by']}", 3, "dim"))
        for answer, place in question["branches"].items():
            console.print(line(f"   {answer}: {_place(place, questions)}"))
            if place in leaves and leaves[place]["causes"]:
                console.print(_indented(", ".join(leaves[place]["causes"]), 6))
        console.print()
    console.print(line("More on a cause: goodfit explain LABEL"))


def _place(place: str, questions: Sequence[Json]) -> str:
    numbers = {question["name"]: i for i, question in enumerate(questions, 1)}
    return f"go to {numbers[place]}" if place in numbers else place


def _indented(text: str, columns: int, style: str = "") -> Padding:
    return Padding(Text(plain(text), style=style), (0, 0, 0, columns), expand=False)


def _state(errors: Json, score: float | None) -> str:
    shares = ", ".join(f"{part} {share(errors[part])}" for part in ("train", "validation"))
    return f"error {shares} of the best constant's; score {MISSING if score is None else number(score)}"


def effect_of(effect: Json) -> str:
    if effect["value"] is None:
        return ""
    ends = effect["interval"]
    interval = f" [{percent(-ends[1], '+')}, {percent(-ends[0], '+')}]" if ends else ""
    return f"error {percent(-effect['value'], '+')}{interval}"


def share(value: float | None) -> str:
    return percent(math.nan if value is None else value)


def grid(console: Console, rows: Iterator[tuple[str, str]], *, wrapped: bool = True) -> None:
    """Keys and values; ``wrapped=False`` keeps each on one line, so that it can be copied."""
    if not wrapped:
        for key, value in rows:
            console.print(Text.assemble((f"{key:<11}", "dim"), line(value)), soft_wrap=True)
        return
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style="dim", no_wrap=True, width=10)
    table.add_column(overflow="fold")
    for key, value in rows:
        if value:
            table.add_row(line(key), Text(plain(value)))
    console.print(table)

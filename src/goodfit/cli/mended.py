"""A treatment as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from goodfit.cli.console import line
from goodfit.cli.verdicts import STYLES, effect_of, grid, share
from goodfit.report.words import MISSING, count, duration, number, plain

Json = Mapping[str, Any]
SHOWN = 4
"""Remedies that were not kept and are shown with their reasons."""


def treatment(console: Console, document: Json) -> None:
    """The card: what was found and is left, what was changed, before and after, how sure, cost, next command."""
    found, left = document["diagnosis"]["cause"], document["cause"]
    head = found if found == left and not document["applied"] else f"{found} -> {left}"
    console.print(line(head, STYLES.get(left, "bold yellow")))
    console.print(Text(plain(document["sentence"])))
    console.print()
    grid(console, _done(document))
    console.print()
    grid(console, _ends(document), wrapped=False)


def _done(document: Json) -> Iterator[tuple[str, str]]:
    if document["applied"]:
        yield "found", document["diagnosis"]["sentence"]
    for number_, each in enumerate(document["applied"], 1):
        yield f"change {number_}", each["change"]
        yield "", _evidence(each)
    if not document["applied"]:
        yield "change", "None: the recipe stays as it is."
    if document["before"] is not None:
        before = _standing(document["before"])
        yield "before" if document["applied"] else "as it is", before
    if document["applied"]:
        yield "after", _standing(document["after"])
        if effect := effect_of(document["gain"]):
            yield "in all", f"{effect} of the best constant's, in validation"
    if document["test"] is not None:
        yield "test", _test(document["test"], bool(document["applied"]))
    if document["applied"]:
        yield "choice", document["flattery"]["sentence"]
    for i, sentence in enumerate(document["choices"]):
        yield "" if i else "folds", sentence
    for i, (remedy, reason) in enumerate(list(document["not_tried"].items())[:SHOWN]):
        yield "" if i else "not tried", f"{remedy}: {reason}"
    if (more := len(document["not_tried"]) - SHOWN) > 0:
        yield "", f"and {more} more, with reasons under --json"
    for i, note in enumerate(document["notes"]):
        yield "" if i else "note", note


def _evidence(kept: Json) -> str:
    effect = effect_of(kept["effect"])
    whole = "what it was" if kept["relative"] else "the best constant's"
    told = f"{effect} of {whole}; by {kept['judged']}" if effect else f"judged by {kept['judged']}"
    return f"{told}, best of {kept['among']}" if (kept["among"] or 0) > 1 else told


def _standing(found: Json) -> str:
    score = found["validation_score"]
    shares = f"error train {share(found['train'])}, validation {share(found['validation'])} of the best constant's"
    return f"{shares}; score {MISSING if score is None else number(score)}"


def _test(test: Json, mended: bool) -> str:
    rows = f"{count(test['rows'], 'row')}, read once"
    if not mended:
        return f"error {share(test['before']['value'])} ({rows})"
    effect = effect_of(test["gain"])
    errors = f"error {share(test['before']['value'])} -> {share(test['after']['value'])}"
    return f"{errors} ({rows}{f'; {effect}' if effect else ''})"


def _ends(document: Json) -> Iterator[tuple[str, str]]:
    cost = document["cost"]
    works = f"{number(cost['trainings'])} trainings' worth of work in {count(cost['runs'], 'run')}"
    yield "cost", f"{works}, {duration(cost['seconds'])}"
    for name, file in document["files"].items():
        if file:
            yield {"save": "weights"}.get(name, name), file
    for i, command in enumerate(document["next"]):
        yield "" if i else "next", command

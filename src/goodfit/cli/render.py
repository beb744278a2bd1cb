"""A run's document, the list of runs and the table of histories, as text of at most 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from goodfit.cli.console import line
from goodfit.report.words import MISSING, Scale, count, duration, number, plain, scale_for, shorten

Json = Mapping[str, Any]
PARTS = ("train", "validation", "test")
READINGS = {-1: "worse", 0: "level", 1: "better"}


def facts(console: Console, found: Mapping[str, str]) -> None:
    """What was inferred from the data."""
    _pairs(console, found)
    console.print()


def result(console: Console, document: Json) -> None:
    """Scores with baselines, verdict, where things are, what to type next."""
    scores(console, document)
    verdict(console, document["verdict"])
    if document.get("treatment"):
        treatment(console, document["treatment"], document["score"])
    where(console, document)


def scores(console: Console, document: Json) -> None:
    """The score table: the network first, then the baselines from best to worst on the part judged (the last one).

    The interval and the comparison are of that part.
    """
    score = document["score"]
    judged = next(part for part in reversed(PARTS) if score[part] is not None)
    parts = [part for part in PARTS if score[part] is not None]
    sign = 1 if score["higher_is_better"] else -1
    rivals = sorted(document["baselines"].items(), key=lambda item: -sign * _value(item[1].get(judged)))
    scale = scale_for(
        score["unit"], [_value(each.get(part)) for each in (score, *dict(rivals).values()) for part in parts]
    )
    unit = "" if scale.suffix else f" ({plain(score['unit'])})"
    better = "higher" if score["higher_is_better"] else "lower"
    console.print(line(f"{score['metric'].capitalize()}{unit}, {better} is better"))
    table = _table("", *parts, "95 % interval", "goodfit is")
    table.add_row(*_row("goodfit", score, parts, judged, scale), "", style="bold")
    for name, baseline in rivals:
        table.add_row(*_row(name, baseline, parts, judged, scale), _reading(baseline.get("difference"), sign))
    console.print(table)
    for name, reason in document.get("baselines_not_run", {}).items():
        console.print(Text(f"{shorten(name, 28)}: not run, {plain(reason)}", style="dim"))
    console.print()


def verdict(console: Console, found: Json) -> None:
    """The verdict, the change that mends a cause, and why no experiment was run where none was."""
    console.print(Text(plain(found["sentence"]), style="bold"))
    if found.get("change"):
        console.print(Text(f"{plain(found['change'])} mends it: {plain(found['cause'])}."))
    if found.get("experiments"):
        console.print(Text(f"Experiments: {plain(found['experiments'])}.", style="dim"))
    console.print()


def treatment(console: Console, found: Json, score: Json) -> None:
    """What was changed, and the scores before and after; one sentence where the run stayed as it was."""
    console.print(Text(plain(found["sentence"]), style="bold" if found["kept"] else "dim"))
    if found["kept"]:
        for number_, each in enumerate(found["applied"], 1):
            console.print(Text(f"{number_}. {plain(each['change'])}"))
        before, after, apart = (found["scores"][key] for key in ("before", "after", "difference"))
        scale = scale_for(score["unit"], [_value(each[part]) for each in (before, after) for part in after])
        for part in after:
            told = f"{scale(_value(before[part]))} -> {scale(_value(after[part]))}"
            ends = apart[part]["interval"]
            sure = f" (difference {scale.lead(ends[0])} to {scale.lead(ends[1])})" if ends else ""
            console.print(_pair(f"{part:<11}", f"{told}{sure}"), soft_wrap=True)
        console.print(Text(plain(found["flattery"]["sentence"]), style="dim"))
    console.print()


def where(console: Console, document: Json) -> None:
    """Where the run lives and what to type next; never wrapped, so that it can be copied."""
    training = document["training"]
    best = f", the best was {training['best_epoch']}" if training.get("best_epoch") else ""
    trained = f"{count(training['epochs'], 'epoch')}{best}; {duration(document['seconds'])} in all"
    rows = {"run": document["run"], "trained": trained, "seed": str(document["seed"]), "report": document["report"]}
    for key, value in rows.items():
        console.print(_pair(key, value), soft_wrap=True)
    for i, command in enumerate(document.get("next", ())):
        console.print(_pair("" if i else "next", command), soft_wrap=True)


def layers(console: Console, document: Json) -> None:
    """The model, layer by layer."""
    model = document["model"]
    console.print(line(f"{model['name']}: {count(model['parameters'], 'parameter')}"))
    fields = [key for key in ("name", "type", "output", "parameters", "receptive_field") if _any(model["layers"], key)]
    table = _table(*(key.replace("_", "\n") for key in fields), left=2)
    for layer in model["layers"]:
        table.add_row(*(_cell(layer.get(key)) for key in fields))
    console.print(table)


def runs(console: Console, found: Iterable[Json]) -> None:
    """One line a run, the newest first."""
    table = _table("run", "kind", "status", "score", left=4, wrapped=3)
    for run in found:
        table.add_row(line(run["run"]), run["kind"], run["status"], _score(run["score"]))
    console.print(table)


def unfinished(console: Console, run: Json) -> None:
    """What is known of a run without a result."""
    keys = ("run", "kind", "status", "outcome", "created", "directory")
    for key in keys:
        if run[key]:
            console.print(_pair(key, str(run[key])), soft_wrap=True)


def histories(console: Console, document: Json) -> None:
    """Errors on the training part and on the newest part, by history and model."""
    cells = document["cells"]
    names = list(dict.fromkeys(cell["model"] for cell in cells))
    values = [cell[part] for cell in cells for part in ("train", "test")]
    scale = scale_for(document["unit"], [value for value in values if value is not None])
    days = list(dict.fromkeys(cell["history"] for cell in cells))
    title = f"{document['metric'].capitalize()} ({plain(document['unit'])}): training part / newest part"
    console.print(line(title))
    table = _table("", *(count(day, "day") for day in days))
    found = {(cell["model"], cell["history"]): cell for cell in cells}
    for name in names:
        table.add_row(line(name), *(_both(found.get((name, day)), scale) for day in days))
    console.print(table)
    for name, (train, test) in document["naive"].items():
        console.print(line(f"  {name}: {scale(train)} / {scale(test)}", "dim"), soft_wrap=True)
    for name in document.get("not_run", ()):
        console.print(line(f"  not run, the time was up: {name}", "dim"), soft_wrap=True)


def _table(*headings: str, left: int = 1, wrapped: int = 0) -> Table:
    """A table without lines; the first ``left`` columns are text, the others numbers; one may take several lines."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < left else "right", overflow="fold", no_wrap=i != wrapped)
    return table


def _row(name: str, score: Json, parts: Sequence[str], judged: str, scale: Scale) -> list[Text]:
    values = [Text(scale(_value(score.get(part)))) for part in parts]
    ends = (score.get(judged) or {}).get("interval")
    return [
        Text(shorten(name, 28)),
        *values,
        Text(" to ".join(scale(end).removesuffix(scale.suffix) for end in ends or ())),
    ]


def _reading(difference: Json | None, sign: int) -> str:
    """How the network compares on the judged part; 'level' where the interval of the difference holds zero."""
    if difference is None or difference["interval"] is None:
        return ""
    low, high = difference["interval"]
    return READINGS[0 if low <= 0 <= high else sign if low > 0 else -sign]


def _value(score: Json | None) -> float:
    value = score["value"] if score is not None else None
    return math.nan if value is None else float(value)


def _score(score: Json | None) -> Text:
    if score is None:
        return Text("")
    part = next(part for part in reversed(PARTS) if score[part] is not None)
    value = _value(score[part])
    scale = scale_for(score["unit"], [value])
    return Text(plain(f"{scale(value)} {score['metric'] if scale.suffix else score['unit']}"))


def _both(cell: Json | None, scale: Scale) -> str:
    return MISSING if cell is None else f"{scale(cell['train'])} / {scale(cell['test'])}"


def _any(rows: Iterable[Json], key: str) -> bool:
    return any(row.get(key) is not None for row in rows)


def _cell(value: Any) -> Text:
    if isinstance(value, int | float):
        return Text(number(value))
    if isinstance(value, list | tuple):
        return Text(" x ".join(str(each) for each in value))
    return Text(MISSING if value is None else plain(value))


def _pairs(console: Console, found: Mapping[str, str]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in found.items():
        table.add_row(line(key), Text(plain(value)))
    console.print(table)


def _pair(key: str, value: str) -> Text:
    return Text.assemble((f"{key:<10}", "dim"), line(value))

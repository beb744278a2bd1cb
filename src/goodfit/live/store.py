"""What the pages show, read from the ledger. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from goodfit.ledger import Entry, Ledger, standing
from goodfit.live import tail
from goodfit.live.curves import curves, spark
from goodfit.live.values import apart, flat

Json = dict[str, Any]
MOST_RUNS = 500
MOST_NOTES = 5000
_LIST = """
SELECT id, created, name, kind, status, outcome, host, pid,
    json_extract(result, '$.verdict.cause'), json_extract(result, '$.verdict.sentence'),
    json_extract(result, '$.score'), json_extract(result, '$.seconds')
FROM runs ORDER BY created DESC, id DESC LIMIT ?
"""


def summaries(ledger: Ledger) -> list[Json]:
    """The runs, the newest first, at most `MOST_RUNS`."""
    with ledger.snapshot():
        return [_summary(ledger, row) for row in ledger.select(_LIST, MOST_RUNS)]


def _summary(ledger: Ledger, row: tuple[Any, ...]) -> Json:
    run, created, name, kind, status, outcome, host, pid, cause, sentence, score, seconds = row
    return {
        "id": run,
        "created": created,
        "name": name,
        "kind": kind,
        "status": standing(status, host, pid),
        "outcome": outcome,
        "cause": cause,
        "sentence": sentence,
        "score": _score(json.loads(score)) if score else None,
        "seconds": seconds,
        "spark": spark(ledger, run),
    }


def _score(score: Mapping[str, Any]) -> Json | None:
    """The score of the last part there is."""
    for part in ("test", "validation", "train"):
        if score.get(part):
            metric = {key: score.get(key) for key in ("metric", "unit", "higher_is_better")}
            return {**metric, "part": part, "value": score[part]["value"]}
    return None


def run(ledger: Ledger, reference: str, width: int) -> Json:
    """Everything the page of a run shows, as of one moment; ``cursor`` is where the tail goes on from."""
    with ledger.snapshot():
        entry = ledger.get(reference)
        found, more = curves(ledger, entry.id, width)
        noted = tail.notes(ledger, entry.id, most=MOST_NOTES)
        measured = tail.newest(ledger).measurement
        # Notes beyond the most that are shown are told by the tail.
        cursor = tail.Cursor(measured, noted[-1][0] if noted else 0)
    return {
        "id": entry.id,
        "name": entry.name,
        "kind": entry.kind,
        "created": entry.created,
        "status": standing(entry.status, entry.host, entry.pid),
        "outcome": entry.outcome,
        "settings": {key: each for key, each in _flat(entry).items() if each is not None},
        "result": _result(entry),
        "report": (entry.directory / "report.html").is_file(),
        "curves": [asdict(each) for each in found],
        "more_curves": more,
        "notes": noted,
        "cursor": str(cursor),
    }


def compared(ledger: Ledger, references: tuple[str, str], width: int) -> Json:
    """Two runs beside each other."""
    entries = [ledger.get(each) for each in references]
    return {
        "runs": [run(ledger, entry.id, width) for entry in entries],
        "differences": apart(entries[0].settings, entries[1].settings),
    }


def _flat(entry: Entry) -> Json:
    return dict(flat(entry.settings))


def _result(entry: Entry) -> Json | None:
    """What the page tells of a run that is done."""
    if entry.result is None:
        return None
    diagnosis = entry.result.get("diagnosis") or {}
    return {
        "verdict": entry.result.get("verdict"),
        "score": _score(entry.result.get("score") or {}),
        "training": entry.result.get("training"),
        "ranked": diagnosis.get("ranked") or [],
        "not_asked": diagnosis.get("not_asked") or {},
        "next": entry.result.get("next") or [],
    }

"""Runs in a ledger, without training anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from goodfit.core.run import Measurement
from goodfit.ledger import Ledger

HOSTILE = '</script><img src=x onerror="alert(1)">\'"‮&amp;'
LONG = "x" * 10_000
RESULT = {
    "verdict": {
        "cause": "learning_rate_too_low",
        "sentence": f"The steps are too small. {HOSTILE}",
        "change": "Multiply the learning rate by 100",
        "path": [{"question": "training loss", "answer": "large", "sentence": HOSTILE, "numbers": {}}],
    },
    "score": {
        "metric": "accuracy",
        "unit": "share right",
        "higher_is_better": True,
        "test": {"value": 0.875, "interval": [0.8, 0.9]},
    },
    "training": {"epochs": 10, "best_epoch": 9},
    "seconds": 12.5,
    "diagnosis": {
        "ranked": [
            {"cause": "learning_rate_too_low", "reading": "supports", "effect": {"value": 0.5, "interval": None}},
            {"cause": "too_few_epochs", "reading": "contradicts", "effect": {"value": 0.0, "interval": None}},
            {"cause": "dead_units", "reading": "inconclusive", "effect": {"value": None, "interval": None}},
        ]
    },
}


def rows(quantity: str, start: int, end: int, layer: str = "") -> list[Measurement]:
    """A curve that falls, a point for each update."""
    return [Measurement(quantity, step, 1 / (1 + 0.05 * step), layer) for step in range(start, end)]


def started(out: Path, name: str = "views", points: int = 20, settings: dict[str, Any] | None = None) -> str:
    """A run that goes on: stages, an answer, experiments of which the last is running."""
    with Ledger(out) as ledger:
        record = ledger.start(name, "table", settings or {"seed": 0, "training": {"rate": 0.1}}, {})
        record.note("facts", json.dumps({"rows": "569 rows", name[:50]: name[:500]}))
        record.note("stage", "training")
        record.note("plan", json.dumps({"updates": 100, "epochs": 10}))
        ledger.measure(record.id, [*rows("train_loss", 0, points), *rows("validation_loss", 0, points)])
        record.note("stage", "baseline: gradient boosting")
        record.note("answer", json.dumps({"question": "training loss", "answer": "large", "sentence": name[:200]}))
        record.note("asking", "too_few_epochs: train three times as long")
        record.note("found", "error 3% lower: the prediction failed")
        record.note("asking", "learning_rate_too_low: multiply the learning rate by 100")
    return record.id


def finished(out: Path, name: str = "views", points: int = 20, settings: dict[str, Any] | None = None) -> str:
    run = started(out, name, points, settings)
    with Ledger(out) as ledger:
        folder = ledger.get(run).directory
        (folder / "report.html").write_text("<!doctype html><title>report</title><h1>The report</h1>", encoding="utf-8")
        ledger.end(run, "done", "finished", {**RESULT, "name": name})
    return run

"""A run's document as `goodfit.api.execute` gives it, and runs of it in a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from goodfit.cli import app
from goodfit.core.settings import Settings
from goodfit.ledger import Ledger


def part(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "interval": None if low is None else [low, high]}


DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "run": "20261123-183012-views-3f2a",
    "name": "views",
    "kind": "series",
    "objective": "regression",
    "score": {
        "metric": "mean absolute error",
        "unit": "views",
        "higher_is_better": False,
        "train": part(101.5, 95.0, 108.0),
        "validation": part(110.25, 100.0, 120.0),
        "test": part(120.5, 110.0, 131.0),
    },
    "baselines": {
        "constant": {
            "train": part(400),
            "validation": part(410),
            "test": part(420, 400, 440),
            "difference": part(-300, -320, -280),
            "note": "",
        },
        "naive: yesterday": {
            "train": part(150),
            "validation": part(160),
            "test": part(121, 115, 130),
            "difference": part(-0.5, -4, 3),
            "note": "",
        },
        "gradient boosting": {
            "train": part(60),
            "validation": part(100),
            "test": part(110, 105, 115),
            "difference": part(10.5, 2, 19),
            "note": "",
        },
        "few rows": {"train": part(60), "validation": part(100), "test": part(500), "difference": None, "note": ""},
    },
    "baselines_not_run": {"ridge regression": "may take 9 s, 2 s of the budget were left"},
    "verdict": {
        "cause": None,
        "sentence": "The network fits the training data, and the validation data about as well.",
        "change": "",
        "experiments": "the rows are not held in memory",
        "path": [{"question": "training loss", "answer": "small", "sentence": "It is.", "numbers": {"relative": 0.3}}],
    },
    "diagnosis": None,
    "treatment": None,
    "facts": {"kind": "daily series", "rows": "2,863 days, 2008-01-01 to 2015-12-31, 59 missing filled"},
    "model": {
        "name": "mlp",
        "parameters": 1921,
        "layers": [
            {"name": "0", "type": "Linear", "output": [64], "parameters": 1856, "receptive_field": None},
            {"name": "1", "type": "ReLU", "output": [64], "parameters": 0, "receptive_field": None},
            {"name": "2", "type": "Linear", "output": [1], "parameters": 65, "receptive_field": None},
        ],
    },
    "training": {
        "outcome": "finished",
        "reason": "all epochs were run",
        "epochs": 60,
        "best_epoch": 41,
        "updates": 3000,
        "seconds": 8.5,
    },
    "recipe": {"optimizer": "adamw"},
    "settings": Settings().model_dump(mode="json", exclude_none=True),
    "seed": 0,
    "environment": {"python": "3.11"},
    "report": "goodfit_runs/20261123-183012-views-3f2a/report.html",
    "directory": "goodfit_runs/20261123-183012-views-3f2a",
    "seconds": 12.5,
    "next": ["goodfit show 20261123-183012-views-3f2a --model"],
}

HISTORIES: dict[str, Any] = {
    "schema": 1,
    "name": "views",
    "metric": "mean absolute error",
    "unit": "views",
    "cells": [
        {"history": days, "model": model, "train": 100.0 / days, "test": 120.0 / days}
        for days in (1, 7)
        for model in ("linear", "10 ReLU units")
    ],
    "naive": {"yesterday": [150.0, 160.0]},
    "not_run": ["4 layers of 100, history 7"],
}


def recorded(out: Path, document: Mapping[str, Any] = DOCUMENT, *, name: str = "views") -> str:
    """The id of a finished run in the ledger of ``out``."""
    settings = Settings(seed=7).model_dump(mode="json")
    with Ledger(out) as ledger, ledger.record(name, "series", settings, {"python": "3.11"}) as record:
        record.done("finished", {**document, "run": record.id, "directory": str(record.directory)})
    return record.id


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])

"""The result of a run as one JSON document; ``docs/json.md`` describes it key by key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from goodfit.core.card import change_of, is_problem
from goodfit.core.evidence import Diagnosis
from goodfit.core.run import Run
from goodfit.core.score import Scorecard
from goodfit.core.statistics import difference
from goodfit.core.task import PARTS, Task
from goodfit.report.views import Content

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys may come without."""

Json = dict[str, Any]


def document(
    content: Content, *, name: str, model: Json, settings: Json, directory: str, next_commands: list[str]
) -> Json:
    """Everything a program wants to know of a run; NaN and infinity become null."""
    task, run, card = content.task, content.run, content.scorecard
    found: Json = {
        "schema": SCHEMA,
        "run": name,
        "name": task.name,
        "kind": task.kind,
        "objective": task.objective,
        "score": {**_metric(card), **_parts(card)},
        "baselines": {each: _baseline(task, card, other) for each, other in content.baselines.items()},
        "baselines_not_run": dict(content.not_run),
        "verdict": verdict(content.diagnosis),
        "diagnosis": content.diagnosis.to_json() if content.diagnosis.ranked else None,
        "treatment": content.repair.to_json() if content.repair else None,
        "facts": dict(task.facts),
        "model": model,
        "training": _training(run),
        "recipe": run.recipe.as_json(),
        "settings": settings,
        "seed": run.recipe.seed,
        "environment": dict(run.environment),
        "report": f"{directory}/report.html",
        "directory": directory,
        "seconds": round(content.seconds, 3),
        "next": next_commands,
    }
    cleaned: Json = finite(found)
    return cleaned


def verdict(diagnosis: Diagnosis) -> Json:
    """A diagnosis in plain values."""
    return {
        "cause": diagnosis.cause,
        "sentence": diagnosis.sentence,
        "change": change_of(diagnosis) if is_problem(diagnosis) else "",
        "experiments": diagnosis.not_asked.get("experiments", ""),
        "path": [
            {"question": a.question, "answer": a.answer, "sentence": a.sentence, "numbers": dict(a.numbers)}
            for a in diagnosis.path
        ],
    }


def finite(value: Any) -> Any:
    """The same value with null for every number that JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value


def _metric(card: Scorecard) -> Json:
    metric = card.metric
    return {"metric": metric.name, "unit": metric.unit, "higher_is_better": metric.higher_is_better}


def _training(run: Run) -> Json:
    return {
        "outcome": run.outcome.name.lower(),
        "reason": run.outcome.value,
        "epochs": run.epochs,
        "best_epoch": run.best_epoch,
        "updates": run.updates,
        "seconds": round(run.seconds, 3),
    }


def _parts(card: Scorecard) -> Json:
    return {part: card.estimates[part].as_json() if part in card.estimates else None for part in PARTS}


def _baseline(task: Task, card: Scorecard, baseline: Scorecard) -> Json:
    """``difference`` is the network's score minus the baseline's on the test rows, with a paired interval."""
    known = "test" in card.units and "test" in baseline.units
    apart = difference(card.units["test"], baseline.units["test"], task.clusters.get("test")) if known else None
    return {**_parts(baseline), "difference": apart.as_json() if apart else None, "note": baseline.note}

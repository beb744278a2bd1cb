"""The lecture's table: error on the training years and on the unseen newest part, by history and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from goodfit.api import budget_of, source_of
from goodfit.core.progress import Progress, Silent
from goodfit.core.recipe import ModelFactory
from goodfit.core.run import Run
from goodfit.core.runtime import threads
from goodfit.core.score import score
from goodfit.core.settings import Settings
from goodfit.core.task import Signature, Task
from goodfit.data.series import load_histories
from goodfit.models import linear, mlp
from goodfit.plan import plan
from goodfit.training import fit, predict

HISTORIES = (1, 7, 28, 56)
SCHEMA = 1


@dataclass(frozen=True)
class Cell:
    """One training: days of history, model, and the mean error on the training and on the newest part."""

    history: int
    model: str
    train: float
    test: float


@dataclass(frozen=True)
class HistoryTable:
    """All cells; ``naive`` are the errors (train, test) of predictions that learn nothing."""

    name: str
    metric: str
    unit: str
    cells: tuple[Cell, ...]
    naive: Mapping[str, tuple[float, float]]
    not_run: tuple[str, ...] = ()
    """Cells for which the time budget was too short."""

    @property
    def document(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}


def models(signature: Signature) -> Mapping[str, ModelFactory]:
    """The lecture's models: wider, then deeper; a network of one layer has 100 units where nothing else is said."""
    wide = {f"{units} ReLU units": partial(mlp, signature, width=units, depth=1) for units in (10, 100, 1000)}
    deep = {f"{depth} layers of 100": partial(mlp, signature, width=100, depth=depth) for depth in (2, 3, 4)}
    return {"linear": partial(linear, signature), **wide, **deep}


def history_table(
    settings: Settings, source: Any = None, progress: Progress | None = None, *, began: float | None = None
) -> HistoryTable:
    """Train every model on every history of a series, all judged on the same days.

    Nothing is chosen by this table, so it may show the test part for each of its cells.
    """
    progress = progress or Silent()
    budget = budget_of(settings, began)
    source = source_of(settings) if source is None else source
    cells: list[Cell] = []
    missed: list[str] = []
    for history, task in load_histories(source, settings.data, HISTORIES).items():
        progress.stage(f"history of {history}")
        todo = plan(task, settings)
        for name, model in models(task.signature).items():
            if budget.left <= 0:
                missed.append(f"{name}, history {history}")
                continue
            with threads(1):
                recipe = replace(todo.recipe, model=model)
                cells.append(_cell(todo.task, history, name, fit(todo.task, recipe, deadline=budget.deadline(1.0))))
    naive = {name: _errors(task, guesses) for name, guesses in task.naive.items()}
    return HistoryTable(task.name, task.metric.name, task.metric.unit, tuple(cells), naive, tuple(missed))


def _cell(task: Task, history: int, name: str, run: Run) -> Cell:
    model = run.recipe.model()
    model.load_state_dict(dict(run.weights))
    assert task.test is not None, "a series always has a test part"  # noqa: S101
    guesses = {"train": predict(model, task, task.train), "test": predict(model, task, task.test)}
    return Cell(history, name, *_errors(task, guesses))


def _errors(task: Task, guesses: Mapping[Any, Any]) -> tuple[float, float]:
    units = {part: score(task, {part: guesses[part]}).value(part) for part in ("train", "test")}
    return units["train"], units["test"]

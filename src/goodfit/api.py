"""The road from data to report: the only place where the rooms are wired together."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from goodfit import data as kinds
from goodfit.core import configuration
from goodfit.core.card import HEALTHY, is_problem
from goodfit.core.errors import DataError, SettingsError, TrainingError
from goodfit.core.evidence import Diagnosis
from goodfit.core.progress import Progress, Silent
from goodfit.core.repair import Repair
from goodfit.core.run import Outcome, Run
from goodfit.core.runtime import deterministic, environment, threads
from goodfit.core.score import Scorecard, score
from goodfit.core.settings import Settings
from goodfit.core.step import Event, Step
from goodfit.core.task import PARTS, Part, Task
from goodfit.data import demos
from goodfit.guide import diagnose_scores
from goodfit.ledger import Ledger, check_folder
from goodfit.live.recorder import Recorded
from goodfit.mending import CHOOSING, Mended, mended, tested
from goodfit.models.baselines import baselines as suited
from goodfit.models.cnn import receptive_field
from goodfit.models.summary import layers, parameter_count
from goodfit.plan import Plan, plan
from goodfit.report.document import document
from goodfit.report.html import render
from goodfit.report.views import Content
from goodfit.result import Result
from goodfit.selfcheck import confirmed
from goodfit.training import Budget, fit, predict, probabilities, quickest_threads, within

TRAINING_SHARE = 0.7
"""Share of a time budget that training may use; baselines, scores and the report need the rest."""
TIMING_SHARE = 0.1
"""Share of what is left that finding the number of threads may use."""
REPORT_SECONDS = 3.0
"""What is kept back for scores and report when a baseline asks whether it still fits into the budget."""
WEIGHT_BYTES = 5 * 4
"""A float32 weight, its gradient, the optimiser's two moments of it, and its value in the best epoch."""
Guesses = dict[str, tuple[Mapping[Part, Any], str]]
"""Predictions by part, and a note on how they were made, by the name of the baseline."""


def run(
    data: Any = None,
    target: str | int | None = None,
    *,
    config: str | Path | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Train on ``data`` (a path, or a polars / pandas / numpy / torch table) and say how well the model fits.

    ``target`` is a column's name; for a matrix, which has no names, its number (negative ones count from the
    end). ``config`` is a file or a mapping of settings; ``settings`` are single ones by their dotted name with
    ``__`` for the dot: ``run(frame, "price", seed=1, training__rate=3e-4)``. Without ``data`` the path in the
    config is read: ``run(config="goodfit_runs/latest/config.yaml")`` repeats a run.
    """
    layers_ = [_config(config)] if config is not None else []
    given = {key.replace("__", "."): plain(value) for key, value in settings.items() if value is not None}
    if target is not None:
        given["data.target"] = _column(data, plain(target))
    is_path = isinstance(data, str | Path)
    if data is not None:
        # A frame's run must not be saved with the path of other data.
        given["data.path"] = str(data) if is_path else None
    layers_.append(configuration.from_mapping(given, "goodfit.run"))
    merged = configuration.merge(*layers_)
    if demo := demos.named(merged.data.path):
        merged = configuration.merge(demo.given, *layers_)
    return execute(merged, None if is_path else data, progress)


def execute(
    settings: Settings, source: Any = None, progress: Progress | None = None, *, began: float | None = None
) -> Result:
    """Do what ``settings`` say, from reading the data (``source``, or ``settings.data.path``) to the report.

    The time budget counts from ``began`` (`time.monotonic`), or from now.
    """
    progress = progress or Silent()
    budget = budget_of(settings, began)
    check_folder(settings.out)
    progress.stage(f"reading {settings.data.path or 'the data'}")
    loaded = kinds.load(source_of(settings) if source is None else source, settings.data, settings.seed)
    demo = demos.named(settings.data.path)
    todo = plan(replace(loaded, name=demo.name) if demo else loaded, settings)
    _check_model(todo)
    progress.inferred(todo.task.facts)
    with (
        Ledger(settings.out) as ledger,
        ledger.record(
            name=todo.task.name,
            kind=todo.task.kind,
            settings=todo.settings.model_dump(mode="json"),
            environment=environment(),
        ) as record,
    ):
        recorded = Recorded(progress, record, todo.task.facts)
        result, files = _execute(todo, budget, recorded, record)
        recorded.stage("writing the report")
        for name, content in files.items():
            record.write(name, content() if callable(content) else content)
        record.done(result.run.outcome.name.lower(), dict(result.document))
    return result


def _check_model(todo: Plan) -> None:
    """Refuse a model that cannot be made, or has no room in memory, while nothing is written yet."""
    with torch.device("meta"):  # shapes only: nothing is allocated
        weights = parameter_count(todo.recipe.model())
    needed, free = WEIGHT_BYTES * weights, psutil.virtual_memory().available
    if needed > free:
        problem = (
            f"The training of {weights:,} weights needs {needed / 1e9:,.0f} GB of memory, and {free / 1e9:,.1f} GB"
        )
        raise SettingsError(f"{problem} are free", "Lower model.width or model.depth.")


def _execute(todo: Plan, budget: Budget, progress: Recorded, record: Any) -> tuple[Result, dict[str, Any]]:
    """Train, judge, mend, and put the findings into words; the result, and the files of its folder by name."""
    timed = todo.settings.time is not None
    if todo.settings.threads is None:
        progress.stage("timing a few steps")
        count = quickest_threads(todo.task, todo.recipe, TIMING_SHARE * budget.left)
        todo = replace(todo, settings=todo.settings.model_copy(update={"threads": count}))
    with threads(todo.settings.threads or 1), deterministic(todo.settings.deterministic):
        todo, trained = _train(todo, budget, progress, record)
        task, model = todo.task, _model(trained)
        own = {part: predict(model, task, rows) for part in PARTS if (rows := task.part(part)) is not None}
    guesses, not_run = _baselines(task, budget, progress, todo.settings.seed)
    progress.stage("scoring")
    with threads(todo.settings.threads or 1), deterministic(todo.settings.deterministic):
        found = _judge(todo, (trained, model), own, guesses, budget, progress)
    settings = _repeating(todo.settings, found, timed=timed)
    shown = _summary(task, found.run, found.model)
    content = Content(
        task=task,
        run=found.run,
        scorecard=found.card,
        baselines=found.baselines,
        not_run=not_run,
        diagnosis=found.diagnosis,
        settings_yaml=configuration.dump_yaml(settings),
        command=_again(record.directory / "config.yaml", settings),
        layers=shown["layers"],
        seconds=budget.spent,
        probabilities=_chances(task, found.model),
        repair=found.repair,
    )
    told = document(
        content,
        name=record.id,
        model=shown,
        settings=settings.model_dump(mode="json", exclude_none=True),
        directory=str(record.directory),
        next_commands=_next(record.id, settings, found),
    )
    files = {
        "config.yaml": content.settings_yaml,
        "model.safetensors": save(dict(found.run.weights)),
        "report.html": lambda: render(content),
    }
    result = Result(
        task,
        settings,
        found.run,
        found.model,
        found.card,
        found.baselines,
        found.diagnosis,
        told,
        record.directory,
        found.repair,
    )
    return result, files


@dataclass(frozen=True, eq=False)
class _Judged:
    """The model that is handed back with its scores, and what was found of the one that was trained."""

    card: Scorecard
    baselines: dict[str, Scorecard]
    diagnosis: Diagnosis
    run: Run
    model: nn.Module
    repair: Repair | None


def _judge(
    todo: Plan,
    trained: tuple[Run, nn.Module],
    own: Mapping[Part, Any],
    guesses: Guesses,
    budget: Budget,
    progress: Recorded,
) -> _Judged:
    """The verdict from training and validation scores, then by experiments; what mends the run, from these alone; only
    then the scores of the test part.
    """
    task = todo.task

    def judged(found: Mapping[Part, Any], parts: tuple[Part, ...], note: str = "") -> Scorecard:
        return score(task, {part: found[part] for part in parts}, note=note)

    card = judged(own, CHOOSING)
    cards = {name: judged(found, CHOOSING, note) for name, (found, note) in guesses.items()}
    asked = _asked(todo, trained[0], budget, progress, diagnose_scores(task, trained[0], card, cards))
    made = mended(asked, todo, trained[0], card, progress, most=budget.left - REPORT_SECONDS)
    diagnosis = replace(asked, rounds=())  # the weights of all experiments are no part of a result
    if task.test is not None:
        card = card.joined(judged(own, ("test",)))
        cards = {name: each.joined(judged(guesses[name][0], ("test",))) for name, each in cards.items()}
    if not isinstance(made, Mended):
        return _Judged(card, cards, diagnosis, *trained, made)
    after = made.card
    if task.test is not None:
        after = after.joined(judged({"test": predict(made.model, task, task.test)}, ("test",)))
    return _Judged(after, cards, diagnosis, made.run, made.model, tested(made, card, after, task))


def _repeating(settings: Settings, found: _Judged, *, timed: bool) -> Settings:
    """The settings that repeat the run: what there was no time for is not made up for when they are run again."""
    kept = found.repair is not None and found.repair.kept
    if not timed or kept or found.diagnosis.cause == HEALTHY:
        return settings
    return settings.model_copy(update={"treat": False})


def _asked(todo: Plan, trained: Run, budget: Budget, progress: Recorded, scores: Diagnosis) -> Diagnosis:
    """The verdict of the scores put to the test, where the settings want it and the time allows it."""
    if not todo.settings.diagnose:
        return scores
    progress.answers(scores.path)
    return confirmed(scores, todo.task, trained, progress, most=budget.left - REPORT_SECONDS)


def _train(todo: Plan, budget: Budget, progress: Progress, record: Any) -> tuple[Plan, Run]:
    """Train within the budget. What the budget cost is written into the settings, so that they repeat the run."""
    recipe, deadline = todo.recipe, budget.deadline(TRAINING_SHARE)
    if deadline is not None:
        progress.stage("fitting the epochs into the time")
        recipe = within(todo.task, recipe, TRAINING_SHARE * budget.left)
    progress.stage("training")

    def measure(step: Step) -> None:
        record.measure(step.update, {"train_loss": step.train_loss, "validation_loss": step.validation_loss})

    try:
        trained = fit(todo.task, recipe, [progress, _At(Event.EPOCH_END, measure)], deadline=deadline)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"The training failed: {error}", "Change the recipe with --set.") from error
    if trained.outcome is Outcome.OUT_OF_TIME:
        recipe = replace(recipe, max_updates=trained.updates)
    kept = {"epochs": recipe.epochs, "max_updates": recipe.max_updates}
    settings = todo.settings.model_copy(
        update={"time": None, "training": todo.settings.training.model_copy(update=kept)}
    )
    return replace(todo, recipe=recipe, settings=settings), trained


@dataclass(frozen=True)
class _At:
    """A callback from a plain function."""

    event: Event
    call: Callable[[Step], None]

    @property
    def events(self) -> tuple[Event, ...]:
        return (self.event,)

    def __call__(self, step: Step) -> None:
        self.call(step)


def _model(trained: Run) -> nn.Module:
    model = trained.recipe.model()
    model.load_state_dict(dict(trained.weights))
    return model.eval()


def _baselines(task: Task, budget: Budget, progress: Progress, seed: int) -> tuple[Guesses, dict[str, str]]:
    found: Guesses = {}
    not_run: dict[str, str] = {}
    for baseline in suited(task):
        needed = baseline.seconds(task)
        if needed > 1 and needed > budget.left - REPORT_SECONDS:
            not_run[baseline.name] = f"may take {needed:.0f} s, {max(0.0, budget.left):.0f} s of the budget were left"
            continue
        progress.stage(f"baseline: {baseline.name}")
        found[baseline.name] = baseline.predict(task, seed)
    return found, not_run


def _summary(task: Task, trained: Run, model: nn.Module) -> dict[str, Any]:
    row, _ = task.train[0]
    return {
        "name": getattr(getattr(trained.recipe.model, "func", None), "__name__", type(model).__name__),
        "parameters": parameter_count(model),
        "layers": layers(model, row[None], {each.layer: each.field for each in receptive_field(model)}),
    }


def _chances(task: Task, model: nn.Module) -> Mapping[Part, NDArray[np.float64]] | None:
    if task.objective != "classification" or task.test is None:
        return None
    return {"test": probabilities(model, task.test)}


def _again(config: Path, settings: Settings) -> str:
    """What to type to repeat a run; data that came as an object have to be given again."""
    if settings.data.path is None:
        return f"goodfit.run(data, config={str(config)!r})"
    return f"goodfit run --config {shlex.quote(str(config))}"


def _next(name: str, settings: Settings, found: _Judged) -> list[str]:
    where = "" if settings.out == Settings().out else f" --out {shlex.quote(settings.out)}"
    why = [f"goodfit explain {found.diagnosis.cause}"] if is_problem(found.diagnosis) else []
    if found.repair is not None and found.repair.kept:
        why.append(f"goodfit show {name} --patch{where}")
    return [*why, f"goodfit show {name}{where}", f"goodfit show {name} --model{where}"]


def plain(value: Any) -> Any:
    """The same in Python's own types: loops and searches over settings draw numpy's numbers."""
    return value.item() if isinstance(value, np.generic) else value


def _column(data: Any, target: str | int) -> str | int:
    """The name that a matrix's column will have."""
    if not isinstance(target, int) or not isinstance(data, np.ndarray | Tensor) or data.ndim != 2:
        return target
    width = data.shape[1]
    if not -width <= target < width:
        raise DataError(f"the matrix has no column {target}", f"Choose one of 0 to {width - 1}.")
    return f"column_{target % width}"


def source_of(settings: Settings) -> Any:
    """The data that the settings name: a path, or what a demo brings."""
    if settings.data.path is None:
        raise SettingsError("There are no data to train on", "Give a file or folder, or set data.path.")
    demo = demos.named(settings.data.path)
    return Path(settings.data.path) if demo is None else demo.load()


def budget_of(settings: Settings, began: float | None = None) -> Budget:
    """The time budget of the settings, counted from ``began`` or from now."""
    seconds = None if settings.time is None else configuration.parse_duration(settings.time)
    return Budget(seconds) if began is None else Budget(seconds, began)


def _config(config: str | Path | Mapping[str, Any]) -> list[configuration.Given]:
    if isinstance(config, Mapping):
        return configuration.from_mapping(config, "config")
    return configuration.from_file(config)

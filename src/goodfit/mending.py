"""goodfit's own runs are mended: the treatment goes on from the diagnosis of a run, and the better model is kept."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from goodfit.causes import Change
from goodfit.core.card import is_problem
from goodfit.core.evidence import Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Progress
from goodfit.core.recipe import Recipe
from goodfit.core.repair import Repair
from goodfit.core.run import Run
from goodfit.core.runtime import preserved_rng
from goodfit.core.score import Scorecard, score
from goodfit.core.statistics import difference
from goodfit.core.task import Part, Rows, Task
from goodfit.core.treatment import Treatment
from goodfit.guide import treatment as guide
from goodfit.guide.experiments import OutOfBudget
from goodfit.models.cnn import receptive_field
from goodfit.models.summary import layers
from goodfit.models.surgery import rebuilt
from goodfit.plan import Plan
from goodfit.remedies import Judged
from goodfit.saying import options
from goodfit.selfcheck import allowed
from goodfit.training import fit, predict
from goodfit.training.batches import batch_count
from goodfit.treating import treatment_of

FURTHER = 3.0
"""Trainings that a treatment may take for each one that the questions were allowed. A number and not a time, so that
the same run gets the same treatment."""
FEWEST = 4.0
"""Trainings as long as the run's own that have to fit into the time left, or no treatment is begun."""
FINAL = 1.5
"""The share of such a training that is kept for the last one, in which the mended recipe is trained as the run was."""
LATE = "Nothing was mended: the time given to the run did not allow for it."
BETTER = "The mended model takes the run's place: its validation score is better, beyond what chance does."
SOUND = (
    "The mended model takes the run's place: what was mended is a fault of the data, and the scores were not honest."
)
NO_BETTER = "The run stays as it was: mended, its validation score is not better beyond what chance does."
IN_VAIN = "The run stays as it was: no remedy that was tried mends it."
FOREIGN = "the change is one of the rows themselves, and the rows of a run are those that its data and settings give"
CHOOSING: tuple[Part, ...] = ("train", "validation")
"""The parts that a verdict and a treatment may look at; the test part is read once, after them."""


@dataclass(frozen=True, eq=False)
class Edited:
    """A factory of edited models: ``partial(Edited(factory, sample), dropout=0.5)``. Recipes name each edit."""

    factory: Callable[[], nn.Module]
    sample: Tensor

    def __call__(self, **edits: Any) -> nn.Module:
        return rebuilt(self.factory, self.sample, **edits)

    @property
    def __name__(self) -> str:
        return f"{getattr(getattr(self.factory, 'func', self.factory), '__name__', 'model')}, edited"


@dataclass(frozen=True, eq=False)
class Mended:
    """The mended model beside what is told of it, before the test part was read."""

    repair: Repair
    run: Run
    model: nn.Module
    card: Scorecard


def mended(
    diagnosis: Diagnosis, todo: Plan, run: Run, card: Scorecard, progress: Progress, *, most: float = math.inf
) -> Mended | Repair | None:
    """The treatment of a run with a confirmed problem; None where there is nothing to treat.

    A `Repair` alone where the run stays as it is. ``card`` scores the run's training and validation rows; the test part
    is not looked at. ``most`` bounds the seconds. Whatever fails in here, the run stays as it is.
    """
    if not (todo.settings.treat and is_problem(diagnosis) and diagnosis.rounds):
        return None
    if most < FEWEST * run.seconds:
        return Repair(False, LATE)
    try:
        with preserved_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _treated(diagnosis, todo, run, card, progress, most)
    except OutOfBudget:
        return Repair(False, LATE)
    except Exception as error:  # a run that has been trained and scored is not lost to its treatment
        return Repair(False, f"The run stays as it was: the treatment failed ({type(error).__name__}: {error}).")


def tested(found: Mended, before: Scorecard, after: Scorecard, task: Task) -> Repair:
    """What is told of a mended model once the test part, too, was scored: ``before`` and ``after`` hold all parts."""
    return replace(found.repair, **_scores(before, after, task))


def _treated(
    diagnosis: Diagnosis, todo: Plan, run: Run, card: Scorecard, progress: Progress, most: float
) -> Mended | Repair:
    began, first = time.monotonic(), diagnosis.rounds[0].round
    job = first.facts.job
    course = guide.treat(
        job,
        trainings=FURTHER * allowed(job),
        seconds=None if math.isinf(most) else most - FINAL * run.seconds,
        seeds=first.laboratory.seeds,
        inquiry=_Shown(progress),
        known=diagnosis.rounds,
        unfit=unfit,
    )
    treatment = treatment_of(course, tested=todo.task.test is not None)
    if not course.applied:
        return Repair(False, IN_VAIN, treatment)
    progress.stage("training the mended recipe")
    return _trained(course, treatment, todo, card, progress, None if math.isinf(most) else began + most)


def _trained(
    course: guide.Course, treatment: Treatment, todo: Plan, card: Scorecard, progress: Progress, deadline: float | None
) -> Mended | Repair:
    """The mended recipe trained as the run itself was, and compared with it."""
    recipe, task = recipe_of(course, todo.recipe), task_of(course, todo.task)
    run = fit(task, recipe, [progress], deadline=deadline)
    model = recipe.model()
    model.load_state_dict(dict(run.weights))
    _check(model.eval(), run, todo.task)
    guesses = {part: predict(model, todo.task, rows) for part in CHOOSING if (rows := todo.task.part(part)) is not None}
    after = score(todo.task, guesses)
    said, unsaid = options(todo, recipe, task.loss, course.applied)
    told = Repair(False, NO_BETTER, treatment, options=said, unsaid=unsaid, **_scores(card, after, todo.task))
    if any(each.judged is Judged.FINDING or "task.validation" in each.change.fields for each in course.applied):
        return Mended(replace(told, kept=True, sentence=SOUND), run, model, after)
    if better(card, after, todo.task):
        return Mended(replace(told, kept=True, sentence=BETTER), run, model, after)
    return told


def better(before: Scorecard, after: Scorecard, task: Task) -> bool:
    """Whether the validation score is better, and the interval of the paired difference over its rows excludes 0."""
    old, new = before.units["validation"], after.units["validation"]
    if not np.isfinite(new.sums).all():
        return False
    if not np.isfinite(old.sums).all():
        return True
    first, second = (new, old) if after.metric.higher_is_better else (old, new)
    return difference(first, second, task.clusters.get("validation")).low > 0


def _scores(before: Scorecard, after: Scorecard, task: Task) -> dict[str, Any]:
    """Of the parts that both have: the scores, and after minus before."""
    shared = [part for part in after.estimates if part in before.estimates]
    return {
        "before": {part: before.estimates[part] for part in shared},
        "after": {part: after.estimates[part] for part in shared},
        "difference": {
            part: difference(after.units[part], before.units[part], task.clusters.get(part)) for part in shared
        },
    }


# -- the mended recipe as one of goodfit's own


def recipe_of(course: guide.Course, recipe: Recipe) -> Recipe:
    """The run's own ``recipe`` with the changes of the course.

    Where the course trained longer or shorter the epochs follow; else the run's own number of epochs and its patience
    stay, because the best epoch is kept as in the run itself.
    """
    asked, found = course.job.recipe, course.mended.recipe
    kept = {"model", "optimizer", "rate", "epochs", "patience", "max_updates", "seed"}
    plain = {each.name for each in fields(Recipe)} - kept
    changed = {name: getattr(found, name) for name in plain if getattr(found, name) != getattr(asked, name)}
    if found.epochs > asked.epochs:
        changed["epochs"] = max(recipe.epochs, found.epochs)
    elif found.epochs < asked.epochs:
        changed |= {"epochs": found.epochs, "patience": None}
    made = replace(recipe, **changed, **_optimizer(recipe, found), model=_model(course, recipe))
    if recipe.max_updates is not None:
        longer = _planned(course.job.task, made) / _planned(course.job.task, recipe)
        made = replace(made, max_updates=max(1, round(recipe.max_updates * longer)))
    return made


def _optimizer(recipe: Recipe, found: Recipe) -> dict[str, Any]:
    """What `adjusted` does to an optimiser of goodfit's own, as fields of the recipe."""
    edits = dict(getattr(found.optimizer, "keywords", {}))
    made, rate = {key: edits[key] for key in ("weight_decay", "momentum") if key in edits}, recipe.rate
    if edits.get("adaptive"):
        rate = edits["adaptive"]
        made = {"optimizer": "adam", "weight_decay": 0.0, **made, "momentum": 0.9}
    elif "momentum" in made and recipe.optimizer == "sgd":
        made["optimizer"] = "momentum"
    return {**made, "rate": None if rate is None else rate * edits.get("rate_factor", 1.0)}


def _model(course: guide.Course, recipe: Recipe) -> Callable[[], nn.Module]:
    edits, job = dict(getattr(course.mended.recipe.model, "keywords", {})), course.job
    for each in course.applied:
        after = each.change.apply(job)
        if "task.validation" in each.change.fields and (blank := _blanked(job, after)):
            edits["without"] = tuple(sorted({*edits.get("without", ()), *blank}))
        job = after
    return partial(Edited(recipe.model, job.sample), **edits) if edits else recipe.model


def task_of(course: guide.Course, task: Task) -> Task:
    """What the mended recipe is trained on; scores are those of ``task`` itself."""
    found = course.mended.task
    return replace(task, train=found.train, validation=found.validation, loss=found.loss)


def _planned(task: Task, recipe: Recipe) -> int:
    return recipe.epochs * batch_count(task.train, recipe.batch_size)


# -- what may be changed


def unfit(job: Job, change: Change) -> str:
    """Why a change is not made to an own run: new rows come as they are, and the parts are those of the settings.

    Allowed are copies taken out of the validation rows, and columns that are 0 in every row: the mended network itself
    takes these for 0.
    """
    if "task.validation" not in change.fields:
        return ""
    after = change.apply(job)
    if _blanked(job, after):
        return ""
    old, new = job.task.validation, after.task.validation
    if "task.train" in change.fields or not isinstance(old, Rows) or not isinstance(new, Rows):
        return FOREIGN
    return "" if _each(new) <= _each(old) else FOREIGN


def _blanked(before: Job, after: Job) -> tuple[int, ...]:
    """The columns that are other in ``after``, if these are 0 there in every row and nothing else is other."""
    found: set[int] = set()
    for old, new in ((before.task.train, after.task.train), (before.task.validation, after.task.validation)):
        if not isinstance(old, Rows) or not isinstance(new, Rows) or old.inputs.ndim != 2 or len(old) != len(new):
            return ()
        other = (old.inputs != new.inputs).any(0)
        if not torch.equal(old.targets, new.targets) or bool(new.inputs[:, other].any()):
            return ()
        found |= set(other.nonzero().flatten().tolist())
    return tuple(sorted(found))


def _each(rows: Rows) -> frozenset[bytes]:
    """Each row as bytes, without padding."""
    pairs = (rows[index] for index in range(len(rows)))
    return frozenset(inputs.numpy().tobytes() + targets.numpy().tobytes() for inputs, targets in pairs)


# -- small things


def _check(model: nn.Module, run: Run, task: Task) -> None:
    """What will be written of the mended model can be written; else this is the place to find out."""
    row, _ = task.train[0]
    layers(model, row[None], {each.layer: each.field for each in receptive_field(model)})
    save(dict(run.weights))


class _Shown:
    """Each question is a stage of the run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def asking(self, question: str) -> None:
        self._progress.stage(f"asking {question}")

    def found(self, answer: str) -> None:
        """Nothing: the result says it."""

"""goodfit's own runs are asked the same questions as a person's: what the scores say is put to the test."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer

from goodfit.core.card import HEALTHY, UNDETERMINED, is_problem
from goodfit.core.coding import coding_of
from goodfit.core.evidence import Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Progress
from goodfit.core.recipe import Recipe
from goodfit.core.run import Outcome, Run
from goodfit.core.runtime import evaluating, preserved_rng
from goodfit.core.task import Rows, Task
from goodfit.guide import diagnosis as guide
from goodfit.guide.experiments import OutOfBudget
from goodfit.guide.tree import LEAVES
from goodfit.models.surgery import rebuilt
from goodfit.training.batches import batch_count
from goodfit.training.optimizers import adjusted, build_optimizer

TRAININGS, MOST_TRAININGS = 2.0, 16.0
UPDATES = 4_000
"""The questions to an own run may take `TRAININGS`, or `UPDATES` where a training has few: the whole then takes about
twice as long as before. Numbers and not a time, so that the same run gets the same verdict."""
MOST_NUMBERS = 1_000_000
"""Input numbers (rows times features) up to which the questions to the data take seconds."""
SAMPLE = 64
TESTED = "No change that was tried mends anything that matters."
LATE = "the time given to the run did not allow for them"
IN_VAIN = "No change that was tried mends it."


def confirmed(scores: Diagnosis, task: Task, run: Run, progress: Progress, *, most: float = math.inf) -> Diagnosis:
    """The verdict of the scores after experiments: a cause, healthy, or undetermined; or the verdict as it was, with
    the reason in ``not_asked``. The test part is not looked at. ``most`` bounds the seconds.
    """
    if scores.cause == UNDETERMINED:
        return scores
    reason = why_not(task)
    if reason or most < questions(task) + 2 * run.seconds:
        return _unasked(scores, reason or LATE)
    try:
        with preserved_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, job = None if math.isinf(most) else most, job_of(task, run)
            found = guide.diagnose(
                job, trainings=allowed(job), seconds=seconds, seeds=_seeds(run), inquiry=_Shown(progress)
            )
    except OutOfBudget:
        return _unasked(scores, LATE)
    except Exception as error:  # a run that has been trained and scored is not lost to a question about it
        return _unasked(scores, f"they failed: {type(error).__name__}: {error}")
    return joined(scores, found)


def why_not(task: Task) -> str:
    """Why no experiment can be run on this task yet; empty where it can."""
    rows = task.train
    if not isinstance(rows, Rows):
        return "the rows are not held in memory"
    if rows.lengths is not None:
        return "sequences of different lengths cannot be put to the test yet"
    if task.signature.categories:
        return "inputs that hold codes of categories cannot be put to the test yet"
    if rows.inputs.numel() > MOST_NUMBERS:
        return f"the questions to {rows.inputs.numel():,} input numbers would take longer than the run"
    return ""


def questions(task: Task) -> float:
    """Seconds that the questions to the data take at the most, as measured on tables of up to a million numbers."""
    return 1.0 + 5e-6 * (task.train.inputs.numel() if isinstance(task.train, Rows) else 0)


def job_of(task: Task, run: Run) -> Job:
    """The run as a `Job`. It is as long as the epochs whose weights were kept, for these are what is judged."""
    recipe, rows = run.recipe, task.train
    if not isinstance(rows, Rows):
        raise TypeError("a job of an own run needs rows in memory")
    spread = torch.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).long()
    inputs, _ = rows.batch(spread)
    with preserved_rng():
        model = recipe.model()
        with evaluating(model):
            coding = coding_of(task.objective, rows, model(inputs))
    kept = recipe.epochs if run.outcome is Outcome.DIVERGED else max(1, run.best_epoch)
    asked = replace(
        recipe,
        model=partial(rebuilt, recipe.model, inputs),
        optimizer=partial(adjusted, partial(_named, recipe)),
        rate=None,
        epochs=kept,
        patience=None,
        max_updates=None,
    )
    return Job(replace(task, test=None), asked, coding, inputs)


def allowed(job: Job) -> float:
    """Trainings that the questions may take."""
    updates = job.recipe.epochs * batch_count(job.task.train, job.recipe.batch_size)
    return min(MOST_TRAININGS, max(TRAININGS, UPDATES / updates))


def joined(scores: Diagnosis, found: Diagnosis) -> Diagnosis:
    """What the scores and the experiments say together."""
    if is_problem(found):
        return found
    fits = scores.sentence.startswith(LEAVES["fits"])
    if found.cause == HEALTHY:
        cause, tested = (HEALTHY, TESTED) if fits else (UNDETERMINED, IN_VAIN)
    else:
        cause, tested = UNDETERMINED, ""
    not_asked = dict(found.not_asked)
    if not tested:
        not_asked["experiments"] = found.sentence
    said = scores.path[-1].sentence if scores.path else ""
    lead = scores.sentence.removesuffix(said).strip()
    sentence = " ".join(part for part in (lead, tested, said) if part)
    return replace(found, cause=cause, sentence=sentence, path=(*found.path[:1], *scores.path), not_asked=not_asked)


def _unasked(scores: Diagnosis, reason: str) -> Diagnosis:
    return replace(scores, not_asked={**scores.not_asked, "experiments": reason})


def _named(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """The recipe's own optimiser as a factory, so that one thing of it can be changed at a time."""
    return build_optimizer(recipe, parameters)


def _seeds(run: Run) -> tuple[int, ...]:
    return tuple((run.recipe.seed + i) % 2**32 for i in range(3))


class _Shown:
    """Each question is a stage of the run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def asking(self, question: str) -> None:
        self._progress.stage(f"asking {question}")

    def found(self, answer: str) -> None:
        """Nothing: the verdict says it."""

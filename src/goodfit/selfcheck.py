"""goodfit's own runs are asked the same questions as a person's: what the scores say is put to the test."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.flop_counter import FlopCounterMode

from goodfit.core.card import HEALTHY, UNDETERMINED, is_problem
from goodfit.core.coding import coding_of
from goodfit.core.evidence import Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Progress
from goodfit.core.recipe import Recipe
from goodfit.core.run import Outcome, Run
from goodfit.core.runtime import evaluating, preserved_rng
from goodfit.core.task import Task, count_of
from goodfit.guide import diagnosis as guide
from goodfit.guide.experiments import OutOfBudget
from goodfit.guide.tree import BIAS, BRANCHES, LEAVES
from goodfit.guide.views import MOST_NUMBERS, numbers_of, taken
from goodfit.models.surgery import NotAskable, rebuilt
from goodfit.training.batches import batch_count
from goodfit.training.optimizers import adjusted, build_optimizer

TRAININGS, MOST_TRAININGS = 1.9, 16.0
UPDATES = 4_000
OPERATIONS = 1.5e12
"""The questions to an own run may take `TRAININGS`: one of the run as it is, and short ones of a share of the rows; two
would let another one of full length in, and the whole should take little more than twice as long as the training.
They may take more where a training is short, as many as make `UPDATES` and `OPERATIONS` (floating-point, about half a
minute of one core). Numbers and not a time, so that the same run gets the same verdict."""
SAMPLE = 64
DEAR = 6.0
"""A changed network may take so many times the arithmetic of the run's own: eight times the width takes 64 times."""
CHEAP = 2e8
"""Floating-point operations of a forward pass over `SAMPLE` rows below which arithmetic is not what takes the time."""
RESIZED = frozenset({"width", "depth", "stand_in"})
"""Edits after which a network may be larger."""
TESTED = "No change that was tried mends anything that matters."
LATE = "the time given to the run did not allow for them"
IN_VAIN = "No change that was tried mends it."


def confirmed(scores: Diagnosis, task: Task, run: Run, progress: Progress, *, most: float = math.inf) -> Diagnosis:
    """The verdict of the scores after experiments: a cause, healthy, or undetermined; or the verdict as it was, with
    the reason in ``not_asked``. The test part is not looked at. ``most`` bounds the seconds.
    """
    if scores.cause == UNDETERMINED:
        return scores
    if most < questions(task) + 2 * run.seconds:
        return _unasked(scores, LATE)
    try:
        with preserved_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lost = scores.sentence.startswith(BRANCHES[BIAS])
            seconds, job = None if math.isinf(most) else most, job_of(task, run, whole=lost)
            found = guide.diagnose(
                job, trainings=allowed(job), seconds=seconds, seeds=_seeds(run), inquiry=_Shown(progress)
            )
    except OutOfBudget:
        return _unasked(scores, LATE)
    except Exception as error:  # a run that has been trained and scored is not lost to a question about it
        return _unasked(scores, f"they failed: {type(error).__name__}: {error}")
    return joined(scores, found)


def questions(task: Task) -> float:
    """Seconds that the questions to the data take at the most; they read a bounded number of rows.

    As measured on tables of up to a million numbers, on tables with codes, on pictures, and on sentences with eleven
    codes a token.
    """
    coded = 4.0 if task.signature.categories else 0.0
    return 1.0 + coded + 2.5e-6 * min(MOST_NUMBERS, numbers_of(task.train))


def job_of(task: Task, run: Run, *, whole: bool = False) -> Job:
    """The run as a `Job`. It is as long as the epochs whose weights were kept, for these are what is judged; ``whole``:
    as all epochs made, for a run that has not learnt shows why in those, and not in the first one alone.
    """
    recipe, rows = run.recipe, task.train
    spread = torch.linspace(0, count_of(rows) - 1, min(SAMPLE, count_of(rows)), dtype=torch.float64).round().long()
    inputs, _ = taken(rows, spread)
    with preserved_rng():
        model = recipe.model()
        with evaluating(model):
            coding = coding_of(task.objective, rows, model(inputs))
    kept = max(1, run.epochs if whole else run.best_epoch)
    kept = recipe.epochs if run.outcome is Outcome.DIVERGED else kept
    asked = replace(
        recipe,
        model=partial(affordable, recipe.model, inputs),
        optimizer=partial(adjusted, partial(_named, recipe)),
        rate=None,
        epochs=kept,
        patience=None,
        max_updates=None,
    )
    return Job(replace(task, test=None), asked, coding, inputs)


def affordable(factory: Callable[[], nn.Module], sample: Tensor, **edits: Any) -> nn.Module:
    """`rebuilt`; NotAskable where the changed network takes far more arithmetic than the run's own.

    Counted and not timed, so that the same run gets the same verdict.
    """
    changed = rebuilt(factory, sample, **edits)
    if not set(edits) & RESIZED:
        return changed
    own, needed = _operations(factory(), sample), _operations(changed, sample)
    if needed > CHEAP and needed > DEAR * own:
        raise NotAskable(f"the changed network would take {needed / max(1, own):.0f} times as long as the run")
    return changed


def _operations(model: nn.Module, sample: Tensor) -> int:
    """Floating-point operations of a forward pass."""
    with preserved_rng(), evaluating(model), FlopCounterMode(display=False) as counter:
        model(sample)
    return int(counter.get_total_flops())


def allowed(job: Job) -> float:
    """Trainings that the questions may take."""
    updates = job.recipe.epochs * batch_count(job.task.train, job.recipe.batch_size)
    with preserved_rng():
        forward = _operations(job.recipe.model(), job.sample) / len(job.sample)
    passes = 3 * job.recipe.epochs * count_of(job.task.train)  # backward takes twice what forward does
    most = min(UPDATES / updates, OPERATIONS / max(1.0, passes * forward))
    return min(MOST_TRAININGS, max(TRAININGS, most))


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

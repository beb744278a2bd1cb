"""One training of a job, watched and judged: what every experiment is made of."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from goodfit.core.coding import WORST, class_numbers, constant_error, errors, threshold_of
from goodfit.core.errors import TrainingError
from goodfit.core.job import Coding, Job
from goodfit.core.run import Outcome
from goodfit.core.runtime import evaluating
from goodfit.core.statistics import UnitScores
from goodfit.core.step import Event, Step
from goodfit.core.task import IGNORED, Batch, count_of
from goodfit.core.trial import PartResult, Trial
from goodfit.models.surgery import NotAskable
from goodfit.training import fit
from goodfit.training.batches import loader

CHECKPOINTS = 12
"""Epochs, evenly spread, after which the validation rows are scored."""
BATCH = 512
"""Rows that are judged together; of padded sequences, whose attention grows with the square of their length, fewer."""
JUDGED = 20_000
"""Rows of a part that are scored at most."""
FIRST_UPDATES = 25
"""Updates whose gradient norm is kept."""


def run_trial(
    job: Job,
    seed: int,
    *,
    change: str = "",
    fields: Sequence[str] = (),
    rows: float = 1.0,
    deadline: float | None = None,
) -> Trial:
    """Train ``job`` with ``seed`` and judge its last weights. ``rows`` is what one training of the control takes.

    A training that breaks off with an error counts as diverged where the network's outputs were no numbers any more;
    any other error is raised as `TrainingError`.
    """
    watch = _Watch(job)
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ending = _trained(job, seed, watch, deadline)
        module = watch.model
        if module is None:
            raise TrainingError("The training ended before it began", "Mend the job first.")
        train, validation = (judge(module, job, part) for part in (job.task.train, job.task.validation))
    return Trial(
        change=change,
        fields=tuple(fields),
        seed=seed,
        outcome=ending.outcome,
        train=train,
        validation=validation,
        train_losses=tuple(ending.train_losses),
        validation_losses=tuple(ending.validation_losses),
        validation_errors=dict(watch.scores),
        batch_losses=np.asarray([float(loss) for loss in watch.losses]),
        updates=watch.updates,
        work=watch.updates * min(job.recipe.batch_size, count_of(job.task.train)) / rows,
        seconds=time.monotonic() - began,
        weights={name: value.detach().clone() for name, value in module.state_dict().items()},
        failure=ending.failure,
        steps=tuple(watch.norms),
    )


@dataclass(frozen=True)
class _Ending:
    """How a training went and ended."""

    outcome: Outcome
    train_losses: Sequence[float] = ()
    validation_losses: Sequence[float] = ()
    failure: str = ""


def _trained(job: Job, seed: int, watch: _Watch, deadline: float | None) -> _Ending:
    try:
        run = fit(job.task, replace(job.recipe, seed=seed), [watch], deadline=deadline)
    except NotAskable:
        raise
    except (RuntimeError, ValueError, IndexError, FloatingPointError) as error:
        failure = str(error).strip().splitlines()[0]
        if watch.model is None or not watch.updates or _gives_numbers(watch.model, job):
            raise TrainingError(f"The training failed: {failure}", "Mend the job first.") from error
        return _Ending(Outcome.DIVERGED, failure=failure)
    return _Ending(run.outcome, run.curve("train_loss")[1], run.curve("validation_loss")[1])


@dataclass
class _Watch:
    """Callback of a trial: losses of all updates, validation errors of some epochs, and the model."""

    job: Job
    events: frozenset[Event] = frozenset({Event.FIT_START, Event.GRADIENT, Event.EPOCH_END})
    model: nn.Module | None = None
    updates: int = 0
    losses: list[Tensor] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)

    def __call__(self, step: Step) -> None:
        self.model = step.model
        if step.event is Event.GRADIENT and step.loss is not None:
            self.losses.append(step.loss.detach())
            self.updates += 1
            if self.updates <= FIRST_UPDATES:
                self.norms.append(_norm(step))
        elif step.event is Event.EPOCH_END:
            every = max(1, self.job.recipe.epochs // CHECKPOINTS)
            if step.epoch % every == 0:
                self.scores[step.epoch] = judge(step.model, self.job, self.job.task.validation).error


def _norm(step: Step) -> float:
    grads = [p.grad for group in step.optimizer.param_groups for p in group["params"] if p.grad is not None]
    return float(torch.stack([g.detach().norm() for g in grads]).norm()) if grads else 0.0


def _gives_numbers(model: nn.Module, job: Job) -> bool:
    with evaluating(model), torch.random.fork_rng(devices=[]):
        return bool(torch.isfinite(model(job.sample)).all())


def judge(model: nn.Module, job: Job, rows: Dataset[Batch]) -> PartResult:
    """Loss and errors of a model on a part of the data, in evaluation mode."""
    seen = list(_seen(model, job, rows))
    total, weight = sum(each.loss * each.weight for each in seen), sum(each.weight for each in seen)
    loss = total / weight if weight else float("nan")
    if job.coding is Coding.TOKENS:  # batches differ in length, and what is judged is the tokens that count
        targets = torch.cat([each.targets[each.targets != IGNORED] for each in seen])
        units = _joined([errors(each.outputs, each.targets, job.coding, 0.0) for each in seen])
    else:
        outputs, targets = (torch.cat(part) for part in zip(*[(e.outputs, e.targets) for e in seen], strict=True))
        units = errors(outputs, targets, job.coding, threshold_of(outputs, targets, job.task.loss))
    constant = constant_error(targets, job.coding)
    share = units.value / constant if constant > 0 else (0.0 if units.value == 0 else WORST)
    error = min(WORST, share) if np.isfinite(share) else WORST
    if job.coding is Coding.REAL:
        return PartResult(loss, error, units, constant)
    recalls, balanced = _by_class(units, class_numbers(targets, job.coding), job.coding)
    return PartResult(loss, error, units, constant, balanced, recalls)


@dataclass(frozen=True, eq=False)
class _Seen:
    """One batch: what the model made of it, and the mean loss with what it counts for (rows, or tokens)."""

    outputs: Tensor
    targets: Tensor
    loss: float
    weight: float


def _seen(model: nn.Module, job: Job, rows: Dataset[Batch]) -> Iterator[_Seen]:
    count = 0
    tokens = job.coding is Coding.TOKENS
    with evaluating(model), torch.random.fork_rng(devices=[]):
        for inputs, targets in loader(rows, BATCH // 8 if tokens else BATCH):
            found = model(inputs)
            weight = float((targets != IGNORED).sum()) if tokens else float(len(targets))
            yield _Seen(found, targets, _loss(job, found, targets) if weight else 0.0, weight)
            count += len(targets)
            if count >= JUDGED:
                return


def _joined(parts: Sequence[UnitScores]) -> UnitScores:
    return UnitScores(*(np.concatenate([getattr(each, name) for each in parts]) for name in ("sums", "weights")))


def _loss(job: Job, outputs: Tensor, targets: Tensor) -> float:
    """The loss, or nan where it refuses the outputs (a probability that is no number)."""
    try:
        return float(job.task.loss(outputs, targets))
    except (RuntimeError, ValueError):
        return float("nan")


def _by_class(units: UnitScores, truth: Tensor, coding: Coding) -> tuple[tuple[float, ...], float]:
    """Recall of each class, and the mean error over classes as a share of what guessing gives."""
    if coding is Coding.MULTI_LABEL or coding is Coding.TOKENS or truth.ndim > 1:
        return (float("nan"),), float("nan")
    wrong = units.sums / np.maximum(units.weights, 1e-12)
    found = [1 - float(wrong[(truth == k).numpy()].mean()) for k in truth.unique().tolist()]
    guessing = 1 - 1 / max(2, len(found))
    return tuple(found), (1 - float(np.mean(found))) / guessing

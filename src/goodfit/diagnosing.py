"""`goodfit.diagnose`: why a training does not fit, asked by experiments on the person's own model and data."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from goodfit import treating
from goodfit.asking import Budget, budget_of, read, seconds_left, seeds_of, training, unchanged
from goodfit.core.card import UNDETERMINED
from goodfit.core.errors import SettingsError
from goodfit.core.evidence import Cost, Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Inquiry, Unheard
from goodfit.guide import diagnosis as guide
from goodfit.guide.experiments import Allowance, OutOfBudget
from goodfit.intake import OPTIONAL, REQUIRED


def diagnose(
    *,
    model: Callable[[], nn.Module],
    loss: Callable[..., torch.Tensor],
    optimizer: Callable[..., torch.optim.Optimizer],
    train: Dataset[Any],
    val: Dataset[Any],
    batch_size: int,
    epochs: int,
    shuffle: bool,
    task: str,
    test: Dataset[Any] | None = None,
    scheduler: Callable[..., Any] | None = None,
    budget: str | float | None = None,
    seeds: int | Sequence[int] | None = None,
    engine: Executor | str | None = None,
    progress: Inquiry | None = None,
) -> Diagnosis:
    """Say why a network does not fit: the training is repeated with one thing changed at a time.

    ``model()`` returns a fresh module, ``loss(outputs, targets)`` one number, ``optimizer(parameters)`` a torch
    optimiser, ``scheduler(optimizer)`` a schedule that is stepped once a batch. ``train``, ``val`` and ``test`` are
    data sets with a length, of rows ``(input, target)``. ``task`` is 'classification', 'regression' or
    'sequence_labelling' (outputs (batch, classes, length), targets (batch, length), -100 where none counts).

    ``budget`` bounds the cost: ``'10x'`` ten trainings, ``'5m'`` five minutes, ``'10x,5m'`` whichever ends first, a
    number means trainings; 16 trainings where nothing is said. ``seeds`` are the paired seeds of the experiments, or
    how many. ``engine`` will be the executor that runs them; for now they run one after another in this process
    (None or 'local'). ``progress`` is told of each question. The diagnosis remembers its experiments, so that its
    `treat` can go on from them.

    Nothing that belongs to the caller is changed: modules, data sets, random numbers, threads, files.

    Raises `SettingsError`, `DataError` or `TrainingError`, each a sentence on what to mend.
    """
    names = {*REQUIRED, *OPTIONAL}
    given = {key: value for key, value in locals().items() if key in names and value is not None}
    return diagnose_mapping(given, budget=budget, seeds=seeds, engine=engine, progress=progress)


def diagnose_mapping(
    given: Mapping[str, Any],
    *,
    budget: str | float | None = None,
    seeds: int | Sequence[int] | None = None,
    engine: Executor | str | None = None,
    progress: Inquiry | None = None,
) -> Diagnosis:
    """`diagnose` for a job that comes as one mapping, as a job file returns it."""
    began = time.monotonic()
    allowed, paired = budget_of(budget), seeds_of(seeds)
    _check_engine(engine)
    inquiry = progress or Unheard()
    with unchanged(given):
        job = read(given, inquiry)
        with training(job):
            return _asked(given, job, allowed, began, paired, inquiry)


def _asked(
    given: Mapping[str, Any], job: Job, allowed: Budget, began: float, seeds: tuple[int, ...], inquiry: Inquiry
) -> Diagnosis:
    """The verdict, with a way to go on from it."""
    allowance = Allowance(allowed.trainings, seconds_left(allowed, began))
    known: list[guide.Asked] | None = None
    try:
        known = guide.examine(job, allowance, seeds, inquiry)
        found = guide.concluded(known, allowance)
    except OutOfBudget as error:
        sentence = f"Undetermined: the budget ended before the first training did ({error})."
        found = Diagnosis(UNDETERMINED, sentence, (), cost=Cost(0.0, time.monotonic() - began, 0))
    if found.cause == UNDETERMINED:
        known = None  # a larger budget may find what this one did not
    return replace(found, _treat=partial(treating.treat_further, given, job, known, seeds))


def _check_engine(engine: Executor | str | None) -> None:
    if engine not in (None, "local"):
        shown = repr(engine) if isinstance(engine, str) else type(engine).__name__
        raise SettingsError(
            f"The 'engine' must be None or 'local': experiments run in this process. Got {shown} instead"
        )

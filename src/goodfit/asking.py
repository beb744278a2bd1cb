"""What `diagnose` and `treat` share: budget and seeds as a person gives them, reading the job, and leaving no trace."""

from __future__ import annotations

import math
import site
import sysconfig
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from goodfit.core.configuration import parse_duration
from goodfit.core.errors import DataError, GoodfitError, SettingsError, TrainingError
from goodfit.core.job import Job
from goodfit.core.progress import Inquiry
from goodfit.core.runtime import cores, preserved_rng, threads
from goodfit.guide.experiments import OutOfBudget
from goodfit.intake import as_typed, read_job

TRAININGS = 16.0
"""Trainings a diagnosis may take where nothing is said."""
SEEDS = (0, 1, 2)
LARGE_BATCH = 50_000
"""Numbers in a batch of inputs from which a second thread brings more than it costs; with fewer, threads wait for
each other. A rule by size and not by trial, so that the same job gives the same verdict."""
LEAST_SECONDS = 0.1
OURS = Path(__file__).resolve().parent
LIBRARIES = tuple({*site.getsitepackages(), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")})


@dataclass(frozen=True)
class Budget:
    """What a diagnosis may cost: trainings of the job's own length, and seconds."""

    trainings: float = TRAININGS
    seconds: float | None = None


def budget_of(given: str | float | None, usual: float = TRAININGS) -> Budget:
    """``'10x'``, ``'5m'``, ``'10x,5m'`` or a number of trainings, as a `Budget`; ``usual`` where nothing is said."""
    if given is None:
        return Budget(usual)
    if isinstance(given, int | float) and not isinstance(given, bool):
        return Budget(_trainings(float(given), given))
    if not isinstance(given, str):
        raise _wrong_budget(given)
    trainings: float | None = None
    seconds: float | None = None
    for part in (each.strip() for each in given.split(",")):
        if part[-1:] in ("x", "X") and trainings is None:
            trainings = _trainings(_number(part[:-1], given), given)
        elif seconds is None and part[-1:] not in ("x", "X"):
            seconds = _seconds(part, given)
        else:
            raise _wrong_budget(given)
    return Budget(trainings if trainings is not None else math.inf if seconds else usual, seconds)


def seeds_of(given: int | Sequence[int] | None) -> tuple[int, ...]:
    """The seeds themselves, or the first so many."""
    if given is None:
        return SEEDS
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return tuple(range(given))
    if isinstance(given, Sequence) and given and all(_is_seed(each) for each in given):
        found = tuple(given)
        if len(set(found)) == len(found):
            return found
    must = "a number of seeds from 1, or a sequence of different whole numbers from 0"
    raise SettingsError(f"The 'seeds' must be {must}. Got {given!r} instead")


def _is_seed(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**32


def threads_for(job: Job) -> int:
    """One thread for small batches of inputs, one for each core for large ones."""
    numbers = job.recipe.batch_size * max(1, math.prod(job.sample.shape[1:]))
    return cores() if numbers >= LARGE_BATCH else 1


def seconds_left(allowed: Budget, began: float) -> float | None:
    """What is left of the budget's seconds for trainings; ``began`` is a moment of `time.monotonic`."""
    return None if allowed.seconds is None else max(LEAST_SECONDS, allowed.seconds - (time.monotonic() - began))


@contextmanager
def unchanged(given: Mapping[str, Any]) -> Iterator[None]:
    """Whatever happens inside, the caller's random numbers, warnings and loss are as they were afterwards."""
    with preserved_rng(), _silent(), _untouched(given.get("loss")):
        yield


def read(given: Mapping[str, Any], inquiry: Inquiry) -> Job:
    """The job of a mapping, and what was read told to ``inquiry``."""
    inquiry.asking("can the job be read?")
    with _blamed(DataError, "The job cannot be read"):
        job = read_job(given)
    rows = [len(part) for part in (job.task.train, job.task.validation)]  # type: ignore[arg-type]
    inquiry.found(f"{rows[0]:,} training and {rows[1]:,} validation rows, targets are {job.coding.value}")
    return job


@contextmanager
def training(job: Job) -> Iterator[None]:
    """Threads as the job wants them; what the person's own code raises is one sentence."""
    with threads(threads_for(job)), _blamed(TrainingError, "The training failed"):
        yield


@contextmanager
def _silent() -> Iterator[None]:
    """Warnings of the person's code are theirs to read when they train, not hundreds of times here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _untouched(loss: Any) -> Iterator[None]:
    """The loss is the one object of the person's that every training shares; a module may hold state."""
    if not isinstance(loss, nn.Module):
        yield
        return
    state = {name: value.detach().clone() for name, value in loss.state_dict().items()}
    grads = [(each, each.grad) for each in loss.parameters()]
    modes = [(module, module.training) for module in loss.modules()]
    for each, _ in grads:
        each.grad = None
    try:
        yield
    finally:
        loss.load_state_dict(state)
        for each, grad in grads:
            each.grad = grad
        for module, training in modes:
            module.training = training


@contextmanager
def _blamed(kind: type[GoodfitError], what: str) -> Iterator[None]:
    """An exception out of the person's own code, as one sentence with the file and line; a bug of ours stays one."""
    try:
        yield
    except (GoodfitError, OutOfBudget):
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        if frames and Path(frames[-1].filename).is_relative_to(OURS):
            raise
        theirs = [frame for frame in frames if not _is_library(frame.filename)]
        where = f"{as_typed(theirs[-1].filename)}, line {theirs[-1].lineno}" if theirs else ""
        lines = str(error).strip().splitlines()
        said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        raise kind(f"{what}: {said}", "Mend the job first.", where=where) from error


def _is_library(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(OURS) or any(path.is_relative_to(folder) for folder in LIBRARIES)


def _number(text: str, given: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise _wrong_budget(given) from None


def _trainings(value: float, given: Any) -> float:
    if not (math.isfinite(value) and value >= 1):
        raise _wrong_budget(given)
    return value


def _seconds(text: str, given: Any) -> float:
    try:
        return parse_duration(text)
    except SettingsError:
        raise _wrong_budget(given) from None


def _wrong_budget(given: Any) -> SettingsError:
    must = "trainings such as '10x' (at least 1x), a duration such as '5m', or both: '10x,5m'"
    return SettingsError(f"The 'budget' must be {must}. Got {given!r} instead")

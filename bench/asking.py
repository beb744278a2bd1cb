"""Diagnoses for benchmarks: one job at a time or in several processes, and none that fails stops the others."""

from __future__ import annotations

import multiprocessing
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any

import goodfit
from bench.scoring import Outcome, outcome
from goodfit.core.runtime import preserved_rng
from goodfit.intake import load_job

Job = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """A job to be made by ``make(*arguments)``, which other processes can import, and what is known of it.

    Of this only the job itself is seen by the diagnosis.
    """

    name: str
    truth: tuple[str, ...]
    make: Callable[..., Job]
    arguments: tuple[Any, ...] = ()
    trainings: float = 16.0


def answer(question: Question) -> Outcome:
    """The outcome; an exception is noted in it."""
    began = time.monotonic()
    try:
        with warnings.catch_warnings(), preserved_rng():
            warnings.simplefilter("ignore")
            job = question.make(*question.arguments)
            began = time.monotonic()
            found = goodfit.diagnose(**job, budget=question.trainings)
    except Exception as error:
        return failed(question, error, time.monotonic() - began)
    return replace(outcome(question.name, question.truth, found), seconds=time.monotonic() - began)


def failed(question: Question, error: BaseException, seconds: float) -> Outcome:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename.rsplit('/', 1)[-1]}, line {frames[-1].lineno})" if frames else ""
    said = (str(error).strip().splitlines() or [""])[0]
    text = f"{type(error).__name__}: {said}{where}"
    return Outcome(question.name, question.truth, None, seconds=seconds, error=text)


def answers(questions: Sequence[Question], processes: int = 1) -> Iterator[Outcome]:
    """Outcomes as they come; with one process in the given order."""
    if processes <= 1:
        yield from map(answer, questions)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(answer, question): question for question in questions}
        for future in as_completed(running):
            error = future.exception()
            yield future.result() if error is None else failed(running[future], error, float("nan"))


def from_file(path: str, function: str) -> Job:
    return load_job(f"{path}:{function}")


def told(found: Outcome) -> str:
    """One line of progress."""
    verdict = f"error: {found.error}" if found.error else " then ".join([str(found.cause), *found.further])
    cost = f"{found.trainings:.1f} trainings, {found.seconds:.1f} s"
    return f"{found.name}: {', '.join(found.truth)} -> {verdict} ({cost})"

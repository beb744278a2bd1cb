"""`goodfit diagnose`: why a person's own training does not fit. `goodfit guide`: the questions that are asked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodfit.cli import verdicts
from goodfit.cli.console import SCHEMA, out, write_json
from goodfit.cli.inquiry import listener
from goodfit.cli.options import JSON_HELP, AsJson
from goodfit.core.card import HEALTHY, UNDETERMINED
from goodfit.core.errors import NotFoundError, SettingsError, did_you_mean
from goodfit.ledger import write_atomically

if TYPE_CHECKING:
    from goodfit.core.evidence import Diagnosis
    from goodfit.core.progress import Inquiry

FAILURES = ("problem",)
FOUND = 1
"""Exit code where a cause was found and ``--fail-on problem`` asked for one."""

Job = Annotated[
    str,
    typer.Argument(
        metavar="JOB.py[:FUNCTION]", help="File with a function (job or case) that returns the job's parts."
    ),
]
Budget = Annotated[
    str | None, typer.Option("--budget", metavar="10x|5m", help="Trainings, time, or both as 10x,5m (16x).")
]
Seeds = Annotated[int | None, typer.Option("--seeds", metavar="N", help="Paired seeds of each experiment (3).")]
FailOn = Annotated[
    str | None, typer.Option("--fail-on", metavar="problem", help="Exit code 1 where a cause was found.")
]
Page = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the diagnosis as one HTML page.")]
Json_ = Annotated[bool, typer.Option("--json", metavar="", help=JSON_HELP)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="No progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", metavar="", help="A line for each question; tracebacks.")]


def diagnose(
    job: Job,
    budget: Budget = None,
    seeds: Seeds = None,
    fail_on: FailOn = None,
    report: Page = None,
    as_json: Json_ = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say why a training does not fit, and what mends it.

    goodfit diagnose job.py --budget 5m
    """
    check_failure(fail_on)
    check_file(report, "--report")
    # What a person's own code prints would spoil the result on stdout.
    with redirect_stdout(sys.stderr), listener(quiet=quiet, verbose=verbose) as inquiry:
        found = execute(job, budget, seeds, inquiry)
    document = {"schema": SCHEMA, "job": job, **found.to_json(), "report": str(report) if report else None}
    document["next"] = _next(document, budget)
    if report is not None:
        _write_report(report, found, job, budget)
    if as_json:
        write_json(document)
    else:
        verdicts.verdict(out(), document)
    if fail_on is not None and is_left(document):
        raise typer.Exit(FOUND)


def guide(as_json: AsJson = False) -> None:
    """Show the guide: the questions a diagnosis asks, and the causes each answer leads to."""
    from goodfit.guide.tree import CAUSES_AT, LEAVES, TREE

    questions = [
        {"name": each.name, "asks": each.asks, "judged_by": each.judged_by, "branches": dict(each.branches)}
        for each in TREE
    ]
    leaves = {name: {"sentence": text, "causes": list(CAUSES_AT.get(name, ()))} for name, text in LEAVES.items()}
    if as_json:
        write_json({"schema": SCHEMA, "questions": questions, "leaves": leaves})
    else:
        verdicts.guide(out(), questions, leaves)


def execute(job: str, budget: str | None, seeds: int | None, inquiry: Inquiry) -> Diagnosis:
    """The diagnosis. torch is imported here, after everything that can be said without it."""
    check_job(job)
    inquiry.asking("starting")
    from goodfit.asking import budget_of, seeds_of
    from goodfit.diagnosing import diagnose_mapping
    from goodfit.intake import load_job

    budget_of(budget), seeds_of(seeds)  # said before a person's file is run
    return diagnose_mapping(load_job(job), budget=budget, seeds=seeds, progress=inquiry)


def check_job(job: str) -> None:
    """Refuse a file that is not there before torch is imported."""
    file = job if Path(job).exists() else job.partition(":")[0]
    if not Path(file).is_file():
        raise NotFoundError(f"There is no file {file!r}", "Name a Python file: goodfit diagnose JOB.py.")


def check_failure(fail_on: str | None) -> None:
    if fail_on is not None and fail_on not in FAILURES:
        must = "must be 'problem'"
        raise SettingsError(f"--fail-on {must}. Got {fail_on!r} instead", did_you_mean(fail_on, FAILURES))


def check_file(file: Path | None, option: str) -> None:
    """Refuse a place that cannot be written before hours of work go into it."""
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        problem = "It is a folder" if file.is_dir() else f"There is no folder {str(file.parent)!r}"
        raise SettingsError(problem, f"Name a file for {option}.", where=str(file))


def is_left(document: Mapping[str, Any]) -> bool:
    """Whether a document names a cause."""
    return document["cause"] not in (HEALTHY, UNDETERMINED)


def _next(document: Mapping[str, Any], budget: str | None) -> list[str]:
    if document["cause"] == HEALTHY:
        return []
    if document["cause"] == UNDETERMINED:
        more = "32x" if budget is None else "32x" if "x" not in budget else "64x"
        return [f"goodfit diagnose {shlex.quote(document['job'])} --budget {more}", "goodfit guide"]
    return [f"goodfit explain {document['cause']}"]


def _write_report(report: Path, found: Diagnosis, job: str, budget: str | None) -> None:
    from goodfit.report.verdicts import render

    command = f"goodfit diagnose {shlex.quote(job)}" + (f" --budget {budget}" if budget else "")
    write_atomically(report, render(found, Path(job.partition(":")[0]).name, command))

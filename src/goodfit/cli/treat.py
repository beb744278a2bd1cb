"""`goodfit treat`: mend a person's own training, and show what it took and what it did."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodfit.cli import mended
from goodfit.cli.console import SCHEMA, out, write_json
from goodfit.cli.diagnose import (
    FOUND,
    FailOn,
    Job,
    Json_,
    Quiet,
    Seeds,
    Verbose,
    check_failure,
    check_file,
    check_job,
    is_left,
)
from goodfit.cli.inquiry import listener
from goodfit.core.card import HEALTHY, UNDETERMINED
from goodfit.ledger import write_atomically

if TYPE_CHECKING:
    from goodfit.core.progress import Inquiry
    from goodfit.core.treatment import Treatment

MORE = "300x"
"""The budget that is proposed where one ended."""

Budget = Annotated[
    str | None, typer.Option("--budget", metavar="60x|5m", help="Trainings, time, or both as 60x,5m (96x).")
]
Page = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write it all as one HTML page.")]
Patch = Annotated[Path | None, typer.Option("--patch", metavar="FILE", help="Write the changes to make, with code.")]
Save = Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Write the mended weights (safetensors).")]


def treat(
    job: Job,
    budget: Budget = None,
    seeds: Seeds = None,
    fail_on: FailOn = None,
    report: Page = None,
    patch: Patch = None,
    save: Save = None,
    as_json: Json_ = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Mend a training that does not fit, and prove it.

    goodfit treat job.py --patch changes.txt
    """
    check_failure(fail_on)
    files = {"report": report, "patch": patch, "save": save}
    for name, file in files.items():
        check_file(file, f"--{name}")
    # What a person's own code prints would spoil the result on stdout.
    with redirect_stdout(sys.stderr), listener(quiet=quiet, verbose=verbose) as inquiry:
        found = execute(job, budget, seeds, inquiry)
        _write(found, job, budget, files)
    document = {"schema": SCHEMA, "job": job, **found.to_json()}
    document["files"] = {name: str(file) if file else None for name, file in files.items()}
    document["next"] = _next(document)
    if as_json:
        write_json(document)
    else:
        mended.treatment(out(), document)
    if fail_on is not None and is_left(document):
        raise typer.Exit(FOUND)


def execute(job: str, budget: str | None, seeds: int | None, inquiry: Inquiry) -> Treatment:
    """The treatment. torch is imported here, after everything that can be said without it."""
    check_job(job)
    inquiry.asking("starting")
    from goodfit.intake import load_job
    from goodfit.treating import check_wishes, treat_mapping

    check_wishes(budget, seeds)  # said before a person's file is run
    return treat_mapping(load_job(job), budget=budget, seeds=seeds, progress=inquiry)


def _write(found: Treatment, job: str, budget: str | None, files: Mapping[str, Path | None]) -> None:
    if (report := files["report"]) is not None:
        from goodfit.report.verdicts import render

        command = f"goodfit treat {shlex.quote(job)}" + (f" --budget {budget}" if budget else "")
        write_atomically(report, render(found.diagnosis, Path(job.partition(":")[0]).name, command, found))
    if (patch := files["patch"]) is not None:
        write_atomically(patch, found.patch())
    if (weights := files["save"]) is not None and found.model is not None:
        from safetensors.torch import save

        # Cloned, because safetensors refuses two names of one tensor.
        state = {name: value.detach().clone().contiguous() for name, value in found.model.state_dict().items()}
        write_atomically(weights, save(state))


def _next(document: Mapping[str, Any]) -> list[str]:
    job, found = shlex.quote(document["job"]), document["diagnosis"]["cause"]
    proposed = []
    if document["applied"] and document["files"]["patch"] is None:
        proposed.append(f"goodfit treat {job} --patch changes.txt")
    if document["cause"] == UNDETERMINED:
        proposed.append(f"goodfit treat {job} --budget {MORE}")
    elif document["cause"] != HEALTHY:
        proposed.append(f"goodfit explain {document['cause']}")
    if found not in (HEALTHY, UNDETERMINED, document["cause"]):
        proposed.append(f"goodfit explain {found}")
    return proposed

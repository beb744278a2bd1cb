"""`goodfit runs` and `goodfit show`: what the ledger knows. Neither imports torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli import render
from goodfit.cli.console import SCHEMA, out, say, write, write_json
from goodfit.cli.options import AsJson, Out
from goodfit.core.configuration import Given, dump_yaml, from_environment, merge
from goodfit.core.errors import NotFoundError
from goodfit.core.settings import Settings
from goodfit.ledger import FILE, Entry, Ledger, standing

Run = Annotated[str, typer.Argument(metavar="RUN", help="Its id, the beginning of its id, or 'latest'.")]
Model = Annotated[bool, typer.Option("--model", metavar="", help="Layers, output shapes, parameters, receptive field.")]
Patch = Annotated[bool, typer.Option("--patch", metavar="", help="The changes that mended it, in words and as code.")]
UNTREATED = "Nothing was changed in this run: no cause was named that a treatment could mend, or none was asked for.\n"
Config = Annotated[bool, typer.Option("--config", metavar="", help="The settings as YAML, enough to repeat the run.")]


def runs(directory: Out = None, as_json: AsJson = False) -> None:
    """List the runs, the newest first."""
    out_folder = folder(directory)
    found = [summary(entry) for entry in reversed(_entries(out_folder))]
    if as_json:
        write_json({"schema": SCHEMA, "runs": found})
    elif found:
        render.runs(out(), found)
    else:
        say(f"There are no runs in {out_folder} yet. Make one with `goodfit demo`.")


def show(
    run: Run = "latest",
    model: Model = False,
    config: Config = False,
    patch: Patch = False,
    directory: Out = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: scores, baselines, verdict, and where things are."""
    with Ledger(folder(directory), readonly=True) as ledger:
        entry = ledger.get(run)
    if config:
        write(dump_yaml(Settings.model_validate(entry.settings)))
    elif patch:
        write((_finished(entry).get("treatment") or {"patch": UNTREATED})["patch"])
    elif as_json:
        write_json(entry.result or {"schema": SCHEMA, **summary(entry)})
    elif model:
        render.layers(out(), _finished(entry))
    elif entry.result is None:
        render.unfinished(out(), summary(entry))
    else:
        render.facts(out(), entry.result["facts"])
        render.result(out(), entry.result)


def folder(directory: str | None) -> Path:
    """The folder of the runs: the option, else GOODFIT_OUT, else the default."""
    flag = [] if directory is None else [Given("out", directory, "--out")]
    named = [given for given in from_environment(os.environ) if given.key == "out"]
    return Path(merge(named, flag).out)


def summary(entry: Entry) -> dict[str, Any]:
    """A run in a few plain values."""
    return {
        "run": entry.id,
        "created": entry.created,
        "name": entry.name,
        "kind": entry.kind,
        "status": _status(entry),
        "outcome": entry.outcome,
        "score": entry.result["score"] if entry.result else None,
        "directory": str(entry.directory),
    }


def _entries(out_folder: Path) -> list[Entry]:
    if not (out_folder / FILE).exists():
        return []
    with Ledger(out_folder, readonly=True) as ledger:
        return ledger.runs()


def _status(entry: Entry) -> str:
    return standing(entry.status, entry.host, entry.pid)


def _finished(entry: Entry) -> Mapping[str, Any]:
    if entry.result is None:
        raise NotFoundError(
            f"The run {entry.id} has no result: it is {_status(entry)}", "Choose another: goodfit runs."
        )
    return entry.result

"""`goodfit run` and `goodfit demo`: from a file to a model, scores and a report."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodfit.cli import render
from goodfit.cli.console import messages, out, write, write_json
from goodfit.cli.options import RunOptions
from goodfit.cli.progress import reporter
from goodfit.cli.serve import page_beside
from goodfit.core.configuration import Given, dump_yaml, from_environment, from_file, merge
from goodfit.core.errors import SettingsError

if TYPE_CHECKING:
    from goodfit.core.progress import Progress
    from goodfit.core.settings import Settings

DEMOS = ("views", "digits", "tags", "table")
DEMO_PATH = "demo:"
"""``data.path: demo:views`` in a saved config stands for data that come with goodfit."""

Data = Annotated[str | None, typer.Argument(metavar="DATA", help="File or folder with the data.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar=f"[{'|'.join(DEMOS)}]", help="Which data.", show_default="views")]


def run(data: Data = None, options: RunOptions = RunOptions()) -> None:  # noqa: B008
    """Train a network on DATA and say how well it fits.

    goodfit run views.csv --target views
    """
    _work(data, options)


def demo(name: Name = "views", options: RunOptions = RunOptions()) -> None:  # noqa: B008
    """Do the same on data that come with goodfit.

    views: a daily series. digits: small pictures. tags: a word class for each word. table: numbers about tumours.
    """
    _work(DEMO_PATH + name, options)


def _work(data: str | None, options: RunOptions) -> None:
    began = time.monotonic()
    file = [] if options.config is None else from_file(options.config)
    named = [] if data is None else [Given("data.path", data, "DATA")]
    layers = (file, from_environment(os.environ), named, list(options.given()))
    settings = merge(*layers)
    path = settings.data.path
    if path is not None and path.startswith(DEMO_PATH):
        from goodfit.data import demos

        demo = demos.named(path)
        settings = merge(*([demo.given] if demo else []), *layers)
    if options.print_config:
        write(dump_yaml(settings))
    elif path is None:
        raise SettingsError("There are no data to train on", "Name a file or folder: goodfit run DATA --target COL.")
    else:
        with page_beside(Path(settings.out), wanted=options.live, quiet=options.quiet):
            _train(settings, options, began)


def _train(settings: Settings, options: RunOptions, began: float) -> None:
    def tell(facts: Mapping[str, str]) -> None:
        if not options.as_json:
            render.facts(out(), facts)
        elif not options.quiet:
            render.facts(messages(), facts)

    with warnings.catch_warnings(), reporter(tell, quiet=options.quiet, verbose=options.verbose) as progress:
        if not options.verbose:
            warnings.simplefilter("ignore")
        document = (tabulate if options.table else execute)(settings, progress, began)
    if options.as_json:
        write_json(document)
    elif options.table:
        render.histories(out(), document)
    else:
        render.result(out(), document)


def execute(settings: Settings, progress: Progress, began: float) -> Mapping[str, Any]:
    """The run's document. torch is imported here, after everything that can be said without it."""
    progress.stage("starting")
    from goodfit.api import execute as work

    return work(settings, None, progress, began=began).document


def tabulate(settings: Settings, progress: Progress, began: float) -> Mapping[str, Any]:
    """The document of the table of histories."""
    progress.stage("starting")
    from goodfit.history import history_table

    return history_table(settings, None, progress, began=began).document

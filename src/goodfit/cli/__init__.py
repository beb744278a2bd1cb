"""The command line. What only reads (``--help``, ``runs``, ``show``, ``serve``, ``explain``, ``init``) has no torch."""

from __future__ import annotations

from typing import Annotated

import typer

from goodfit import __version__
from goodfit.cli import diagnose, doctor, explain, init, run, serve, show, treat
from goodfit.cli.failures import guarded
from goodfit.cli.options import with_run_options

app = typer.Typer(
    name="goodfit",
    help="Find out why a neural network does not fit, and make it fit.",
    epilog="Begin with: goodfit demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"goodfit {__version__}")
        raise typer.Exit


@app.callback()
def goodfit(
    version: Annotated[
        bool,
        typer.Option("--version", metavar="", help="Print the version and stop.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Find out why a neural network does not fit, and make it fit."""


COMMANDS = (
    with_run_options(run.run),
    with_run_options(run.demo),
    diagnose.diagnose,
    treat.treat,
    diagnose.guide,
    show.runs,
    show.show,
    serve.serve,
    explain.explain,
    doctor.doctor,
    init.init,
)
for command in COMMANDS:
    app.command()(guarded(command))


def main() -> None:
    """The console script ``goodfit``."""
    app(prog_name="goodfit")

"""What a person sees when something goes wrong, and the exit code. ``docs/cli.md`` lists the codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from io import TextIOWrapper
from typing import Any

import typer

from goodfit.cli.console import SCHEMA, say, write_json
from goodfit.core.errors import GoodfitError

USAGE = 2
TRAINING = 3
BUG = 70
INTERRUPTED = 130
CLOSED_PIPE = 141

Command = Callable[..., None]


def guarded(command: Command) -> Command:
    """The command, with every failure as one line on stderr and an exit code; under --json as a document too."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        _open_streams()
        _lenient_encoding()
        try:
            command(*args, **options)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):
            raise
        except BrokenPipeError:
            # Who reads our output has seen enough (head, a pager that was closed).
            _abandon_stdout()
            raise typer.Exit(CLOSED_PIPE) from None
        except (Exception, KeyboardInterrupt) as error:
            code = _report(error, as_json=options.get("as_json", False), verbose=options.get("verbose", False))
            raise typer.Exit(code) from None

    return run


def _report(error: BaseException, *, as_json: bool, verbose: bool) -> int:
    code, sentence, parts = _explained(error)
    if verbose and not isinstance(error, GoodfitError):
        traceback.print_exception(error)
    say(sentence, label="" if code == INTERRUPTED else "error: ")
    try:
        if as_json:
            kind = "Interrupted" if code == INTERRUPTED else type(error).__name__
            write_json({"schema": SCHEMA, "error": {"kind": kind, "message": sentence, **parts, "exit_code": code}})
        sys.stdout.flush()
    except OSError:
        _abandon_stdout()
    return code


def _explained(error: BaseException) -> tuple[int, str, dict[str, str]]:
    """Exit code, sentence, and the sentence's parts."""
    match error:
        case GoodfitError():
            return error.exit_code, str(error), _parts(error.problem, error.repair, error.where)
        case KeyboardInterrupt():
            return INTERRUPTED, "stopped", _parts("stopped")
        case MemoryError():
            problem, repair = "There is not enough memory", "Use fewer rows, or a smaller model or batch (--set)."
            return TRAINING, f"{problem}. {repair}", _parts(problem, repair)
        case OSError() if error.strerror:
            where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
            sentence = f"{where}: {error.strerror}." if where else f"{error.strerror}."
            return USAGE, sentence, _parts(error.strerror, "", where)
    problem = f"This is a bug in goodfit: {type(error).__name__}: {error}"
    repair = "Please report it, with what the same command prints under -v."
    return BUG, f"{problem.rstrip('.')}. {repair}", _parts(problem, repair)


def _parts(problem: str, repair: str = "", where: str = "") -> dict[str, str]:
    return {"where": where, "problem": problem, "repair": repair}


def _open_streams() -> None:
    """A stream that the shell has closed (``>&-``) is None in Python; what is written to it is lost, and no error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _lenient_encoding() -> None:
    """A name that the terminal's encoding does not have is shown with question marks instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _abandon_stdout() -> None:
    """Nothing can be written any more; Python would say so again when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

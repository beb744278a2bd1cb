"""`goodfit serve`: the runs of a folder as live pages. Does not import torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodfit.cli.console import messages, on_terminal, say
from goodfit.cli.show import folder
from goodfit.core.errors import SettingsError

if TYPE_CHECKING:
    from subprocess import Popen

POLL_SECONDS = 0.2

Dir = Annotated[str | None, typer.Argument(metavar="[DIR]", help="Folder of the runs.", show_default="goodfit_runs")]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to serve at.")]
Port = Annotated[int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Port (8421, or a free one).")]
Public = Annotated[bool, typer.Option("--public", metavar="", help="Let other machines read the runs.")]
Browser = Annotated[bool, typer.Option("--open", metavar="", help="Open the page in a browser.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Do not print the address.")]


def serve(
    directory: Dir = None,
    host: Host = "127.0.0.1",
    port: Port = None,
    public: Public = False,
    browser: Browser = False,
    quiet: Quiet = False,
) -> None:
    """Show the runs as live pages in a browser, on this machine alone.

    goodfit serve
    """
    from goodfit.live.server import Address, listening, new_token, url
    from goodfit.live.server import serve as answer

    out, address, token = folder(directory), Address(host, port, public), new_token()
    check_there(out, directory)
    sock = listening(address)
    place = url(address, sock.getsockname()[1], token if public else "")
    if not quiet:
        say(f"{out} is shown at {place}", style="bold")
        say("Ctrl-C ends it." if not public else "Whoever reaches this machine can read it. Ctrl-C ends it.")
    if browser:
        typer.launch(place)
    answer(out, address, sock, token)


def check_there(out: Path, named: str | None) -> None:
    """A folder that was named and is not there is a slip; the usual one may come with the first run."""
    problem = "There is no such folder" if named is not None and not out.exists() else ""
    if out.exists() and not out.is_dir():
        problem = "This is no folder"
    if problem:
        raise SettingsError(problem, "Name the folder of the runs: goodfit serve DIR.", where=str(out))


@contextmanager
def page_beside(out: Path, *, wanted: bool, quiet: bool) -> Iterator[None]:
    """The live page while a run goes on and, on a terminal, until Ctrl-C after it."""
    if not wanted:
        yield
        return
    from goodfit.live.server import beside

    with beside(out) as (place, process):
        say(f"live at {place}", style="bold")
        yield
        if on_terminal() and not quiet:
            _wait(place, process)


def _wait(place: str, process: Popen[bytes]) -> None:
    messages().print(f"The page stays at {place}. Ctrl-C ends it.", soft_wrap=True)
    try:
        # Not wait(): polars lets a system call go on where Ctrl-C would have ended it.
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say("")

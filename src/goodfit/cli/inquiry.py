"""How a diagnosis tells a person where it is, on stderr: `Watched` on a terminal, `Told` elsewhere, `Unwatched`."""

from __future__ import annotations

import time
from collections import deque
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from goodfit.cli.console import line, messages, on_terminal, say
from goodfit.report.words import duration, plain

LAST = 6
"""Answers that stay in sight."""


def listener(*, quiet: bool, verbose: bool) -> Unwatched | Told | Watched:
    """The inquiry that suits where stderr goes."""
    if quiet:
        return Unwatched()
    return Watched() if on_terminal() and not verbose else Told(verbose=verbose)


class Unwatched:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put away."""

    def asking(self, question: str) -> None:
        """Nothing."""

    def found(self, answer: str) -> None:
        """Nothing."""


class Told(Unwatched):
    """A line for each question and one for what it found; with ``verbose`` also how long it took."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose, self._began = verbose, time.monotonic()

    def asking(self, question: str) -> None:
        self._began = time.monotonic()
        say(question)

    def found(self, answer: str) -> None:
        took = f" ({duration(time.monotonic() - self._began)})" if self._verbose else ""
        say(f"  {answer}{took}", style="dim")


class Watched(Unwatched):
    """The question being asked under a spinner, with the last answers above it; it leaves nothing behind."""

    def __init__(self) -> None:
        self._answers: deque[Text] = deque(maxlen=LAST)
        self._question, self._began = "", time.monotonic()
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._shown, console=messages(), transient=True, refresh_per_second=10)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def asking(self, question: str) -> None:
        self._question = plain(question)

    def found(self, answer: str) -> None:
        mark = {"supports": "green", "contradicts": "dim"}.get(answer.split(":")[0], "")
        self._answers.append(Text.assemble(line(self._question, "dim"), "  ", line(answer, mark)))

    def _shown(self) -> Group:
        asked = f"{self._question} ({duration(time.monotonic() - self._began)})"
        self._spinner.update(text=line(asked))
        return Group(*self._answers, self._spinner)

"""How a run tells a person where it is, on stderr: `Live` on a terminal, `Lines` elsewhere, `Quiet`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from goodfit.cli.console import messages, on_terminal, say
from goodfit.core.step import Event, Step
from goodfit.report.words import duration, number, plain

Tell = Callable[[Mapping[str, str]], None]
"""Shows what was inferred."""
LINE_SECONDS = 5.0
REDRAW_SECONDS = 0.1
WATCHED = frozenset({Event.FIT_START, Event.UPDATE, Event.EPOCH_END})


def reporter(tell: Tell, *, quiet: bool, verbose: bool) -> Quiet | Lines | Live:
    """The progress that suits where stderr goes."""
    if quiet:
        return Quiet(tell)
    return Live(tell) if on_terminal() and not verbose else Lines(tell, verbose=verbose)


class Quiet:
    """Shows nothing but what was inferred, which is part of the result."""

    events: frozenset[Event] = frozenset()

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put away."""

    def stage(self, doing: str) -> None:
        """Nothing."""

    def inferred(self, facts: Mapping[str, str]) -> None:
        self._tell(facts)

    def __call__(self, step: Step) -> None:
        """Nothing."""


class Lines:
    """A line for each stage, and one every few seconds (with ``verbose``, every epoch) while training."""

    events = WATCHED

    def __init__(self, tell: Tell, *, verbose: bool = False) -> None:
        self._tell, self._verbose = tell, verbose
        self._stage, self._stage_began = "", 0.0
        self._began = self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_stage()

    def stage(self, doing: str) -> None:
        self._close_stage()
        self._stage, self._stage_began = doing, time.monotonic()
        say(doing)

    def inferred(self, facts: Mapping[str, str]) -> None:
        self._tell(facts)

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if step.event is Event.FIT_START:
            self._began = self._said = now
        elif now - self._said >= LINE_SECONDS or (self._verbose and step.event is Event.EPOCH_END):
            self._said = now
            say(f"  {moment(step, now - self._began)}")

    def _close_stage(self) -> None:
        if self._verbose and self._stage:
            say(f"  {self._stage}: {duration(time.monotonic() - self._stage_began)}", style="dim")
        self._stage = ""


class Live:
    """One line that moves: the stage; while training a bar with epoch, losses and the time left."""

    events = WATCHED

    def __init__(self, tell: Tell) -> None:
        self._tell, self._drawn = tell, 0.0
        self._began, self._losses = 0.0, ""
        doing, known = (TextColumn(each, markup=False) for each in ("{task.description}", "{task.fields[known]}"))
        columns = SpinnerColumn(), doing, BarColumn(bar_width=8), known
        self._progress = Progress(*columns, console=messages(), transient=True)
        self._task = self._progress.add_task("", total=None, known="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, doing: str) -> None:
        self._progress.reset(self._task, total=None, description=plain(doing), known="")

    def inferred(self, facts: Mapping[str, str]) -> None:
        self._progress.stop()  # stdout may be the same terminal
        self._tell(facts)
        self.stage("preparing")
        self._progress.start()

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if step.event is Event.FIT_START:
            self._began, self._losses = now, ""
            self._progress.reset(self._task, total=step.planned_updates)
        elif step.event is Event.EPOCH_END or now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            self._losses = losses(step) or self._losses
            known = _joined(self._losses, left(step, now - self._began))
            self._progress.update(self._task, completed=step.update, description=epoch(step), known=known)


def moment(step: Step, seconds: float) -> str:
    """``epoch 3 of 20, loss 0.51, validation 0.62, at most 12 s left``."""
    return _joined(epoch(step), losses(step), left(step, seconds))


def left(step: Step, seconds: float) -> str:
    """The time all planned epochs would still take; training may stop earlier."""
    if not step.planned_updates or not step.update:
        return ""
    return f"at most {duration(seconds / step.update * (step.planned_updates - step.update))} left"


def epoch(step: Step) -> str:
    """The epoch at work, or the one just done."""
    at_work = step.epoch if step.event is Event.EPOCH_END else step.epoch + 1
    return f"epoch {at_work}" + (f" of {step.planned_epochs}" if step.planned_epochs else "")


def losses(step: Step) -> str:
    """The losses of the epoch just done."""
    known = {"loss": step.train_loss, "validation": step.validation_loss}
    return _joined(*(f"{name} {number(value)}" for name, value in known.items() if value is not None))


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)

"""How a run tells where it is."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from typing import Any, cast

import pytest
from torch import nn
from torch.optim import Optimizer

from goodfit.cli import console, progress
from goodfit.cli.progress import Lines, Live, Quiet, moment, reporter
from goodfit.core.step import Event, Step

MODEL, OPTIMIZER = nn.Linear(1, 1), cast(Optimizer, None)


def step(event: Event, update: int = 0, epoch: int = 0, **known: Any) -> Step:
    planned = {"planned_updates": 100, "planned_epochs": 10}
    return Step(event, update, epoch, MODEL, OPTIMIZER, **{**planned, **known})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Told:
    def __init__(self) -> None:
        self.facts: list[Mapping[str, str]] = []

    def __call__(self, facts: Mapping[str, str]) -> None:
        self.facts.append(facts)


def test_lines_come_every_few_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Told())
    with lines:
        lines.stage("training")
        lines(step(Event.FIT_START))
        for update in range(1, 101):
            clock[0] += 0.12
            lines(step(Event.UPDATE, update, (update - 1) // 10))
            if update % 10 == 0:
                lines(step(Event.EPOCH_END, update, update // 10, train_loss=0.5, validation_loss=0.625))
    assert capsys.readouterr().err.splitlines() == [
        "training",
        "  epoch 5 of 10, at most 7.0 s left",
        "  epoch 9 of 10, at most 1.9 s left",
    ]


def test_verbose_says_every_epoch(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Lines(Told(), verbose=True) as lines:
        lines.stage("training")
        lines(step(Event.FIT_START))
        for epoch in (1, 2):
            clock[0] += 1
            lines(step(Event.EPOCH_END, epoch * 10, epoch, train_loss=0.5, validation_loss=0.625))
    assert capsys.readouterr().err.splitlines() == [
        "training",
        "  epoch 1 of 10, loss 0.500, validation 0.625, at most 9.0 s left",
        "  epoch 2 of 10, loss 0.500, validation 0.625, at most 8.0 s left",
        "  training: 2.0 s",
    ]


def test_what_is_not_known_is_not_said() -> None:
    nothing = step(Event.UPDATE, 0, 3, planned_updates=None, planned_epochs=None)
    assert moment(nothing, 5.0) == "epoch 4"


def test_quiet_says_nothing_but_what_was_inferred(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    with Quiet(told) as quiet:
        quiet.stage("reading")
        quiet.inferred({"kind": "series"})
        quiet(step(Event.FIT_START))
    assert not quiet.events
    assert told.facts == [{"kind": "series"}]
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_moving_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    told = Told()
    with Live(told) as live:
        live.stage("reading [red]views[/red]\x07.csv")
        live._progress.refresh()
        live.inferred({"kind": "series"})
        live.stage("training")
        live(step(Event.FIT_START))
        clock[0] += 1
        live(step(Event.UPDATE, 7, 0))
        live(step(Event.EPOCH_END, 10, 1, train_loss=0.5, validation_loss=0.625))
        live._progress.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "reading [red]views[/red]\N{REPLACEMENT CHARACTER}.csv" in shown
    assert "epoch 1 of 10" in shown
    assert "loss 0.500, validation 0.625" in shown
    assert told.facts == [{"kind": "series"}]
    assert screen.getvalue().endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K")), "the line is cleared at the end"


@pytest.mark.parametrize(
    ("terminal", "environ", "quiet", "verbose", "kind"),
    [
        (True, {}, False, False, Live),
        (True, {"CI": "true"}, False, False, Lines),
        (True, {"TERM": "dumb"}, False, False, Lines),
        (True, {}, False, True, Lines),
        (True, {}, True, False, Quiet),
        (False, {}, False, False, Lines),
    ],
)
def test_which_one_is_chosen(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environ: dict[str, str], quiet: bool, verbose: bool, kind: type
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Terminal() if terminal else io.StringIO())
    assert type(reporter(Told(), quiet=quiet, verbose=verbose)) is kind


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for no_color in (False, True):
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        if no_color:
            monkeypatch.setenv("NO_COLOR", "1")
        console.say("no such file", label="error: ")
        assert ("31m" in screen.getvalue()) is not no_color
        assert re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()) == "error: no such file\n"

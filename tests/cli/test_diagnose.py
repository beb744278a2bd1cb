"""`goodfit diagnose` and `goodfit guide`: what is asked, what is written where, and the exit codes."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from goodfit.causes import CAUSES
from goodfit.cli import diagnose as command
from goodfit.cli import inquiry
from goodfit.cli.inquiry import Told, Unwatched, Watched, listener
from goodfit.core.errors import TrainingError
from goodfit.core.evidence import Answer, Cost, Diagnosis, Evidence, Reading, Treated
from goodfit.core.statistics import Estimate
from tests.cli.made import invoke

NAN = float("nan")
FOUND = Diagnosis(
    cause="learning_rate_too_high",
    sentence="Steps are so large that the loss swings.",
    path=(Answer("training loss", "large", "It is.", {"training error": 0.4}),),
    ranked=(
        Evidence(
            "learning_rate_too_high",
            "The errors fall.",
            ("rate x 0.1, seed 0",),
            Estimate(0.34, 0.28, 0.40),
            Reading.SUPPORTS,
            symptom=0.8,
            seen="rate 3 [red](SGD)[/red] <b>",
            change="Divide the learning rate by 10",
        ),
        Evidence("dead_units", "The errors fall.", (), Estimate(0.02, -0.05, 0.09), Reading.CONTRADICTS),
    ),
    not_asked={"overfitting": "there is no gap"},
    consequences={"vanishing_gradient": "gone once the rate is mended"},
    further=("too_few_epochs",),
    cost=Cost(4.0, 12.3, 5),
    treated=Treated(
        ("Divide the learning rate by 10",), ("optimizer.rate_factor",), (0.4, 0.38), (0.02, 0.04), 0.62, 0.96
    ),
)
HEALTHY = Diagnosis("healthy", "The network fits.", (), cost=Cost(1.0, 1.0, 1))
OPEN = Diagnosis("undetermined", "Undetermined: the budget ended.", (), cost=Cost(0.1, 60.0, 1))

JOB = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
print("a person's own words")
def job():
    import helper
    x = torch.randn(120, 3, generator=torch.Generator().manual_seed(0))
    rows = TensorDataset(x, x[:, :1])
    return dict(model=lambda: nn.Linear(3, 1), loss=nn.MSELoss(),
                optimizer=lambda p: torch.optim.SGD(p, lr=helper.RATE),
                train=rows, val=rows, batch_size=16, epochs=10, shuffle=True, task="regression")
def typo():
    return {**job(), "epoch": 3}
def failing():
    return {}["nothing"]
def crash():
    def loss(outputs, targets):
        if outputs.requires_grad:
            raise KeyError("in training")
        return ((outputs - targets) ** 2).mean()
    return {**job(), "loss": loss}
"""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "helper.py").write_text("RATE = 0.1\n")
    sys.modules.pop("helper", None)


def gives(monkeypatch: pytest.MonkeyPatch, found: Diagnosis | BaseException) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def execute(job: str, budget: str | None, seeds: int | None, heard: Any) -> Diagnosis:
        asked.append((job, budget, seeds))
        heard.asking("rate [red]x[/red] 0.1")
        heard.found("supports: error -34%")
        print("a person's own words")
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(command, "execute", execute)
    return asked


@pytest.mark.parametrize(
    "expected",
    [
        "learning_rate_too_high",
        "Steps are so large that the loss swings.",
        "Rate 3 [red](SGD)[/red]",
        "Divide the learning rate by 10",
        "validation 38 %",
        "score 0.620",
        "validation 4 %",
        "error -34 % [-40 %, -28 %]",
        "dead_units",
        "contradicts",
        "vanishing_gradient: gone once the rate is mended",
        "too_few_epochs (beside it, or on the mended job)",
        "training loss: large",
        "4 trainings' worth of work in 5 runs, 12 s",
        "goodfit explain learning_rate_too_high",
    ],
)
def test_the_card_is_on_stdout(monkeypatch: pytest.MonkeyPatch, expected: str) -> None:
    asked = gives(monkeypatch, FOUND)
    done = invoke("diagnose", "job.py", "--budget", "5m", "--seeds", "2")
    assert done.exit_code == 0
    assert asked == [("job.py", "5m", 2)]
    assert expected in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_progress_and_a_persons_own_words_are_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, FOUND)
    done = invoke("diagnose", "job.py", "--json")
    assert "rate [red]x[/red] 0.1\n  supports: error -34%\n" in done.stderr
    assert "a person's own words" in done.stderr
    found = json.loads(done.stdout)
    assert list(found)[:3] == ["schema", "job", "cause"]
    assert found["next"] == ["goodfit explain learning_rate_too_high"]
    assert found["ranked"][0]["effect"]["interval"] == [0.28, 0.4]
    assert "rate" not in invoke("diagnose", "job.py", "--json", "--quiet").stderr
    assert "(0.0 s)" in invoke("diagnose", "job.py", "-v").stderr


@pytest.mark.parametrize(("found", "code"), [(FOUND, 1), (HEALTHY, 0), (OPEN, 0), (TrainingError("It broke"), 3)])
def test_the_exit_code_under_fail_on(monkeypatch: pytest.MonkeyPatch, found: Any, code: int) -> None:
    gives(monkeypatch, found)
    done = invoke("diagnose", "job.py", "--fail-on", "problem", "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["schema"] == 1
    if not isinstance(found, Exception):
        assert invoke("diagnose", "job.py").exit_code == 0


def test_an_open_verdict_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, OPEN)
    assert "goodfit diagnose job.py --budget 32x" in invoke("diagnose", "job.py").stdout


def test_the_report_is_one_page_that_asks_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gives(monkeypatch, FOUND)
    done = invoke("diagnose", "job.py", "--report", "found.html")
    assert "found.html" in done.stdout
    page = (tmp_path / "found.html").read_text()
    for expected in (
        "Learning rate too high",
        "-34 % [-40 %, -28 %]",
        "dead_units",
        "There is no gap",
        'class="range"',
    ):
        assert expected in page
    assert "<b>" not in page.split("rate 3 [red]")[1][:40]
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script" not in page
    for each in (HEALTHY, OPEN):
        gives(monkeypatch, each)
        assert invoke("diagnose", "job.py", "--report", "found.html").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("nothing.py", 2, "There is no file 'nothing.py'."),
        ("job.py:jop", 2, "job.py: There is no function 'jop'. Did you mean 'job'?"),
        ("job.py:typo", 2, "A job has no part 'epoch'. Did you mean 'epochs'?"),
        ("job.py:failing", 2, "job.py, line 16: failing() failed: KeyError: 'nothing'."),
        ("job.py:crash", 3, "job.py, line 20: The training failed: KeyError: 'in training'."),
        ("syntax.py", 2, "syntax.py, line 2: It cannot be run: SyntaxError:"),
        ("exits.py", 2, "exits.py, line 1: It cannot be run: SystemExit: bye"),
        ("empty.py", 2, "empty.py: There is no function 'job' or 'case'."),
        ("list.py", 2, "list.py: job() returned list."),
        ("job.py --budget soon", 2, "The 'budget' must be"),
        ("job.py --seeds 0", 2, "The 'seeds' must be"),
        ("job.py --fail-on problm", 2, "--fail-on must be 'problem'. Got 'problm' instead. Did you mean 'problem'?"),
        ("job.py --report no/where.html", 2, "no/where.html: There is no folder 'no'."),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: str, code: int, sentence: str) -> None:
    (tmp_path / "syntax.py").write_text("x = 1\ndef job(:\n")
    (tmp_path / "exits.py").write_text("raise SystemExit('bye')\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "list.py").write_text("def job(): return []\n")
    done = invoke("diagnose", *arguments.split(), "--quiet")
    assert done.exit_code == code
    assert done.stderr.splitlines()[-1].startswith(f"error: {sentence}")
    assert "Traceback" not in done.output
    assert done.stdout == ""


def test_a_real_job_leaves_nothing_beside_its_files(tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = invoke("diagnose", "job.py", "--json", "--budget", "4x", "--seeds", "2", "-q")
    assert json.loads(done.stdout)["job"] == "job.py"
    assert sorted(tmp_path.iterdir()) == before


def test_the_guide_names_every_cause() -> None:
    text = invoke("guide").stdout
    assert all(cause.label in text for cause in CAUSES)
    found = json.loads(invoke("guide", "--json").stdout)
    assert [each["name"] for each in found["questions"]][:2] == ["sound", "training loss"]
    assert found["leaves"]["mismatch"]["causes"] == ["mismatch"]


# -- the view


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "quiet", "verbose", "kind"),
    [
        (True, False, False, Watched),
        (True, False, True, Told),
        (True, True, False, Unwatched),
        (False, False, False, Told),
    ],
)
def test_which_view_is_chosen(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool, verbose: bool, kind: type
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal() if terminal else io.StringIO())
    assert type(listener(quiet=quiet, verbose=verbose)) is kind


def test_the_view_shows_the_question_and_the_last_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with Watched() as view:
        for i in range(inquiry.LAST + 1):
            view.asking(f"[red]question {i}\x07")
            view.found("supports: error -34%")
        view.asking("the one at work")
        view._live.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert f"[red]question {inquiry.LAST}\N{REPLACEMENT CHARACTER}  supports: error -34%" in shown
    assert "the one at work (0.0 s)" in shown
    assert len(view._answers) == inquiry.LAST

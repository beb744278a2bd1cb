"""`goodfit treat`: what is shown and written where, the exit codes, and that hostile names stay text."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from goodfit.cli import treat as command
from goodfit.core.errors import TrainingError
from goodfit.core.evidence import Cost, Diagnosis
from goodfit.core.statistics import Estimate
from goodfit.core.treatment import FinalTest, Flattery, Kept, Standing, Treatment
from goodfit.report.verdicts import render
from tests.cli.made import invoke
from tests.cli.test_diagnose import FOUND, JOB

NAN = float("nan")
NONE = Estimate(NAN, NAN, NAN)
HOSTILE = "<script>alert(1)</script>[red]\x1b[31m{{ 7*7 }}"


def kept(**known: Any) -> Kept:
    usual: dict[str, Any] = {
        "cause": "overfitting",
        "change": "Add dropout of 0.5 to the hidden layers",
        "fields": ("model.dropout",),
        "reason": "No unit can rely on another one.",
        "source": "Srivastava et al. 2014",
        "harms": "With few units.",
        "code": "model = with_dropout(model)\nmodel.train()",
        "judged": "N folds of the rows",
        "effect": Estimate(0.22, 0.1, 0.33),
        "compared": {"the job as it is": Estimate(0.22, 0.1, 0.33), "a random change": Estimate(0.2, 0.05, 0.3)},
        "among": 12,
    }
    return Kept(**{**usual, **known})


MENDED = Treatment(
    diagnosis=FOUND,
    cause="healthy",
    sentence="Mended, the error is small.",
    applied=(
        kept(cause="learning_rate_too_high", change="Divide the learning rate by 10", compared={}, among=None),
        kept(),
    ),
    before=Standing(0.4, 0.38, 0.6, 0.62, 3),
    after=Standing(0.02, 0.04, 0.98, 0.96, 2),
    gain=Estimate(0.34, 0.28, 0.4),
    test=FinalTest(300, Estimate(0.41, 0.3, 0.5), Estimate(0.06, 0.03, 0.09), Estimate(0.35, 0.25, 0.45), 0.6, 0.94),
    flattery=Flattery(12, 0.03, "Choosing among 12 candidates may flatter the validation score by up to 3 %."),
    not_tried={f"Remedy {i}": "it needs pictures" for i in range(6)},
    cost=Cost(48.5, 61.0, 52),
    choices=("Add dropout of 0.5: on 5 folds it takes 22% off the error.",),
    notes=("The optimiser of job() clips the gradient's norm at 1 before each step.",),
    model=nn.Linear(2, 1),
)
HEALTHY = replace(
    MENDED,
    diagnosis=Diagnosis("healthy", "The network fits.", (), cost=Cost(1.0, 1.0, 1)),
    applied=(),
    after=MENDED.before,
    gain=NONE,
    test=None,
    choices=(),
    notes=(),
    not_tried={},
)
LEFT = replace(MENDED, cause="overfitting", sentence="The gap stays.")
OPEN = replace(MENDED, cause="undetermined", sentence="Undetermined.", before=None, after=None, applied=(), model=None)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "helper.py").write_text("RATE = 0.1\n")
    sys.modules.pop("helper", None)


def gives(monkeypatch: pytest.MonkeyPatch, found: Treatment | BaseException) -> None:
    def execute(job: str, budget: str | None, seeds: int | None, heard: Any) -> Treatment:
        heard.asking("dropout [red]0.5[/red] (fold 1 of 5)")
        print("a person's own words")
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(command, "execute", execute)


@pytest.mark.parametrize(
    "expected",
    [
        "learning_rate_too_high -> healthy",
        "Mended, the error is small.",
        "change 1 Divide the learning rate by 10",
        "error -22 % [-33 %, -10 %] of the best constant's",
        "change 2 Add dropout of 0.5",
        "of what it was; by N folds of the rows, best of 12",
        "before error train 40 %, validation 38 % of the best constant's; score 0.620",
        "after error train 2 %, validation 4 %",
        "in all error -34 % [-40 %, -28 %]",
        "test error 41 % -> 6 % (300 rows, read once; error -35 % [-45 %, -25 %])",
        "Choosing among 12 candidates may flatter",
        "on 5 folds it takes 22% off",
        "Remedy 0: it needs pictures",
        "and 2 more, with reasons under --json",
        "clips the gradient's norm at 1",
        "48.5 trainings' worth of work in 52 runs, 1 min 1 s",
        "next goodfit treat job.py --patch changes.txt",
        "goodfit explain learning_rate_too_high",
    ],
)
def test_the_card_is_on_stdout(monkeypatch: pytest.MonkeyPatch, expected: str) -> None:
    gives(monkeypatch, MENDED)
    done = invoke("treat", "job.py")
    assert done.exit_code == 0
    assert expected in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "a person's own words" in done.stderr
    assert "dropout [red]0.5[/red] (fold 1 of 5)" in done.stderr


def test_a_job_that_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, HEALTHY)
    shown = " ".join(invoke("treat", "job.py", "--patch", "p.txt").stdout.split())
    assert shown.startswith("healthy ")
    assert "None: the recipe stays as it is." in shown
    assert "as it is error train 40 %" in shown
    assert "next" not in shown
    assert Path("p.txt").read_text() == "Nothing to change: the recipe stays as it is.\n"


@pytest.mark.parametrize(
    ("found", "code"), [(MENDED, 0), (LEFT, 1), (OPEN, 0), (HEALTHY, 0), (TrainingError("It broke"), 3)]
)
def test_the_exit_code_under_fail_on(monkeypatch: pytest.MonkeyPatch, found: Any, code: int) -> None:
    gives(monkeypatch, found)
    done = invoke("treat", "job.py", "--fail-on", "problem", "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["schema"] == 1
    if not isinstance(found, Exception):
        assert invoke("treat", "job.py").exit_code == 0


def test_an_open_end_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, OPEN)
    done = invoke("treat", "job.py", "--save", "w.safetensors")
    assert "goodfit treat job.py --budget 300x" in done.stdout
    assert not Path("w.safetensors").exists()


def test_what_is_asked_for_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, MENDED)
    done = invoke("treat", "job.py", "--json", *["--report", "r.html", "--patch", "p.txt", "--save", "w.safetensors"])
    document = json.loads(done.stdout)
    assert document["files"] == {"report": "r.html", "patch": "p.txt", "save": "w.safetensors"}
    assert document["next"] == ["goodfit explain learning_rate_too_high"]
    assert Path("p.txt").read_text() == document["patch"]
    for expected in ("2. Add dropout of 0.5", "source:   Srivastava", "      model.train()", "Notes", "best of 12"):
        assert expected in document["patch"]
    assert MENDED.model is not None
    state = MENDED.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in load_file("w.safetensors").items())
    page = Path("r.html").read_text()
    for expected in ("What was changed", "Learning rate too high, mended", "38 % → 4 %", "41 % → 6 %", "12 candidates"):
        assert expected in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("nothing.py", "There is no file 'nothing.py'."),
        ("job.py:typo", "A job has no part 'epoch'. Did you mean 'epochs'?"),
        ("job.py:failing", "job.py, line 16: failing() failed: KeyError: 'nothing'."),
        ("job.py --budget soon", "The 'budget' must be"),
        ("job.py --seeds 1", "The 'seeds' of a treatment must be two or more"),
        ("job.py --fail-on problm", "--fail-on must be 'problem'. Got 'problm' instead."),
        ("job.py --report no/where.html", "no/where.html: There is no folder 'no'. Name a file for --report."),
        ("job.py --patch no/p.txt", "no/p.txt: There is no folder 'no'. Name a file for --patch."),
        ("job.py --save .", ".: It is a folder. Name a file for --save."),
    ],
)
def test_bad_input_is_one_line(arguments: str, sentence: str) -> None:
    done = invoke("treat", *arguments.split(), "--quiet")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {sentence}")
    assert "Traceback" not in done.output
    assert done.stdout == ""


def test_a_real_job_is_treated_and_leaves_nothing_beside_its_files(tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    (tmp_path / "helper.py").write_text("RATE = 9.0\n")
    document = json.loads(invoke("treat", "job.py", "--json", "--budget", "60x", "-q").stdout)
    assert document["diagnosis"]["cause"] == document["applied"][0]["cause"] == "learning_rate_too_high"
    assert document["cause"] == "healthy"
    assert document["after"]["validation"] < 0.1
    assert sorted(tmp_path.iterdir()) == before


def test_hostile_names_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(
        MENDED,
        sentence=HOSTILE,
        applied=(kept(cause=HOSTILE, change=HOSTILE, reason=HOSTILE, source=HOSTILE, code=HOSTILE, judged=HOSTILE),),
        not_tried={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
        choices=(HOSTILE,),
    )
    for page in (render(found.diagnosis, HOSTILE, HOSTILE, found), found._repr_html_()):
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert ">49<" not in page
    gives(monkeypatch, found)
    shown = invoke("treat", "job.py").stdout
    assert "\x1b" not in shown
    assert "[red]" in shown


def test_every_key_is_described() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text().split("## A treatment")[1]
    section, document = page.split("\n## ")[0], MENDED.to_json()
    for key in [*document, *document["applied"][0], *document["before"], *document["test"], *document["flattery"]]:
        assert f"`{key}`" in section

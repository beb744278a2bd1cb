"""Treatments of jobs whose repair is known: how often they bring what the known repair brings, and what it costs.

    python -m bench.repair --cases DIR [--budget 96] [--rivals] [--quick] [--out FILE.json]

Each NAME.py beside a NAME.json in DIR is a job. The treatment is given what case() returns, nothing else. Then the job,
the mended job and fixed() are trained with two seeds that the treatment never used, and read on their own validation
rows. The gain is (error before - error after) / (error before - error of fixed()), errors as shares of the best
constant's; a job is repaired from a gain of 90 %. Where the known repair is an honest score (kind "gap"), the gain is
how much of the distance between validation and test error is gone. A healthy job is harmed where its error rises by
more than what two seeds differ in and by more than 2 % of the constant's.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from scipy.stats import binomtest

from bench.common import Row, parser, report
from bench.rivals import RIVALS
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng
from goodfit.core.trial import PartResult, Trial
from goodfit.guide.treatment import treat
from goodfit.guide.trials import judge, run_trial
from goodfit.intake import load_job, read_job

SEEDS = (101, 102)
"""Unknown to the treatment, which uses 0, 1 and 2."""
REPAIRED = 0.9
NOISE = 0.02
QUICK = 3
GOAL = 0.95


@dataclass(frozen=True)
class Repair:
    """What became of one job. Errors are shares of the best constant's, means over the seeds."""

    name: str
    truth: tuple[str, ...]
    cause: str | None
    changes: tuple[str, ...]
    before: float
    after: float
    fixed: float
    gain: float
    noise: float
    trainings: float
    seconds: float
    rivals: dict[str, float] = field(default_factory=dict)
    """Gains of the rivals."""
    error: str = ""

    @property
    def healthy(self) -> bool:
        return self.truth[0] == "healthy"

    @property
    def repaired(self) -> bool:
        return self.gain >= REPAIRED

    @property
    def harmed(self) -> bool:
        return self.after - self.before > max(NOISE, self.noise)


def asked(path: Path, known: dict[str, Any], budget: float, rivals: bool) -> Repair:
    """Treat one job and read it again; a treatment that raises is a job that was not repaired."""
    began = time.monotonic()
    truth = tuple(known["truth"])
    job, fixed = (read_job(load_job(f"{path}:{name}")) for name in ("case", "fixed"))
    reading = _gap if known.get("criterion", {}).get("kind") == "gap" and job.task.test is not None else _error
    try:
        course = treat(job, trainings=budget)
    except Exception as error:
        nan, said = math.nan, f"{type(error).__name__}: {error}"
        return Repair(path.stem, truth, None, (), nan, nan, nan, 0.0, 0.0, nan, time.monotonic() - began, error=said)
    seconds = time.monotonic() - began
    before, after, best = (reading(each) for each in (job, course.mended, fixed))
    others = {}
    for name, rival in RIVALS.items() if rivals and truth[0] != "healthy" else ():
        made = rival(job, course.facts, course.cost.trainings, 0)
        others[name] = _gain(mean(before), mean(reading(made, 10)), mean(best))
    return Repair(
        name=path.stem,
        truth=truth,
        cause=course.diagnosis.cause,
        changes=tuple(each.change.words for each in course.applied),
        before=mean(before),
        after=mean(after),
        fixed=mean(best),
        gain=_gain(mean(before), mean(after), mean(best)),
        noise=max(before) - min(before),
        trainings=course.cost.trainings,
        seconds=seconds,
        rivals=others,
    )


def _gain(before: float, after: float, best: float) -> float:
    return (before - after) / (before - best) if before != best else 0.0


def _error(job: Job, later: int = 0) -> list[float]:
    """Validation error of each seed; ``later`` are seeds of its own, so that a placebo is not the control itself."""
    return [_trained(job, seed + later).validation.error for seed in SEEDS]


def _gap(job: Job, later: int = 0) -> list[float]:
    """Distance of test and validation error of each seed."""
    found = []
    for seed in SEEDS:
        trial = _trained(job, seed + later)
        found.append(abs(_test(job, trial).error - trial.validation.error))
    return found


def _trained(job: Job, seed: int) -> Trial:
    with preserved_rng():
        return run_trial(job, seed)


def _test(job: Job, trial: Trial) -> PartResult:
    model = job.recipe.model()
    model.load_state_dict(dict(trial.weights))
    if job.task.test is None:
        raise ValueError("the job has no test part")
    return judge(model, job, job.task.test)


def told(found: Repair) -> str:
    mark = "-" if found.healthy else "+" if found.repaired else "."
    numbers = f"{found.before:.3f} -> {found.after:.3f} (fixed {found.fixed:.3f}, gain {found.gain:.2f})"
    rivals = "".join(f", {name} {gain:.2f}" for name, gain in found.rivals.items())
    said = found.error or "; ".join(found.changes) or "nothing"
    return f"{mark} {found.name}: {found.cause}: {numbers}{rivals}; {found.trainings:.1f} trainings: {said}"


def rows(found: Sequence[Repair]) -> list[Row]:
    faulty, healthy = [e for e in found if not e.healthy], [e for e in found if e.healthy]
    made = [_share("repaired", [each.repaired for each in faulty], GOAL)]
    for name in RIVALS:
        known = [each.rivals[name] for each in faulty if name in each.rivals]
        if known:
            made.append(_share(f"repaired by {name}", [gain >= REPAIRED for gain in known]))
    if healthy:
        made.append(_share("healthy jobs made worse", [each.harmed for each in healthy], 0.0, most=True))
    cost = [each.trainings for each in faulty if not each.error]
    if cost:
        made.append(Row("median_trainings", median(cost), None, "trainings"))
        made.append(Row("median_seconds", median(each.seconds for each in faulty), None, "seconds"))
    return made


def _share(name: str, marks: Sequence[bool], goal: float | None = None, most: bool = False) -> Row:
    if not marks:
        return Row(name, None)
    found = binomtest(sum(marks), len(marks)).proportion_ci(0.95, method="wilson")
    value = sum(marks) / len(marks)
    holds = None if goal is None else value <= goal if most else value >= goal
    words = "" if goal is None else f"{'<=' if most else '>='} {goal:.0%}"
    return Row(name, value, (found.low, found.high), f"of {len(marks)}", words, holds)


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--cases", type=Path, nargs="+", required=True, help="folders of jobs")
    made.add_argument("--budget", type=float, default=96.0, help="trainings a treatment may take")
    made.add_argument("--only", default="", help="names that hold this word")
    made.add_argument("--rivals", action=argparse.BooleanOptionalAction, help="placebo, random changes, random search")
    return made


def main() -> None:
    options = arguments().parse_args()
    torch.set_num_threads(1)
    paths = sorted(path for folder in options.cases for path in folder.glob("*.py"))
    paths = [each for each in paths if each.with_suffix(".json").is_file() and options.only in each.stem]
    paths = paths[:: max(1, len(paths) // QUICK)][:QUICK] if options.quick else paths
    if not paths:
        raise SystemExit("There are no jobs in these folders.")
    rivals = not options.quick if options.rivals is None else options.rivals
    found = []
    for number, path in enumerate(paths, 1):
        with warnings.catch_warnings(), preserved_rng():
            warnings.simplefilter("ignore")
            found.append(asked(path, json.loads(path.with_suffix(".json").read_text()), options.budget, rivals))
        print(f"{number:3}/{len(paths)} {told(found[-1])}", flush=True)
    report("Repair", rows(found), options.out)
    if options.out:
        known = json.loads(options.out.read_text())
        known["jobs"] = [asdict(each) for each in found]
        options.out.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Diagnoses of jobs whose fault is known: how often the verdict is right, what it costs, how often it cries wolf.

    python -m bench.diagnosis --cases DIR [--jobs N] [--no-fixed] [--split-check] [--quick] [--out FILE.json]

Each NAME.py beside a NAME.json in DIR is a job. Only the dict that its function returns is passed on.

hit@1: the verdict is one of the true labels; strict: it is the first of them; hit@3: one of the first three labels
that any evidence speaks for is true. A healthy job counts as hit where it is called so. Detected: a faulty job is not
called healthy ('undetermined' counts); named: it is given a cause. An alarm is a cause given to a healthy or mended
job. A job whose diagnosis raises is a miss.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.asking import Question, answers, from_file, told
from bench.common import Row, machine, parser, report
from bench.scoring import (
    HEALTHY,
    MARKS,
    Outcome,
    baselines,
    by_label,
    hit,
    hit_at_3,
    plain,
    share,
    shares,
    strict,
    totals,
)
from bench.splitting import split_rows

QUICK = 6
GOALS = {"hit_at_1": 0.9, "false_alarms": 0.0, "median_trainings": 12.0}


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--cases", type=Path, nargs="+", required=True, help="folders of jobs")
    made.add_argument("--fixed", action=argparse.BooleanOptionalAction, help="diagnose the mended jobs as well")
    made.add_argument("--jobs", type=int, default=1, help="processes, each with one thread")
    made.add_argument("--split-check", action="store_true", help="set thresholds on one half, read on the other")
    made.add_argument("--budget", type=float, default=16.0, help="trainings a diagnosis may take")
    made.add_argument("--only", help="names that hold this word")
    return made


def questions(folders: Sequence[Path], budget: float, only: str = "") -> list[Question]:
    """One for each job of the folders, by name."""
    found = []
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        known = path.with_suffix(".json")
        if known.is_file() and only in path.stem:
            truth = tuple(json.loads(known.read_text())["truth"])
            name = path.stem if len(folders) == 1 else f"{path.parent.name}/{path.stem}"
            found.append(Question(name, truth, from_file, (str(path), "case"), budget))
    return found


def mended(asked: Sequence[Question]) -> list[Question]:
    """The same jobs after their repair; a healthy job has none."""
    return [
        Question(each.name, (HEALTHY,), from_file, (each.arguments[0], "fixed"), each.trainings)
        for each in asked
        if each.truth[0] != HEALTHY
    ]


def some(asked: list[Question], count: int) -> list[Question]:
    """``count`` of them, evenly spread."""
    return [asked[i * len(asked) // count] for i in range(count)] if len(asked) > count else asked


def listen(asked: Sequence[Question], processes: int, title: str) -> list[Outcome]:
    """All outcomes, each told as it comes, in the order of the questions."""
    found: dict[str, Outcome] = {}
    for number, each in enumerate(answers(asked, processes), 1):
        marks = "".join(sign if mark(each) else "." for sign, mark in zip("1s3", (hit, strict, hit_at_3), strict=True))
        print(f"{title} {number:3}/{len(asked)} {marks} {told(each)}", flush=True)
        found[each.name] = each
    return [found[each.name] for each in asked]


def rows(found: Sequence[Outcome], fixed: Sequence[Outcome]) -> list[Row]:
    total, made = totals(found, fixed), []
    for name, each in shares(found, fixed).items():
        if not each.of:
            continue
        goal, holds = "", None
        if name == "hit_at_1":
            goal, holds = f">= {GOALS[name]:.0%}", each.rate >= GOALS[name]
        elif name == "false_alarms":
            goal, holds = "0", not each.hits
        made.append(Row(name, each.rate, each.interval, f"of {each.of}", goal, holds))
    cost = total["median_trainings"]
    goal = GOALS["median_trainings"]
    made.append(Row("median_trainings", cost, None, "trainings", f"<= {goal:g}", cost <= goal))
    made.append(Row("median_seconds", total["median_seconds"], None, "seconds"))
    for name, known in baselines(found, fixed).items():
        made += [Row(f"{name}: {mark}", known[mark], None, "share of all") for mark in MARKS if mark in known]
    return made


def show_labels(found: Sequence[Outcome]) -> None:
    table = Table("label", "hit@1", "strict", "hit@3", "missed as", title="By primary label")
    for label, each in by_label(found).items():
        missed = ", ".join(sorted(str(one.cause or "error") for one in each if not hit(one)))
        counts = (str(share(each, mark).hits) for mark in (strict, hit_at_3))
        table.add_row(label, str(share(each, hit)), *counts, missed)
    Console(width=140).print(table)


def document(found: Sequence[Outcome], fixed: Sequence[Outcome], table: Sequence[Row]) -> dict[str, Any]:
    labels = {label: totals(each) for label, each in by_label(found).items()}
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "total": totals(found, fixed),
        "labels": {name: {key: each[key] for key in ("jobs", *MARKS, "intervals")} for name, each in labels.items()},
        "jobs": [{**asdict(each), "ranked": each.ranked} for each in found],
        "fixed": [{**asdict(each), "ranked": each.ranked} for each in fixed],
        "baselines": baselines(found, fixed),
        "rows": [asdict(row) for row in table],
    }


def main() -> None:
    options = arguments().parse_args()
    asked = questions(options.cases, options.budget, options.only or "")
    if not asked:
        raise SystemExit("There are no jobs in these folders.")
    asked = some(asked, QUICK) if options.quick else asked
    found = listen(asked, options.jobs, "case ")
    with_fixed = not options.quick if options.fixed is None else options.fixed
    fixed = listen(mended(asked), options.jobs, "fixed") if with_fixed else []
    show_labels(found)
    table = rows(found, fixed) + (split_rows(found) if options.split_check else [])
    report("Diagnosis", table, None)
    if options.out:
        options.out.write_text(json.dumps(plain(document(found, fixed, table)), indent=2) + "\n")


if __name__ == "__main__":
    main()

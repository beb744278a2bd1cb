"""How often a diagnosis names a cause where nothing is wrong, on the healthy runs of `bench.healthy`.

    python -m bench.false_alarms [--count 200] [--jobs N] [--quick] [--out FILE.json]

'undetermined' is no alarm: it is counted apart.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.asking import Job, Question, answers, told
from bench.common import Row, machine, parser, report
from bench.healthy import Choice, choices, job
from bench.scoring import HEALTHY, UNDETERMINED, Outcome, middle, named, plain, share

COUNT, QUICK = 200, 12
GOAL = 0.02
GROUPS = ("data", "model", "optimiser")
every = lru_cache(choices)


def choice(number: int, seed: int) -> tuple[Choice, int]:
    """The combination of that number among `healthy_jobs`, and the draw of its data."""
    known = every(seed)
    return known[number % len(known)], 1000 * seed + number // len(known)


def healthy_job(number: int, seed: int) -> Job:
    """The same as the job of that number among `healthy_jobs`, without making those before it."""
    chosen, draw = choice(number, seed)
    return job(*chosen, draw)


def groups(number: int, seed: int) -> dict[str, str]:
    (data, model, optimiser), _ = choice(number, seed)
    return {"data": data.name, "model": model, "optimiser": optimiser}


def questions(count: int, seed: int, budget: float) -> list[Question]:
    made = []
    for number in range(count):
        name = ", ".join([f"{number:03}", *groups(number, seed).values()])
        made.append(Question(name, (HEALTHY,), healthy_job, (number, seed), budget))
    return made


def alarm(found: Outcome) -> str:
    """Cause, evidence, and the error shares before and after what it calls a repair."""
    first = next((each for each in found.evidence if each.label == found.cause), None)
    lines = [f"{found.name}: {' then '.join([str(found.cause), *found.further])}"]
    if first is not None:
        seen = first.seen or first.reason
        lines.append(f"  symptom {first.symptom:.2f}: {seen}")
        change = first.change or "a question to the data"
        lines.append(
            f"  {change}: gain {first.gain:.3f} [{first.low:.3f} to {first.high:.3f}], value {first.value:.2f}"
        )
    if found.before and found.after:
        parts = zip(("training", "validation"), found.before, found.after, strict=True)
        lines.append("  " + ", ".join(f"{part} error {a:.3f} -> {b:.3f}" for part, a, b in parts))
    return "\n".join(lines)


def rows(found: Sequence[Outcome], known: Sequence[dict[str, str]]) -> list[Row]:
    """Alarms over all and by group, the groups with the most first."""
    whole = share(found, named)
    goal = f"<= {GOAL:.0%}"
    made = [Row("false alarms", whole.rate, whole.interval, f"of {whole.of}", goal, whole.rate <= GOAL)]
    for text, mark in (("undetermined", UNDETERMINED), ("raised", None)):
        each = share(found, lambda one, mark=mark: one.cause == mark)  # type: ignore[misc]
        made.append(Row(text, each.rate, each.interval, f"of {each.of}"))
    made.append(Row("median trainings", middle(each.trainings for each in found), None, "trainings"))
    made.append(Row("median seconds", middle(each.seconds for each in found), None, "seconds"))
    for group in GROUPS:
        names = sorted({each[group] for each in known})
        parts = [
            (name, share([one for one, its in zip(found, known, strict=True) if its[group] == name], named))
            for name in names
        ]
        parts.sort(key=lambda part: -part[1].rate)
        made += [Row(f"{group}: {name}", each.rate, each.interval, f"of {each.of}") for name, each in parts]
    return made


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--count", type=int, default=COUNT)
    made.add_argument("--seed", type=int, default=0, help="of the order and of the draws of data")
    made.add_argument("--jobs", type=int, default=1, help="processes, each with one thread")
    made.add_argument("--budget", type=float, default=16.0, help="trainings a diagnosis may take")
    return made


def listen(asked: Sequence[Question], processes: int) -> list[Outcome]:
    found: dict[str, Outcome] = {}
    for number, each in enumerate(answers(asked, processes), 1):
        found[each.name] = each
        alarms = sum(map(named, found.values()))
        print(f"{number:3}/{len(asked)} ({alarms} alarms) {told(each)}", flush=True)
    return [found[each.name] for each in asked]


def written(out: Path, found: Sequence[Outcome], table: Sequence[Row]) -> None:
    content: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "alarms": [{**asdict(each), "ranked": each.ranked} for each in found if named(each)],
        "jobs": [
            {
                "name": each.name,
                "cause": each.cause,
                "trainings": each.trainings,
                "seconds": each.seconds,
                "error": each.error,
            }
            for each in found
        ],
        "rows": [asdict(row) for row in table],
    }
    out.write_text(json.dumps(plain(content), indent=2) + "\n")


def main() -> None:
    options = arguments().parse_args()
    count = min(options.count, QUICK) if options.quick else options.count
    found = listen(questions(count, options.seed, options.budget), options.jobs)
    known = [groups(number, options.seed) for number in range(count)]
    for each in found:
        if named(each):
            print(alarm(each))
    table = rows(found, known)
    report("False alarms on healthy runs", table, None)
    if options.out:
        written(options.out, found, table)


if __name__ == "__main__":
    main()

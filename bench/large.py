"""Jobs of real size under a small budget: is the cheap verdict the one that more compute would give?

    python -m bench.large [--limit SECONDS] [--only WORD] [--quick] [--out FILE.json]

Each job of `bench.large_jobs` is diagnosed with a budget of three of its own trainings, then with twelve where that is
expected to take no more than ``--limit`` seconds. ``--quick``: a tenth of the rows of one job of each data set.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.asking import Question, answer, told
from bench.common import SHARED, Row, machine, parser, report
from bench.large_jobs import JOBS, Large, large_job
from bench.scoring import Outcome, hit, middle, named, plain, share, wilson

CHEAP, FULL = 3.0, 12.0
QUICK = ("pictures, softmax twice", "sentences, frozen encoder", "table, healthy")
QUICK_PART = 0.1


@dataclass(frozen=True)
class Both:
    """One job with both budgets; ``full`` is None where it was not run, ``skipped`` says why."""

    cheap: Outcome
    full: Outcome | None = None
    skipped: str = ""

    @property
    def same(self) -> bool:
        return self.full is not None and not self.full.error and self.full.cause == self.cheap.cause


def both(job: Large, part: float, limit: float, quick: bool) -> Both:
    """Cheap first: it tells how long the full one would take."""
    cheap = answer(Question(job.name, (job.truth,), large_job, (job.name, part), CHEAP))
    print(f"cheap {told(cheap)}", flush=True)
    if quick:
        return Both(cheap, skipped="quick")
    expected = FULL * cheap.seconds / cheap.trainings if cheap.trainings > 0 else 0.0
    if expected > limit:
        print(f"full  {job.name}: skipped, about {expected:.0f} s", flush=True)
        return Both(cheap, skipped=f"about {expected:.0f} s")
    full = answer(Question(job.name, (job.truth,), large_job, (job.name, part), FULL))
    print(f"full  {told(full)}", flush=True)
    return Both(cheap, full)


def show(found: Sequence[Both]) -> None:
    table = Table("job", "truth", "cheap", "cost", "full", "cost", "same", title="Jobs of real size")
    for each in found:
        full = each.full
        table.add_row(
            each.cheap.name,
            each.cheap.truth[0],
            verdict(each.cheap),
            cost(each.cheap),
            verdict(full) if full else each.skipped,
            cost(full) if full else "",
            ("yes" if each.same else "NO") if full else "",
        )
    Console(width=160).print(table)


def verdict(found: Outcome) -> str:
    return found.error or str(found.cause)


def cost(found: Outcome) -> str:
    return f"{found.trainings:.1f} trainings, {found.seconds:.0f} s"


def rows(found: Sequence[Both]) -> list[Row]:
    cheap, full = [each.cheap for each in found], [each.full for each in found if each.full is not None]
    made = []
    for name, known in (("cheap", cheap), ("full", full)):
        if known:
            right, alarms = share(known, hit), share([each for each in known if not each.faulty], named)
            made.append(Row(f"{name}: verdict right", right.rate, right.interval, f"of {right.of}"))
            made.append(Row(f"{name}: alarms on healthy jobs", float(alarms.hits), None, f"of {alarms.of}", "0"))
            made.append(Row(f"{name}: median trainings", middle(each.trainings for each in known), None, "trainings"))
            made.append(Row(f"{name}: median seconds", middle(each.seconds for each in known), None, "seconds"))
    most = max((each.trainings for each in cheap if not each.error), default=0.0)
    made.append(Row("cheap: most trainings", most, None, "trainings", f"<= {CHEAP:g}", most <= CHEAP))
    if full:
        same = sum(each.same for each in found)
        made.append(Row("cheap verdict is the full one", same / len(full), wilson(same, len(full)), f"of {len(full)}"))
    return made


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--limit", type=float, default=240.0, help="seconds a full diagnosis may be expected to take")
    made.add_argument("--only", default="", help="names that hold this word")
    return made


def written(out: Path, found: Sequence[Both], table: Sequence[Row]) -> None:
    content = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "jobs": [asdict(each) for each in found],
        "rows": [asdict(row) for row in table],
    }
    out.write_text(json.dumps(plain(content), indent=2) + "\n")


def main() -> None:
    options = arguments().parse_args()
    if not SHARED.is_dir():
        raise SystemExit("The shared data sets are not here.")
    chosen = [each for each in JOBS if options.only in each.name and (not options.quick or each.name in QUICK)]
    part = QUICK_PART if options.quick else 1.0
    found = [both(each, part, options.limit, options.quick) for each in chosen]
    show(found)
    table = rows(found)
    report("Jobs of real size", table, None)
    if options.out:
        written(options.out, found, table)


if __name__ == "__main__":
    main()

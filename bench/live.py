"""The live page with many long runs: how long the list, a run and a look for news take, and what a run pays for it.

./dev python -m bench.live
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from bench.common import Row, parser, report
from goodfit.core.progress import Silent
from goodfit.core.step import Event, Step
from goodfit.ledger import Ledger, Record
from goodfit.live import store, tail
from goodfit.live.recorder import Recorded

WIDTH = 900
CALLS = 20_000
FILL = """
WITH RECURSIVE steps(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM steps WHERE i < ? - 1)
INSERT INTO measurements
SELECT NULL, ?, 'train_loss', i, 1.0 / (1 + i) + abs(random() % 1000) / 1e5, '', NULL, '', NULL FROM steps
"""


@dataclass(frozen=True)
class Size:
    runs: int
    points: int
    repeats: int


WHOLE, QUICK = Size(100, 100_000, 9), Size(10, 10_000, 5)


class Watching(Silent):
    """Progress that looks at every update, as the command line's does."""

    events = frozenset({Event.UPDATE})


def filled(out: Path, size: Size) -> Record:
    """A ledger with so many runs of so many points each; the last run's record."""
    ledger = Ledger(out)
    for i in range(size.runs):
        record = ledger.start(f"job {i}", "table", {"seed": i}, {})
        with ledger._appending(durable=False) as connection:
            connection.execute(FILL, (size.points, record.id))
    return record


def median(call: Callable[[], object], repeats: int) -> float:
    """CPU seconds of a call."""
    call()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return statistics.median(found)


def figures(record: Record, size: Size) -> list[Row]:
    name = f"{size.runs} runs of {size.points:,} points"
    with Ledger(record.directory.parent, readonly=True) as ledger:
        end = tail.newest(ledger)
        times = [
            ("the list", median(lambda: store.summaries(ledger), size.repeats), 0.5),
            (f"a run, {WIDTH} points wide", median(lambda: store.run(ledger, record.id, WIDTH), size.repeats), 0.5),
            ("a look for news", median(lambda: tail.since(ledger, record.id, end), 5 * size.repeats), 0.005),
        ]
    return [Row(f"{name}: {what}", took, None, "s", f"<= {goal}", took <= goal) for what, took, goal in times]


def paid(record: Record, size: Size, calls: int = CALLS) -> Row:
    """What an update costs a run that is written down beyond one that is only shown, in microseconds."""
    model = torch.nn.Linear(1, 1)
    step = Step(Event.UPDATE, 1, 0, model, cast(torch.optim.Optimizer, None))
    bare, told = Watching(), Recorded(Watching(), record, {})

    def each(call: Callable[[Step], None]) -> float:
        return median(lambda: [call(step) for _ in range(calls)], size.repeats) / calls

    took = 1e6 * (each(told) - each(bare))
    return Row("what an update of a run pays", took, None, "microseconds", "<= 2", took <= 2)


def main() -> None:
    chosen = parser(__doc__ or "").parse_args()
    size = QUICK if chosen.quick else WHOLE
    with tempfile.TemporaryDirectory() as folder:
        record = filled(Path(folder), size)
        report("the live page", [*figures(record, size), paid(record, size)], chosen.out)


if __name__ == "__main__":
    main()

"""What every benchmark shares: arguments, the machine, turns A B A B, the table and the JSON file."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from goodfit.core.runtime import environment

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real data sets, kept beside the repository."""


@dataclass(frozen=True)
class Row:
    """One figure; ``holds`` is None where there is no goal, or where it could not be measured."""

    name: str
    value: float | None
    interval: tuple[float, float] | None = None
    unit: str = ""
    goal: str = ""
    holds: bool | None = None


def parser(about: str) -> argparse.ArgumentParser:
    """The arguments of every benchmark."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--quick", action="store_true", help="under a minute, rougher figures")
    made.add_argument("--out", type=Path, help="write the rows to this JSON file")
    return made


def machine() -> str:
    known = environment()
    return f"{platform.machine()}, {known['cores']} cores, Python {known['python']}, torch {known['torch']}"


def in_turns(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call each in turn, A B A B, after one round that does not count."""
    for call in runs.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, call in runs.items():
            found[name].append(call())
    return found


def ratios(found: Mapping[str, Sequence[float]], name: str, against: str) -> tuple[float, tuple[float, float]]:
    """Median and range (quartiles) of the ratios within each round."""
    each = [first / second for first, second in zip(found[name], found[against], strict=True)]
    low, _, high = statistics.quantiles(each, n=4)
    return statistics.median(each), (low, high)


def report(title: str, rows: Sequence[Row], out: Path | None) -> None:
    """Print the table; write the file where one is asked for."""
    table = Table("figure", "value", "interval", "unit", "goal", "holds", title=f"{title} ({machine()})")
    for row in rows:
        value = "not measured" if row.value is None else f"{row.value:.4g}"
        interval = "" if row.interval is None else f"{row.interval[0]:.4g} to {row.interval[1]:.4g}"
        holds = "" if row.holds is None else "yes" if row.holds else "NO"
        table.add_row(row.name, value, interval, row.unit, row.goal, holds)
    Console(width=140).print(table)
    if out:
        found = {"date": datetime.date.today().isoformat(), "machine": machine(), "rows": [asdict(row) for row in rows]}
        out.write_text(json.dumps(found, indent=2) + "\n")

"""Small series for the tests: daily counts with a weekly rhythm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from goodfit.core.settings import DataSettings
from goodfit.core.task import Rows, Task
from goodfit.data.series import load

START = date(2020, 1, 6)
"""A Monday."""


def days(n: int) -> list[date]:
    return [START + timedelta(i) for i in range(n)]


def weekly(n: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1, n)
    return np.round(1000 * np.exp(noise + 0.3 * (np.arange(n) % 7 < 5)))


def frame(values: np.ndarray, keep: np.ndarray | None = None) -> pl.DataFrame:
    made = pl.DataFrame({"date": days(len(values)), "count": np.asarray(values, dtype=float)})
    return made if keep is None else made.filter(pl.Series(keep))


def task(values: np.ndarray, keep: np.ndarray | None = None, **settings: object) -> Task:
    return load(frame(values, keep), DataSettings(**settings))  # type: ignore[arg-type]


def rows(of: Task, part: str) -> Rows:
    found = of.part(part)  # type: ignore[arg-type]
    assert isinstance(found, Rows)
    return found


def csv(n: int = 100, change: Callable[[list[str]], None] | None = None, header: str = "date,count") -> str:
    """Day i is on line i + 2."""
    lines = [f"{day},{int(value)}" for day, value in zip(days(n), weekly(n), strict=True)]
    if change:
        change(lines)
    return "\n".join([header, *lines]) + "\n"


def written(folder: Path, text: str, name: str = "views.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name

"""`goodfit run` with nothing set, on real data: test scores beside what they have to reach.

Needs the shared data sets beside the repository; the embedded and scikit-learn's own run anywhere (``--quick``).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import goodfit
from bench.common import SHARED, Row, parser, report
from goodfit.data.demos import EMBEDDED

NAIVE = ("yesterday", "last week", "same weekday")
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """One data set: how to run it, and what its document has to show within how many seconds."""

    name: str
    document: Callable[[str], Document]
    judge: Callable[[Document], Row]
    seconds: float | None = None
    quick: bool = False


def at_least(goal: float) -> Callable[[Document], Row]:
    """Test score of at least ``goal``."""

    def judge(found: Document) -> Row:
        test = found["score"]["test"]
        interval = tuple(test["interval"]) if test["interval"] else None
        return Row("", test["value"], interval, f"test {found['score']['metric']}", f">= {goal}", test["value"] >= goal)

    return judge


def against_naive(found: Document) -> Row:
    """Test error as a share of the best naive baseline's."""
    best = min(found["baselines"][name]["test"]["value"] for name in NAIVE)
    test = found["score"]["test"]
    interval = tuple(end / best for end in test["interval"])
    ratio = test["value"] / best
    return Row("", ratio, interval, "test error / best naive")


def below_naive(found: Document) -> Row:
    """The same, and at most 0.95."""
    row = against_naive(found)
    return replace(row, goal="<= 0.95", holds=row.value is not None and row.value <= 0.95)


def not_worse_than_linear(found: Document) -> Row:
    """Difference to logistic or ridge regression not on the wrong side of zero beyond its interval."""
    name = next(name for name in found["baselines"] if name.endswith("regression"))
    difference = found["baselines"][name]["difference"]
    low, high = difference["interval"]
    better = found["score"]["higher_is_better"]
    unit = f"test {found['score']['metric']} - {name}"
    return Row("", difference["value"], (low, high), unit, "not worse", high >= 0 if better else low <= 0)


def shared(name: str, **settings: Any) -> Callable[[str], Document]:
    return lambda out: goodfit.run(SHARED / name, out=out, **settings).document


def scikit(load: Callable[[], Any]) -> Callable[[str], Document]:
    known = load()
    frame = pl.DataFrame(known.data, schema=[str(name) for name in known.feature_names])
    return lambda out: goodfit.run(frame.with_columns(target=known.target), "target", out=out).document


def demo(name: str) -> Callable[[str], Document]:
    return lambda out: goodfit.run(f"demo:{name}", out=out).document


def page(name: str) -> Callable[[str], Document]:
    return lambda out: goodfit.run(EMBEDDED / "views" / f"{name}.csv", target="views", out=out).document


PAGES = tuple(sorted(path.stem for path in (EMBEDDED / "views").glob("*.csv")))
SERIES = ("wikipedia_r_language", "web_cienciadedatos", "bicimad_users")
GOALS = (
    Goal("digits", demo("digits"), at_least(0.97), quick=True),
    Goal("breast_cancer", scikit(load_breast_cancer), not_worse_than_linear, quick=True),
    Goal("wine", scikit(load_wine), not_worse_than_linear, quick=True),
    Goal("diabetes", scikit(load_diabetes), not_worse_than_linear, quick=True),
    *(Goal(f"views: {name}", page(name), against_naive, quick=True) for name in PAGES),
    *(Goal(name, shared(f"daily-counts/{name}.csv", target="count"), below_naive) for name in SERIES),
    Goal("fashion-mnist 12k", shared("fashion-mnist"), at_least(0.88), seconds=300),
    Goal("cmudict letters", shared("cmudict-g2p"), at_least(0.85), seconds=600),
    Goal("EWT part of speech", shared("ud-english-ewt"), at_least(0.90), seconds=600),
)


def main() -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--only", help="names that hold this word")
    options = arguments.parse_args()
    rows: list[Row] = []
    for goal in GOALS:
        if (options.quick and not goal.quick) or (options.only and options.only not in goal.name):
            continue
        if not goal.quick and not SHARED.is_dir():
            rows.append(Row(f"{goal.name} (data not here)", None))
            continue
        with tempfile.TemporaryDirectory() as out:
            began = time.monotonic()
            judged = goal.judge(goal.document(out))
            took = time.monotonic() - began
        rows.append(Row(goal.name, judged.value, judged.interval, judged.unit, judged.goal, judged.holds))
        if goal.seconds:
            whole = f"{goal.name}: whole run"
            rows.append(Row(whole, took, None, "seconds", f"<= {goal.seconds:g}", took <= goal.seconds))
    report("Real data", rows, options.out)


if __name__ == "__main__":
    main()

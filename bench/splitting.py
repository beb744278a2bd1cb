"""Whether thresholds set on one half of the jobs hold on the other, without training anything again.

The verdict is judged anew from what was stored: labels, symptoms, gains with intervals. That is not exact. A cause that
was never tried, because it could not outrank another one, stays untried; further seeds are not drawn; rules that set a
cause aside for another reason stand as they did; how much of the reachable a change closes is known but roughly. So
only `MATTERS` and `PRIOR` of the guide are varied, and how often the same verdict comes out with today's values is
told beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.stats import fisher_exact

from bench.common import Row
from bench.scoring import HEALTHY, KEPT_STILL, UNDETERMINED, Outcome, Seen, Share
from goodfit.guide import candidate as rules

MATTERS = (0.02, 0.035, 0.05, 0.075, 0.1, 0.15)
PRIOR = (0.15, 0.25, 0.35, 0.5, 0.7)
NOISE = 0.05
"""Halves agree where Fisher's exact test does not tell their shares apart at this level."""


@dataclass(frozen=True)
class Thresholds:
    matters: float
    prior: float


def today() -> Thresholds:
    return Thresholds(rules.MATTERS, rules.PRIOR)


def judged(found: Outcome, by: Thresholds) -> str | None:
    """The verdict of the first round with these thresholds; that of the run where nothing was stored."""
    if not found.evidence:
        return found.cause
    values = _values(found, by)
    best = max(values, key=lambda label: values[label], default="")
    if best and values[best] > 0:
        return best
    return found.cause if found.cause in KEPT_STILL else _without_cause(found)


def _values(found: Outcome, by: Thresholds) -> dict[str, float]:
    """As the guide weighs: the part of the largest gain, times the symptom drawn towards one by the prior."""
    tried = [each for each in found.evidence if each.change and each.gain == each.gain]
    reach = _reach(found, tried)
    supported = [each for each in tried if _supported(each, by, reach)]
    largest = max((each.gain for each in supported), default=0.0)
    values = {}
    for each in found.evidence:
        if each in supported:
            values[each.label] = _potential(each, by.prior) * min(1.0, each.gain / (rules.TIE * largest))
        elif not each.change and each.value > 0:  # a question to the data: no gain is weighed
            values[each.label] = each.value * _potential(each, by.prior) / _potential(each, rules.PRIOR)
    return values


def _potential(each: Seen, prior: float) -> float:
    return prior + (1 - prior) * each.symptom


def _supported(each: Seen, by: Thresholds, reach: float) -> bool:
    needed, before = (m + rules.DOUBTFUL * (1 - each.symptom) for m in (by.matters, rules.MATTERS))
    if each.gain <= needed or not each.low > 0:
        return False
    if each.reading == "supports":
        return True
    return each.gain <= before and each.gain >= rules.SHARE * reach  # only the old threshold spoke against it


def _reach(found: Outcome, tried: Sequence[Seen]) -> float:
    """How much error could be taken off, as far as was stored: down to a simple model's or a treated run's."""
    error = found.before[1] if found.before else found.numbers.get("validation error", 0.0)
    floor = min([found.numbers.get("simple model", error), *(error - each.gain for each in tried)])
    return max(0.0, error - max(0.0, floor))


def _without_cause(found: Outcome) -> str:
    error = found.before[0] if found.before else found.numbers.get("training error", 0.0)
    reach = min(found.numbers.get("simple model", 1.0), 1.0)
    return UNDETERMINED if error > max(reach + rules.LARGE, rules.SMALL) else HEALTHY


def score(found: Sequence[Outcome], by: Thresholds) -> Share:
    return Share(sum(judged(each, by) in each.truth for each in found), len(found))


def best(found: Sequence[Outcome]) -> Thresholds:
    """The grid's best on these jobs; of several equal ones that nearest to their middle, whatever today's are."""
    grid = list(product(range(len(MATTERS)), range(len(PRIOR))))
    hits = np.array([score(found, Thresholds(MATTERS[i], PRIOR[j])).hits for i, j in grid])
    equal = np.array(grid)[hits == hits.max()]
    i, j = equal[np.abs(equal - equal.mean(0)).sum(1).argmin()]
    return Thresholds(MATTERS[i], PRIOR[j])


@dataclass(frozen=True)
class Split:
    """Thresholds set on one half, and their hit@1 on both."""

    thresholds: Thresholds
    here: Share
    there: Share

    @property
    def agree(self) -> bool:
        return agree(self.here, self.there)


def agree(first: Share, second: Share) -> bool:
    """Within noise of each other."""
    table = [[each.hits, each.of - each.hits] for each in (first, second)]
    return bool(fisher_exact(table).pvalue >= NOISE)


def halves(found: Sequence[Outcome], seed: int = 0) -> tuple[list[Outcome], list[Outcome]]:
    order = np.random.default_rng(seed).permutation(len(found))
    middle = len(found) // 2
    return [found[i] for i in sorted(order[:middle])], [found[i] for i in sorted(order[middle:])]


def split_check(found: Sequence[Outcome], seed: int = 0) -> tuple[Split, Split]:
    """Both ways round."""
    one, other = halves(found, seed)
    a, b = best(one), best(other)
    return Split(a, score(one, a), score(other, a)), Split(b, score(other, b), score(one, b))


def split_rows(found: Sequence[Outcome], seed: int = 0) -> list[Row]:
    same = Share(sum(judged(each, today()) == each.cause for each in found), len(found))
    made = [Row("split: same verdict from stored evidence", same.rate, same.interval, f"of {same.of}")]
    for name, each in zip(("A, read on B", "B, read on A"), split_check(found, seed), strict=True):
        by = f"MATTERS {each.thresholds.matters:g}, PRIOR {each.thresholds.prior:g}"
        made.append(Row(f"split: set on {name[0]} ({by})", each.here.rate, each.here.interval, f"of {each.here.of}"))
        there = each.there
        made.append(
            Row(f"split: set on {name}", there.rate, there.interval, f"of {there.of}", "within noise", each.agree)
        )
    return made

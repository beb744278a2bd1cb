"""Scores of diagnoses against the truth: hits, totals with Wilson intervals, and what needs no experiment at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from scipy.stats import binomtest

from goodfit.causes import CAUSES
from goodfit.core.evidence import Diagnosis

HEALTHY, UNDETERMINED = "healthy", "undetermined"
KEPT_STILL = (HEALTHY, UNDETERMINED)
"""Verdicts that are no alarm."""
ORDER = {cause.label: place for place, cause in enumerate(CAUSES)}
FAINT = 0.3
"""*Symptoms only* calls a job healthy where no symptom is stronger."""


@dataclass(frozen=True)
class Seen:
    """One cause considered, as the report of a diagnosis gives it."""

    label: str
    symptom: float
    value: float
    reading: str
    gain: float
    low: float
    high: float
    change: str = ""
    seen: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a diagnosis said of one job; ``cause`` is None where it raised ``error``."""

    name: str
    truth: tuple[str, ...]
    cause: str | None
    further: tuple[str, ...] = ()
    evidence: tuple[Seen, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    """Figures given along the guide, the first of a name; errors in training and validation among them."""
    before: tuple[float, float] | None = None
    after: tuple[float, float] | None = None
    trainings: float = math.nan
    seconds: float = math.nan
    error: str = ""

    @property
    def ranked(self) -> tuple[str, ...]:
        """Labels that anything speaks for, the most probable first."""
        return tuple(each.label for each in self.evidence if each.value > 0)

    @property
    def faulty(self) -> bool:
        return self.truth[0] != HEALTHY


def outcome(name: str, truth: Sequence[str], found: Diagnosis) -> Outcome:
    """The figures of a diagnosis."""
    numbers = {key: value for answer in reversed(found.path) for key, value in answer.numbers.items()}
    return Outcome(
        name=name,
        truth=tuple(truth),
        cause=found.cause,
        further=tuple(found.further),
        evidence=tuple(
            Seen(
                label=each.cause,
                symptom=each.symptom,
                value=each.value,
                reading=each.reading.value,
                gain=each.effect.value,
                low=each.effect.low,
                high=each.effect.high,
                change=each.change,
                seen=each.seen,
                reason=each.reason,
            )
            for each in found.ranked
        ),
        numbers=numbers,
        before=found.treated.before if found.treated else None,
        after=found.treated.after if found.treated else None,
        trainings=found.cost.trainings if found.cost else math.nan,
        seconds=found.cost.seconds if found.cost else math.nan,
    )


# -- one job


def hit(found: Outcome) -> bool:
    """The verdict is one of the true labels."""
    return found.cause in found.truth


def strict(found: Outcome) -> bool:
    """The verdict is the primary label."""
    return found.cause == found.truth[0]


def hit_at_3(found: Outcome) -> bool:
    """One of the first three labels that anything speaks for is true; a healthy job has to be called so."""
    if not found.faulty or found.error:
        return hit(found)
    return any(label in found.truth for label in found.ranked[:3])


def detected(found: Outcome) -> bool:
    """Not called healthy."""
    return found.cause is not None and found.cause != HEALTHY


def named(found: Outcome) -> bool:
    """A cause is given; on a healthy job that is an alarm."""
    return found.cause is not None and found.cause not in KEPT_STILL


MARKS: dict[str, Callable[[Outcome], bool]] = {"hit_at_1": hit, "strict": strict, "hit_at_3": hit_at_3}


# -- many jobs


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) where nothing was counted."""
    if not of:
        return 0.0, 1.0
    found = binomtest(hits, of).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Share:
    """``hits`` of ``of``."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.of)

    def __str__(self) -> str:
        if not self.of:
            return "none"
        low, high = self.interval
        return f"{self.hits}/{self.of} = {self.rate:.0%} [{low:.0%}-{high:.0%}]"


def share(found: Iterable[Outcome], mark: Callable[[Outcome], bool]) -> Share:
    marks = [mark(each) for each in found]
    return Share(sum(marks), len(marks))


def shares(found: Sequence[Outcome], fixed: Sequence[Outcome] = ()) -> dict[str, Share]:
    """Every rate of the benchmark by its name."""
    faulty = [each for each in found if each.faulty]
    healthy = [each for each in found if not each.faulty]
    return {
        **{name: share(found, mark) for name, mark in MARKS.items()},
        **{f"{name}_faulty": share(faulty, mark) for name, mark in MARKS.items()},
        "detected": share(faulty, detected),
        "named": share(faulty, named),
        "false_alarms": share(healthy, named),
        "fixed_alarms": share(fixed, named),
    }


def totals(found: Sequence[Outcome], fixed: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Counts (of ``jobs`` or of what ``of`` says), rates, Wilson intervals and median costs."""
    known = shares(found, fixed)
    return {
        "jobs": len(found),
        **{name: each.hits for name, each in known.items()},
        "errors": sum(bool(each.error) for each in found),
        "median_trainings": middle(each.trainings for each in found),
        "median_seconds": middle(each.seconds for each in found),
        "of": {name: each.of for name, each in known.items()},
        "rates": {name: each.rate for name, each in known.items()},
        "intervals": {name: each.interval for name, each in known.items()},
    }


def middle(values: Iterable[float]) -> float:
    """Median of what is not NaN."""
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan


def plain(value: Any) -> Any:
    """For JSON, which has no NaN and no infinity."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def by_label(found: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The jobs of each primary label, in causal order."""
    labels = sorted({each.truth[0] for each in found}, key=lambda label: (ORDER.get(label, len(ORDER)), label))
    return {label: [each for each in found if each.truth[0] == label] for label in labels}


# -- what needs no experiment


def symptoms_only(found: Outcome) -> tuple[str, ...]:
    """The labels by their symptoms before any treatment, equal ones in causal order; ('healthy',) if all are faint."""
    strong = [each for each in found.evidence if each.symptom >= FAINT]
    ordered = sorted(strong, key=lambda each: (-each.symptom, ORDER.get(each.label, len(ORDER))))
    return tuple(each.label for each in ordered) or (HEALTHY,)


def baselines(found: Sequence[Outcome], fixed: Sequence[Outcome] = ()) -> dict[str, dict[str, Any]]:
    """Rates over all jobs of the most frequent label, of a random one (expected), and of symptoms alone."""
    return {
        "most frequent label": _most_frequent(found),
        "random label": _random(found),
        "symptoms only": _symptoms(found, fixed),
    }


def _most_frequent(found: Sequence[Outcome]) -> dict[str, Any]:
    if not found:
        return {}
    counts = Counter(each.truth[0] for each in found).most_common(3)
    label, first = counts[0][0], {name for name, _ in counts}
    return {
        "label": label,
        "hit_at_1": sum(label in each.truth for each in found) / len(found),
        "strict": counts[0][1] / len(found),
        "hit_at_3": sum(bool(first & set(each.truth)) for each in found) / len(found),
    }


def _random(found: Sequence[Outcome]) -> dict[str, Any]:
    """Expected shares where each label, healthy included, is as likely; three are drawn without putting back."""
    if not found:
        return {}
    labels = len(ORDER) + 1
    true = [len(set(each.truth)) for each in found]
    missed = [math.comb(labels - count, 3) / math.comb(labels, 3) for count in true]
    return {
        "hit_at_1": sum(true) / labels / len(found),
        "strict": 1 / labels,
        "hit_at_3": 1 - sum(missed) / len(found),
    }


def _symptoms(found: Sequence[Outcome], fixed: Sequence[Outcome]) -> dict[str, Any]:
    if not found:
        return {}
    said = [(symptoms_only(each) if each.evidence else (), each.truth) for each in found]
    healthy = [guess for guess, truth in said if truth[0] == HEALTHY]
    return {
        "hit_at_1": sum(guess[:1] != () and guess[0] in truth for guess, truth in said) / len(found),
        "strict": sum(guess[:1] == truth[:1] for guess, truth in said) / len(found),
        "hit_at_3": sum(bool(set(guess[:3]) & set(truth)) for guess, truth in said) / len(found),
        "false_alarms": sum(guess[:1] not in ((), (HEALTHY,)) for guess in healthy),
        "fixed_alarms": sum(symptoms_only(each) != (HEALTHY,) for each in fixed),
    }

"""Predicted against real, in numbers: what the report draws or shows for each kind of data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.core.score import Array
from goodfit.core.statistics import Estimate, UnitScores, estimate
from goodfit.core.task import IGNORED, Part, Task
from goodfit.report.views import MOST_POINTS, Content

LAST_STEPS = 56
MOST_CLASSES = 20
MOST_PICTURES = 18
MOST_SENTENCES = 8
MOST_TOKENS = 40
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def _judged(content: Content) -> tuple[Array, Array]:
    """Truth and predictions of the judged part."""
    card, part = content.scorecard, content.judged
    return card.truth[part], card.predictions[part]


def _flat(content: Content) -> tuple[Floats, Floats]:
    truth, predicted = _judged(content)
    return truth.reshape(-1).astype(float), predicted.reshape(-1).astype(float)


# Series


@dataclass(frozen=True, eq=False)
class Lines:
    """The last steps of a series: what was, what the network said the step before, and the best naive guess."""

    days: tuple[date, ...] | None
    """None where the rows are not dated."""
    truth: Floats
    predicted: Floats
    naive_name: str
    naive: Floats | None

    @property
    def error(self) -> float:
        return mean_error(self.truth, self.predicted)

    @property
    def naive_error(self) -> float:
        return math.nan if self.naive is None else mean_error(self.truth, self.naive)

    @property
    def weekly(self) -> bool:
        """Whether the steps are days in a row."""
        return self.days is not None and (self.days[-1] - self.days[0]).days == len(self.days) - 1


@dataclass(frozen=True)
class Weekdays:
    """Mean absolute error of the whole judged part, by day of the week."""

    days: tuple[str, ...]
    rows: tuple[int, ...]
    ours: tuple[Estimate, ...]
    naive_name: str
    naive: tuple[Estimate, ...]


def mean_error(truth: Floats, predicted: Floats) -> float:
    """Mean absolute error over the steps where both are known."""
    errors = np.abs(truth - predicted)
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if len(known) else math.nan


def best_naive(content: Content) -> tuple[str, Floats | None]:
    """The naive guess with the least error on the validation part, so that the test part chooses nothing."""
    part: Part = "validation" if "validation" in content.scorecard.truth else content.judged
    truth = content.scorecard.truth[part].reshape(-1).astype(float)
    known = {name: parts for name, parts in content.task.naive.items() if part in parts and content.judged in parts}
    if not known:
        return "", None
    name = min(known, key=lambda each: mean_error(truth, known[each][part].reshape(-1)))
    return name, known[name][content.judged].reshape(-1)


def lines(content: Content) -> Lines:
    """The last 56 steps (eight weeks of days) of the judged part."""
    truth, predicted = _flat(content)
    name, naive = best_naive(content)
    days, last = dates_of(content), slice(-LAST_STEPS, None)
    return Lines(
        days[last] if days else None, truth[last], predicted[last], name, None if naive is None else naive[last]
    )


def weekdays(content: Content) -> Weekdays | None:
    """The error on each day of the week; None where the rows are not dated or do not cover the week."""
    days = dates_of(content)
    if days is None or len({day.weekday() for day in days}) < len(WEEKDAYS):
        return None
    truth, predicted = _flat(content)
    name, naive = best_naive(content)
    of_week = np.array([day.weekday() for day in days])

    def by_day(guess: Floats) -> tuple[Estimate, ...]:
        return tuple(_mean(np.abs(guess - truth)[of_week == day]) for day in range(len(WEEKDAYS)))

    rows = tuple(int((of_week == day).sum()) for day in range(len(WEEKDAYS)))
    return Weekdays(WEEKDAYS, rows, by_day(predicted), name, () if naive is None else by_day(naive))


def _mean(errors: Floats) -> Estimate:
    known = errors[np.isfinite(errors)]
    return estimate(UnitScores(known, np.ones_like(known)))


def dates_of(content: Content) -> tuple[date, ...] | None:
    """The dates of the judged rows, None unless every row has one."""
    raw = content.task.raw.get(content.judged, ())
    days = [_date(raw[i]) for i in range(len(raw))]
    known = tuple(day for day in days if day is not None)
    return known if known and len(known) == len(days) == len(_judged(content)[0]) else None


def _date(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


# Regression


@dataclass(frozen=True, eq=False)
class Scatter:
    """Predicted against real: the rows drawn, and a summary of all of them by tenth of the real value."""

    truth: Floats
    predicted: Floats
    rows: int
    """Rows with a finite prediction, of which at most 2,000 are drawn."""
    lost: int
    """Rows whose prediction is not a finite number."""
    median_error: float
    worst_error: float
    tenths: tuple[Tenth, ...]


@dataclass(frozen=True)
class Tenth:
    """Rows whose real value is in the same tenth of all."""

    low: float
    high: float
    rows: int
    truth: float
    predicted: float
    error: float


def scatter(content: Content) -> Scatter:
    """Rows of the judged part, the drawn ones chosen at random, with the row of the largest error always among them."""
    truth, predicted = _flat(content)
    finite = np.isfinite(truth) & np.isfinite(predicted)
    lost, truth, predicted = int((~finite).sum()), truth[finite], predicted[finite]
    errors = np.abs(truth - predicted)
    if not len(errors):
        return Scatter(truth, predicted, 0, lost, math.nan, math.nan, ())
    index = np.arange(len(errors))
    if len(index) > MOST_POINTS:
        chosen = np.random.default_rng(0).choice(index, MOST_POINTS - 1, replace=False)
        index = np.union1d(chosen, errors.argmax())
    median, worst = float(np.median(errors)), float(errors.max())
    return Scatter(truth[index], predicted[index], len(errors), lost, median, worst, _tenths(truth, predicted))


def _tenths(truth: Floats, predicted: Floats) -> tuple[Tenth, ...]:
    groups = np.array_split(np.argsort(truth, kind="stable"), 10)
    return tuple(
        Tenth(
            low=float(truth[group].min()),
            high=float(truth[group].max()),
            rows=len(group),
            truth=float(truth[group].mean()),
            predicted=float(predicted[group].mean()),
            error=float(np.abs(truth[group] - predicted[group]).mean()),
        )
        for group in groups
        if len(group)
    )


# Classes


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each real class (rows) was given each predicted class (columns)."""

    classes: tuple[str, ...]
    counts: Integers
    pooled: int
    """Classes that the last row and column stand for; 0 where every class has its own."""
    pooled_right: int
    """Of the last cell, those whose exact class was found."""
    confused: tuple[Confused, ...]

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def right(self) -> int:
        pooled = self.pooled_right - int(self.counts[-1, -1]) if self.pooled else 0
        return int(np.trace(self.counts)) + pooled

    @property
    def shares(self) -> Floats:
        """Each row divided by its sum; zeros where a class never was real."""
        totals = np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        return np.asarray(self.counts / totals, dtype=np.float64)


@dataclass(frozen=True)
class Confused:
    """A real class taken for another."""

    real: str
    predicted: str
    times: int
    of: int
    """Rows or tokens of the real class."""


def class_name(task: Task, index: int) -> str:
    return task.classes[index] if 0 <= index < len(task.classes) else f"class {index}"


def confusion(content: Content) -> Confusion:
    """The confusion matrix of the judged part. Beyond 20 classes the rarer ones are pooled."""
    truth, predicted = _judged(content)
    counted = truth != IGNORED
    real, said = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
    size = max([len(content.task.classes), *(int(each.max(initial=-1)) + 1 for each in (real, said))])
    shown = np.arange(size)
    if size > MOST_CLASSES:
        shown = np.argsort(-np.bincount(real, minlength=size), kind="stable")[: MOST_CLASSES - 1]
    place = np.full(size, len(shown))
    place[shown] = np.arange(len(shown))
    pooled = size - len(shown)
    side = len(shown) + (pooled > 0)
    counts = np.bincount(place[real] * side + place[said], minlength=side * side).reshape(side, side)
    names = [class_name(content.task, int(each)) for each in shown] + (["all others"] if pooled else [])
    inside = (place[real] == len(shown)) & (real == said)
    return Confusion(tuple(names), counts, pooled, int(inside.sum()), _confused(content.task, real, said))


def _confused(task: Task, real: Integers, said: Integers, most: int = 3) -> tuple[Confused, ...]:
    wrong = real != said
    if not wrong.any():
        return ()
    pairs, times = np.unique(np.stack([real[wrong], said[wrong]]), axis=1, return_counts=True)
    return tuple(
        Confused(
            class_name(task, int(pairs[0, i])),
            class_name(task, int(pairs[1, i])),
            int(times[i]),
            int((real == pairs[0, i]).sum()),
        )
        for i in np.argsort(-times, kind="stable")[:most]
    )


# Pictures


@dataclass(frozen=True, eq=False)
class Mistake:
    """A picture whose class was not found; ``row`` counts from 1 within the part."""

    row: int
    picture: NDArray[np.uint8]
    real: str
    predicted: str
    confidence: float
    """Probability given to the predicted class; NaN where none is known."""


@dataclass(frozen=True)
class Mistakes:
    """The worst mistakes, the most confident first; in the order of the rows where no confidence is known."""

    shown: tuple[Mistake, ...]
    total: int
    rows: int
    by_confidence: bool


def mistakes(content: Content) -> Mistakes | None:
    """Pictures that were taken for something else; only those shown are read. None where there are no pictures."""
    raw = content.task.raw.get(content.judged)
    if content.task.kind != "images" or raw is None:
        return None
    truth, predicted = _judged(content)
    wrong = np.flatnonzero(truth != predicted)
    known = (content.probabilities or {}).get(content.judged)
    sure = np.full(len(truth), math.nan) if known is None else known[np.arange(len(truth)), predicted.astype(np.int64)]
    if known is not None:
        wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    shown = tuple(
        Mistake(
            int(i) + 1,
            np.asarray(raw[int(i)], dtype=np.uint8),
            class_name(content.task, int(truth[i])),
            class_name(content.task, int(predicted[i])),
            float(sure[i]),
        )
        for i in wrong[:MOST_PICTURES]
    )
    return Mistakes(shown, len(wrong), len(truth), known is not None)


# Tokens


@dataclass(frozen=True)
class Token:
    """A word with its real and its predicted label."""

    word: str
    real: str
    predicted: str
    wrong: bool


@dataclass(frozen=True)
class Sentence:
    """Tokens in order; ``before`` and ``after`` count those left out at the ends."""

    row: int
    tokens: tuple[Token, ...]
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Sentences:
    """Sentences with at least one wrong label, drawn at random."""

    shown: tuple[Sentence, ...]
    wrong: int
    rows: int


def sentences(content: Content) -> Sentences | None:
    """Example sentences with a mistake; only those shown are read. None where the words are not known."""
    raw = content.task.raw.get(content.judged)
    if content.task.objective != "sequence_labelling" or raw is None:
        return None
    truth, predicted = _judged(content)
    wrong = np.flatnonzero(((truth != predicted) & (truth != IGNORED)).any(axis=1))
    chosen = np.sort(np.random.default_rng(0).permutation(wrong)[:MOST_SENTENCES])
    shown = tuple(_sentence(content.task, int(i), raw[int(i)], truth[i], predicted[i]) for i in chosen)
    return Sentences(shown, len(wrong), len(truth))


def _sentence(task: Task, row: int, words: Sequence[Any], truth: Array, predicted: Array) -> Sentence:
    """The tokens of one sentence; of a long one the stretch that begins a little before its first mistake."""
    length = min(len(words), len(truth))
    wrong = (truth != predicted) & (truth != IGNORED)
    begin = min(max(0, int(wrong.argmax()) - MOST_TOKENS // 4), max(0, length - MOST_TOKENS))
    end = min(length, begin + MOST_TOKENS)
    tokens = tuple(
        Token(str(words[i]), class_name(task, int(truth[i])), class_name(task, int(predicted[i])), bool(wrong[i]))
        for i in range(begin, end)
    )
    return Sentence(row + 1, tokens, begin, length - end)

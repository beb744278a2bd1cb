"""The card at the top of a page: what a person should understand in five seconds, as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from goodfit.core import card, treatment_card
from goodfit.core.evidence import Diagnosis, Evidence, Reading
from goodfit.core.statistics import Estimate
from goodfit.core.treatment import Treatment
from goodfit.report.views import Tone
from goodfit.report.words import count, duration, number

SPACE = "\N{NO-BREAK SPACE}"
SMALL = 10.0
"""Scores below are shown with two decimals; only an R2 far below zero is larger."""
HALF = 0.5
"""An effect is known well where its interval stays above this part of it."""


@dataclass(frozen=True)
class Bar:
    """An error as a share of the best constant's; ``width`` in per cent of the bar's track."""

    name: str
    value: str
    width: float
    now: bool = False
    """Whether it is what the page proposes, rather than what was found."""


@dataclass(frozen=True)
class Confidence:
    """How sure the verdict is, in a word, and by what."""

    word: str
    because: str


@dataclass(frozen=True)
class First:
    """Verdict, how sure it is, what to change, and the errors before and after."""

    headline: str
    tone: Tone
    sentences: tuple[str, ...]
    to_do: str
    """Whether the change is proposed or was made."""
    change: str
    read: str
    """The command that says more of a cause for which no change was tried."""
    confidence: Confidence
    of: str
    """What the bars are: a part of the data."""
    bars: tuple[Bar, ...]
    facts: tuple[tuple[str, str, str], ...]
    """Further figures: name, value, remark."""


def first(diagnosis: Diagnosis, treatment: Treatment | None = None) -> First:
    """The card of a diagnosis, or of the treatment that went on from it."""
    shown = treatment or diagnosis
    sentences = dict.fromkeys((diagnosis.sentence, shown.sentence))
    to_do, change = _to_do(diagnosis, treatment)
    of, bars = _bars(diagnosis, treatment)
    return First(
        headline=treatment_card.headline(treatment) if treatment else diagnosis.cause or "no cause asked for",
        tone=tone(shown),
        sentences=tuple(sentences),
        to_do=to_do,
        change=change,
        read="" if change or not card.is_problem(diagnosis) else f"goodfit explain {diagnosis.cause}",
        confidence=_of_treatment(treatment) if treatment and treatment.applied else _of_diagnosis(diagnosis),
        of=of,
        bars=bars,
        facts=tuple(_facts(diagnosis, treatment)),
    )


def tone(found: Diagnosis | Treatment) -> Tone:
    """Whether the verdict, or what a treatment leaves, calms, calls for attention, or leaves the question open."""
    if found.cause in (None, card.UNDETERMINED):
        return "open"
    return "good" if found.cause == card.HEALTHY else "attention"


def confidence(effect: Estimate, seeds: int) -> Confidence:
    """High where the whole interval is beyond half of the effect, fair where it excludes none, low else.

    ``effect`` is the error taken off; ``seeds`` 0 where the effect is of something other than paired trainings.
    """
    over = f", {count(seeds, 'paired seed')}" if seeds else ""
    word = "High" if effect.low > HALF * effect.value > 0 else "Fair" if effect.low > 0 else "Low"
    return Confidence(word, f"{taken_off(effect)}{over}")


def taken_off(effect: Estimate) -> str:
    """``takes 92 % (86 to 97 %) off the error``, as points of the best constant's."""
    if not math.isfinite(effect.value):
        return "effect unknown"
    least, most = (math.floor(100 * end + 0.5) if math.isfinite(end) else None for end in (effect.low, effect.high))
    ends = f" ({least} to {most}{SPACE}%)" if least is not None and most is not None else " (no interval)"
    return f"takes {round(100 * effect.value)}{SPACE}%{ends} off the error"


def _of_diagnosis(diagnosis: Diagnosis) -> Confidence:
    tried = sum(math.isfinite(each.effect.value) for each in diagnosis.ranked)
    if diagnosis.cause == card.HEALTHY:
        told = f"{count(tried, 'change')} tried, none mends what matters" if tried else "no symptom called for a change"
        return Confidence("High" if tried else "Fair", told)
    if not card.is_problem(diagnosis):
        return Confidence("Open", f"{count(tried, 'change')} tried" if tried else "no change was tried")
    primary = next((each for each in diagnosis.ranked if each.cause == diagnosis.cause), None)
    if primary is None or not math.isfinite(primary.effect.value):
        return Confidence("Low", "seen, but not put to the test")
    if not primary.runs:
        return Confidence(_by_test(primary), "by a test of the data; no training was changed")
    return confidence(primary.effect, len(primary.runs))


def _by_test(evidence: Evidence) -> str:
    return confidence(evidence.effect, 0).word if evidence.reading is Reading.SUPPORTS else "Low"


def _of_treatment(treatment: Treatment) -> Confidence:
    test = treatment.test
    if test is not None and math.isfinite(test.gain.value):
        found = confidence(test.gain, 0)
        return Confidence(found.word, f"{found.because} on {count(test.rows, 'test row')} read once")
    if not math.isfinite(treatment.gain.value):
        return Confidence("Open", "scores before and after are of other rows")
    return confidence(treatment.gain, treatment.after.runs if treatment.after else 0)


def _to_do(diagnosis: Diagnosis, treatment: Treatment | None) -> tuple[str, str]:
    if treatment is not None and treatment.applied:
        return "What was changed", "; then ".join(each.change for each in treatment.applied)
    if not card.is_problem(diagnosis):
        return "What to change", "Nothing" if diagnosis.cause == card.HEALTHY else ""
    change = card.change_of(diagnosis)
    return ("What to change", change) if change else ("", "")


def _bars(diagnosis: Diagnosis, treatment: Treatment | None) -> tuple[str, tuple[Bar, ...]]:
    if treatment is not None and treatment.test is not None:
        return "Test error", _two(treatment.test.before.value, treatment.test.after.value)
    if treatment is not None and treatment.before is not None and treatment.after is not None:
        return "Validation error, mean over seeds", _two(treatment.before.validation, treatment.after.validation)
    if diagnosis.treated is not None:
        return "Validation error, mean over seeds", _two(diagnosis.treated.before[1], diagnosis.treated.after[1])
    known = {name: value for answer in diagnosis.path for name, value in answer.numbers.items()}
    parts = [(part, known.get(f"{part} error", math.nan)) for part in ("training", "validation")]
    return "Error", tuple(_bar(part.capitalize(), value) for part, value in parts if math.isfinite(value))


def _two(before: float, after: float) -> tuple[Bar, ...]:
    return _bar("Before", before), _bar("After", after, now=True)


def _bar(name: str, value: float, *, now: bool = False) -> Bar:
    width = round(100 * min(1.0, max(0.0, value)), 1) if math.isfinite(value) else 0.0
    return Bar(name, card.percent(value), width, now)


def _facts(diagnosis: Diagnosis, treatment: Treatment | None) -> Iterable[tuple[str, str, str]]:
    spent, treated = treatment.cost if treatment else diagnosis.cost, diagnosis.treated
    if treatment is not None and treatment.before is not None and treatment.after is not None:
        before, after = treatment.before, treatment.after
        yield "Training error", f"{card.percent(before.train)} → {card.percent(after.train)}", "of the best constant's"
        if treatment.test is not None:
            shares = f"{card.percent(before.validation)} → {card.percent(after.validation)}"
            yield "Validation error", shares, "of the best constant's"
    elif treated is not None and treatment is None:
        shares = f"{card.percent(treated.before[0])} → {card.percent(treated.after[0])}"
        yield "Training error", shares, "of the best constant's"
        scores = f"{_score(treated.score_before)} → {_score(treated.score_after)}"
        yield "Validation score", scores, "accuracy, or R2 for numbers"
    if spent is not None:
        yield "Cost", f"{spent.trainings:.1f} trainings", f"{count(spent.runs, 'run')}, {duration(spent.seconds)}"


def _score(value: float) -> str:
    """Two decimals, as many as a card needs."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−") if abs(value) < SMALL else number(value, 2)

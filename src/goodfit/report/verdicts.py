"""The page of a diagnosis: the card, every cause with its effect as a forest plot, the path, what was not asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goodfit.core import card
from goodfit.core.evidence import Diagnosis, Evidence, Reading
from goodfit.core.statistics import Estimate
from goodfit.report.html import environment, place
from goodfit.report.views import Tone

LEAST_SPAN = 0.1
"""Share of the constant's error that the axis of effects spans at the least, so that nothing looks like much."""
READ = {
    Reading.SUPPORTS: "the prediction held",
    Reading.CONTRADICTS: "the prediction failed",
    Reading.INCONCLUSIVE: "not decided",
    Reading.NOT_ASKABLE: "cannot be asked",
}


@dataclass(frozen=True)
class Row:
    """A cause as the table shows it; ``at`` places interval and value on the axis of effects, in per cent."""

    cause: str
    primary: bool
    seen: str
    change: str
    effect: str
    at: tuple[float, float, float] | None
    reading: str
    reason: str
    symptom: str


@dataclass(frozen=True)
class Forest:
    """The table of causes; ``zero`` is where no effect lies on the axis, in per cent."""

    rows: tuple[Row, ...]
    zero: float
    low: str
    high: str


def render(diagnosis: Diagnosis, name: str, command: str = "") -> str:
    """The page as text that can be written as UTF-8. ``name`` is what was diagnosed, ``command`` repeats it."""
    page = (
        environment()
        .get_template("diagnosis.html.j2")
        .render(
            d=diagnosis,
            name_of=name,
            command=command,
            tone=tone(diagnosis),
            forest=forest(diagnosis),
            change=card.change_of(diagnosis) if card.is_problem(diagnosis) else "",
            cost=card.cost_of(diagnosis.cost) if diagnosis.cost else "",
            unasked=by_reason(diagnosis.not_asked),
            percent=card.percent,
        )
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def tone(diagnosis: Diagnosis) -> Tone:
    """Whether the verdict calms, calls for attention, or leaves the question open."""
    if card.is_problem(diagnosis):
        return "attention"
    return "good" if diagnosis.cause == card.HEALTHY else "open"


def forest(diagnosis: Diagnosis) -> Forest:
    """The causes that were put to the test on one axis: what each change does to the error; left of zero it mends."""
    tested = [each for each in diagnosis.ranked if _told(each)]
    effects = [_turned(each.effect) for each in tested]
    low, high = _span(effects)
    rows = tuple(
        _row(each, effect, (low, high), each.cause == diagnosis.cause)
        for each, effect in zip(tested, effects, strict=True)
    )
    zero = place(Estimate(0.0, 0.0, 0.0), low, high)
    return Forest(rows, zero[1] if zero else 0.0, card.percent(low, "+"), card.percent(high, "+"))


def by_reason(unasked: Mapping[str, str]) -> dict[str, list[str]]:
    """The questions that share a reason together: most are not asked for the same one."""
    found: dict[str, list[str]] = {}
    for question, reason in unasked.items():
        found.setdefault(reason, []).append(question)
    return found


def _told(evidence: Evidence) -> bool:
    return math.isfinite(evidence.effect.value) or evidence.reading is Reading.NOT_ASKABLE


def _turned(effect: Estimate) -> Estimate:
    """What the change does to the error: negative is better."""
    return Estimate(-effect.value, -effect.high, -effect.low)


def _span(effects: Sequence[Estimate]) -> tuple[float, float]:
    ends = [end for each in effects for end in (each.low, each.value, each.high) if math.isfinite(end)]
    return min([*ends, -LEAST_SPAN]), max([*ends, LEAST_SPAN])


def _row(evidence: Evidence, effect: Estimate, span: tuple[float, float], primary: bool) -> Row:
    return Row(
        cause=evidence.cause,
        primary=primary,
        seen=evidence.seen,
        change=evidence.change,
        effect=card.effect_of(evidence).removeprefix("error "),
        at=place(effect, *span),
        reading=READ[evidence.reading],
        reason=evidence.reason,
        symptom=card.percent(evidence.symptom),
    )

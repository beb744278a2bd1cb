"""The page of a diagnosis, or of a treatment: the card, what was changed, every cause with its effect as a forest plot,
the path, what was not asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goodfit.core import card, treatment_card
from goodfit.core.evidence import Diagnosis, Evidence, Reading
from goodfit.core.statistics import Estimate
from goodfit.core.treatment import Kept, Standing, Treatment
from goodfit.report import curves, tree
from goodfit.report.first import first, tone
from goodfit.report.html import environment, place

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


@dataclass(frozen=True)
class Part:
    """A part of the data before and after: error share of the best constant, score, and how sure that is."""

    name: str
    errors: tuple[str, str]
    scores: tuple[str, str]
    effect: str
    note: str


def render(diagnosis: Diagnosis, name: str, command: str = "", treatment: Treatment | None = None) -> str:
    """The page as text that can be written as UTF-8. ``name`` is what was diagnosed, ``command`` repeats it;
    with ``treatment`` it is the page of that, its diagnosis included.
    """
    spent = treatment.cost if treatment else diagnosis.cost
    walked = tree.walk(diagnosis, tone(diagnosis))
    page = (
        environment()
        .get_template("diagnosis.html.j2")
        .render(
            d=diagnosis,
            name_of=name,
            command=command,
            t=treatment,
            first=first(diagnosis, treatment),
            trees=(tree.wide(walked), tree.narrow(walked)),
            walked=tree.told(walked),
            tone=walked.tone,
            losses=curves.losses(diagnosis),
            parts=parts(treatment) if treatment else (),
            effect_of=treatment_card.effect_of,
            compared=compared,
            forest=forest(diagnosis),
            cost=card.cost_of(spent) if spent else "",
            untried=by_reason(treatment.not_tried) if treatment else {},
            unasked=by_reason(diagnosis.not_asked),
        )
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def parts(treatment: Treatment) -> tuple[Part, ...]:
    """The parts before and after, as far as they are known."""
    before, after, test = treatment.before, treatment.after, treatment.test
    found = []
    if before is not None and after is not None:
        runs = f"mean of {before.runs} and {after.runs} trainings"
        found = [
            _part("training", before, after, "train", "", runs),
            _part("validation", before, after, "validation", treatment_card.interval(treatment.gain), runs),
        ]
    if test is not None:
        errors = card.percent(test.before.value), card.percent(test.after.value)
        scores = card.score(test.score_before), card.score(test.score_after)
        note = f"{test.rows:,} rows, read once, when all was chosen"
        found.append(Part("test", errors, scores, treatment_card.interval(test.gain), note))
    return tuple(found)


def compared(kept: Kept) -> list[str]:
    """What a change was compared with, each with the part of its error that the change takes off."""
    return [f"{name}: {treatment_card.interval(each)}" for name, each in kept.compared.items()]


def _part(name: str, before: Standing, after: Standing, field: str, effect: str, note: str) -> Part:
    errors, scores = ([getattr(each, key) for each in (before, after)] for key in (field, f"{field}_score"))
    shown = [card.percent(each) for each in errors], [card.score(each) for each in scores]
    return Part(name, (shown[0][0], shown[0][1]), (shown[1][0], shown[1][1]), effect, note)


def forest(diagnosis: Diagnosis) -> Forest:
    """The causes that were put to the test on one axis: what each change does to the error; left of zero it mends.

    What should do nothing, such as another seed or a random change, stands below them for comparison.
    """
    tested = [each for each in diagnosis.ranked if _told(each)]
    effects = [_turned(each.effect) for each in tested]
    idle = {name: _turned(each) for name, each in diagnosis.baselines.items() if math.isfinite(each.value)}
    low, high = _span([*effects, *idle.values()])
    rows = tuple(
        _row(each, effect, (low, high), each.cause == diagnosis.cause)
        for each, effect in zip(tested, effects, strict=True)
    )
    rows += tuple(_nothing(name, each, (low, high)) for name, each in idle.items())
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


def _nothing(name: str, effect: Estimate, span: tuple[float, float]) -> Row:
    """A change that should do nothing; ``effect`` is what it does to the error."""
    at, told = place(effect, *span), treatment_card.interval(_turned(effect))
    return Row(name, False, "", "for comparison", told, at, "should do nothing", "", "")

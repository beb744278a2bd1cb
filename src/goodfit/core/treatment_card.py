"""A treatment told: as plain values, as a card of text or HTML, and as the changes to make in one's own script."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from goodfit.core import card
from goodfit.core.card import Json, percent

if TYPE_CHECKING:
    from goodfit.core.statistics import Estimate
    from goodfit.core.treatment import FinalTest, Kept, Standing, Treatment

INDENT = " " * 3


def as_json(treatment: Treatment) -> Json:
    """Everything a treatment holds but the networks, in plain values; numbers are finite or None."""
    flattery, test = treatment.flattery, treatment.test
    found: Json = {
        "cause": treatment.cause,
        "sentence": treatment.sentence,
        "applied": [_kept(each) for each in treatment.applied],
        "before": _standing(treatment.before),
        "after": _standing(treatment.after),
        "gain": card.estimate_json(treatment.gain),
        "test": None if test is None else _tested(test),
        "flattery": {"candidates": flattery.candidates, "value": flattery.value, "sentence": flattery.sentence},
        "choices": list(treatment.choices),
        "not_tried": dict(treatment.not_tried),
        "notes": list(treatment.notes),
        "cost": card.cost_json(treatment.cost),
        "patch": treatment.patch(),
        "diagnosis": card.as_json(treatment.diagnosis),
    }
    cleaned: Json = card.finite(found)
    return cleaned


def text(treatment: Treatment) -> str:
    """A card of a few lines: what was found and is left, what was changed, before and after, cost."""
    return card.text_card(f"goodfit treatment: {headline(treatment)}", treatment.sentence, _rows(treatment))


def html(treatment: Treatment) -> str:
    """The same as HTML that stands alone in a notebook; everything is escaped."""
    return card.html_card(headline(treatment), treatment.sentence, _rows(treatment), card.colour_of(treatment.cause))


def headline(treatment: Treatment) -> str:
    """``overfitting, mended``; ``healthy`` where there was nothing to mend."""
    found = treatment.diagnosis.cause or card.UNDETERMINED
    if not treatment.applied:
        return treatment.cause if treatment.cause == found else f"{found}, not mended"
    if treatment.cause == card.HEALTHY:
        return f"{found}, mended"
    left = "what is left is undetermined" if treatment.cause == card.UNDETERMINED else f"{treatment.cause} is left"
    return f"{found}, mended in part: {left}"


def patch(treatment: Treatment) -> str:
    """The changes in plain words, numbered, each with reason, source, evidence and the lines for one's own script."""
    if not treatment.applied:
        return "Nothing to change: the recipe stays as it is.\n"
    lines = ["Changes to make in your own script, in this order.", ""]
    for number, each in enumerate(treatment.applied, 1):
        lines += [f"{number}. {each.change}", *_reasons(each), ""]
    if treatment.notes:
        lines += ["Notes", *(line for each in treatment.notes for line in card.wrapped(each, f"{INDENT}- ")), ""]
    return "\n".join(lines).rstrip() + "\n"


def evidence_of(kept: Kept) -> str:
    """``error -34 % [-40 %, -28 %] of the best constant's``, by which rows, and what it was compared with."""
    if not math.isfinite(kept.effect.value):
        return f"judged by {kept.judged}; scores before and after are of other rows"
    among = f", the best of {kept.among} candidates" if kept.among and kept.among > 1 else ""
    others = "; ".join(f"against {name}: error {interval(each)}" for name, each in list(kept.compared.items())[1:])
    told = f"error {effect_of(kept)}, judged by {kept.judged}{among}"
    return f"{told}; {others}" if others else told


def effect_of(kept: Kept) -> str:
    """``-34 % [-40 %, -28 %] of what it was``; empty where nothing is known."""
    effect = interval(kept.effect)
    whole = "what it was" if kept.relative else "the best constant's"
    return f"{effect} of {whole}" if effect else ""


def interval(effect: Estimate) -> str:
    """What a change does to the error, with its interval: ``-34 % [-40 %, -28 %]``; empty where nothing is known."""
    if not math.isfinite(effect.value):
        return ""
    ends = f" [{percent(-effect.high, '+')}, {percent(-effect.low, '+')}]" if math.isfinite(effect.low) else ""
    return f"{percent(-effect.value, '+')}{ends}"


def _reasons(kept: Kept) -> Iterator[str]:
    for name, value in (("why", kept.reason), ("source", kept.source), ("harm", kept.harms)):
        if value:
            yield from card.wrapped(value, f"{INDENT}{name + ':':<10}")
    yield from card.wrapped(evidence_of(kept), f"{INDENT}evidence: ")
    if kept.code:
        yield f"{INDENT}code:"
        yield textwrap.indent(kept.code.strip("\n"), INDENT * 2)


def _rows(treatment: Treatment) -> Iterator[tuple[str, str]]:
    for number, each in enumerate(treatment.applied, 1):
        effect = effect_of(each)
        yield (
            f"change {number}" if len(treatment.applied) > 1 else "change",
            each.change + (f" (error {effect})." if effect else "."),
        )
    before, after = treatment.before, treatment.after
    if before is not None and after is not None:
        told = before_and_after(before, after) if treatment.applied else as_it_is(before)
        yield "effect" if treatment.applied else "error", f"{told}."
    if (effect := interval(treatment.gain)) and treatment.applied:
        yield "in all", f"validation error {effect} of the best constant's."
    if treatment.test is not None:
        yield "test", told_of_test(treatment.test, bool(treatment.applied))
    if treatment.applied:
        yield "choice", treatment.flattery.sentence
    if treatment.choices:
        yield "folds", " ".join(treatment.choices)
    if treatment.not_tried:
        yield "untried", f"{len(treatment.not_tried)} remedies, with reasons in not_tried."
    yield "cost", f"{card.cost_of(treatment.cost)}."


def before_and_after(before: Standing, after: Standing) -> str:
    """Errors as shares of the best constant's, and the validation score."""
    parts = (
        f"training {percent(before.train)} -> {percent(after.train)}",
        f"validation {percent(before.validation)} -> {percent(after.validation)} of the best constant's error",
        f"score {card.score(before.validation_score)} -> {card.score(after.validation_score)}",
    )
    return ", ".join(parts)


def as_it_is(standing: Standing) -> str:
    """The same of a job that stays as it is."""
    shares = f"training {percent(standing.train)}, validation {percent(standing.validation)}"
    return f"{shares} of the best constant's error, score {card.score(standing.validation_score)}"


def told_of_test(test: FinalTest, mended: bool) -> str:
    """The one reading of the test part."""
    if not mended:
        return f"error {percent(test.before.value)}, score {card.score(test.score_before)}."
    effect = interval(test.gain)
    errors = f"error {percent(test.before.value)} -> {percent(test.after.value)}{f' ({effect})' if effect else ''}"
    return f"{errors}, score {card.score(test.score_before)} -> {card.score(test.score_after)}."


def _kept(kept: Kept) -> Json:
    return {
        "cause": kept.cause,
        "change": kept.change,
        "fields": list(kept.fields),
        "reason": kept.reason,
        "source": kept.source,
        "harms": kept.harms,
        "code": kept.code,
        "judged": kept.judged,
        "effect": card.estimate_json(kept.effect),
        "relative": kept.relative,
        "compared": _estimates(kept.compared),
        "among": kept.among,
    }


def _estimates(found: Mapping[str, Estimate]) -> Json:
    return {name: card.estimate_json(each) for name, each in found.items()}


def _standing(standing: Standing | None) -> Json | None:
    if standing is None:
        return None
    return {
        "train": standing.train,
        "validation": standing.validation,
        "train_score": standing.train_score,
        "validation_score": standing.validation_score,
        "runs": standing.runs,
    }


def _tested(test: FinalTest) -> Json:
    return {
        "rows": test.rows,
        **_estimates({"before": test.before, "after": test.after, "gain": test.gain}),
        "score_before": test.score_before,
        "score_after": test.score_after,
    }

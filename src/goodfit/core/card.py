"""A diagnosis told: as plain values, as a short card of text, and as a card of HTML."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from goodfit.core.evidence import Answer, Cost, Curve, Diagnosis, Evidence, Treated
    from goodfit.core.statistics import Estimate

Json = dict[str, Any]

WIDTH = 88
SHOWN = 3
"""Causes after the first that a card names."""
HEALTHY, UNDETERMINED = "healthy", "undetermined"


def is_problem(diagnosis: Diagnosis) -> bool:
    """Whether a cause was found."""
    return diagnosis.cause not in (None, HEALTHY, UNDETERMINED)


def as_json(diagnosis: Diagnosis) -> Json:
    """Everything a diagnosis holds, in plain values and a fixed order of keys; numbers are finite or None."""
    found: Json = {
        "cause": diagnosis.cause,
        "sentence": diagnosis.sentence,
        "ranked": [_evidence(each) for each in diagnosis.ranked],
        "consequences": dict(diagnosis.consequences),
        "further": list(diagnosis.further),
        "path": [_answer(each) for each in diagnosis.path],
        "not_asked": dict(diagnosis.not_asked),
        "cost": None if diagnosis.cost is None else cost_json(diagnosis.cost),
        "treated": None if diagnosis.treated is None else _treated(diagnosis.treated),
        "baselines": {name: estimate_json(each) for name, each in diagnosis.baselines.items()},
        "curves": [_curve(each) for each in diagnosis.curves],
    }
    cleaned: Json = finite(found)
    return cleaned


def text(diagnosis: Diagnosis) -> str:
    """A card of a few lines: cause, sentence, what to change, before and after, what came next, cost."""
    head = diagnosis.cause or "no cause asked for"
    return text_card(f"goodfit diagnosis: {head}", _sentence(diagnosis), _rows(diagnosis))


def html(diagnosis: Diagnosis) -> str:
    """The same as HTML that stands alone in a notebook; everything is escaped, colours follow the page's."""
    head = diagnosis.cause or "no cause asked for"
    return html_card(head, _sentence(diagnosis), _rows(diagnosis), colour_of(diagnosis.cause))


def text_card(head: str, sentence: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"<{head}>", *wrapped(sentence)]
    for name, value in rows:
        lines += wrapped(value, f"  {name + ':':<9}")
    return "\n".join(lines)


def html_card(head: str, sentence: str, rows: Iterable[tuple[str, str]], colour: str) -> str:
    told = "".join(
        f'<tr><td style="text-align:left;opacity:.7;white-space:nowrap">{escape(name)}</td>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return (
        f'<div style="border-left:4px solid {colour};padding:.2em .9em;max-width:50em">'
        f'<div style="font-weight:600;font-size:1.15em">{escape(head)}</div>'
        f"<div>{escape(sentence)}</div>"
        f'<table style="margin:.4em 0 0">{told}</table></div>'
    )


def colour_of(cause: str | None) -> str:
    """Calm for healthy, grey for what is open, a warning else."""
    return {HEALTHY: "#00724f", UNDETERMINED: "#5d6166", None: "#5d6166"}.get(cause, "#b84b00")


def change_of(diagnosis: Diagnosis) -> str:
    """What mends the job: the changes made, or the one that was tried for the primary cause."""
    if diagnosis.treated is not None and diagnosis.treated.changes:
        return "; then ".join(diagnosis.treated.changes)
    primary = next((each for each in diagnosis.ranked if each.cause == diagnosis.cause), None)
    return primary.change if primary is not None else ""


def before_and_after(treated: Treated) -> str:
    """``validation error 38 % of the constant's -> 4 %, score 0.62 -> 0.96``."""
    (_, before), (_, after) = treated.before, treated.after
    shares = f"validation error {percent(before)} of the best constant's -> {percent(after)}"
    return f"{shares}, score {score(treated.score_before)} -> {score(treated.score_after)}"


def effect_of(evidence: Evidence) -> str:
    """``error -34 % [-40 %, -28 %]``, or nothing where no experiment was run: what the change does to the error."""
    effect = evidence.effect
    if not math.isfinite(effect.value):
        return ""
    ends = f" [{percent(-effect.high, '+')}, {percent(-effect.low, '+')}]" if math.isfinite(effect.low) else ""
    return f"error {percent(-effect.value, '+')}{ends}"


def cost_of(cost: Cost) -> str:
    """``4.0 trainings' worth of work in 5 runs, 12 s``."""
    runs = f"{cost.runs} run{'' if cost.runs == 1 else 's'}"
    return f"{cost.trainings:.1f} trainings' worth of work in {runs}, {cost.seconds:.0f} s"


def next_causes(diagnosis: Diagnosis, most: int = SHOWN) -> tuple[Evidence, ...]:
    """The causes that come after the primary one and were put to the test."""
    tested = [each for each in diagnosis.ranked if each.cause != diagnosis.cause and math.isfinite(each.effect.value)]
    return tuple(tested[:most])


def percent(share: float, sign: str = "") -> str:
    """``+12 %``; a dash for what is no number."""
    if not math.isfinite(share):
        return "–"
    return f"{round(100 * share) + 0:{sign}d} %".replace("+0 %", "0 %")


def _rows(diagnosis: Diagnosis) -> Iterable[tuple[str, str]]:
    if is_problem(diagnosis) and (change := change_of(diagnosis)):
        yield "change", f"{change}."
    if diagnosis.treated is not None:
        yield "effect", f"{before_and_after(diagnosis.treated)}."
    if following := next_causes(diagnosis):
        yield "next", "; ".join(f"{each.cause} ({effect_of(each)}, {each.reading.value})" for each in following) + "."
    if diagnosis.consequences:
        yield "explains", ", ".join(diagnosis.consequences) + "."
    if diagnosis.further:
        yield "further", ", ".join(diagnosis.further) + " (beside it, or on the mended job)."
    if diagnosis.cost is not None:
        yield "cost", f"{cost_of(diagnosis.cost)}."


def _sentence(diagnosis: Diagnosis) -> str:
    return " ".join(diagnosis.sentence.split())


def wrapped(value: str, first: str = "  ") -> list[str]:
    return textwrap.wrap(value, WIDTH, initial_indent=first, subsequent_indent=" " * len(first)) or [first.rstrip()]


def score(value: float) -> str:
    """Three digits; a dash for what is no number."""
    return f"{value:.3g}" if math.isfinite(value) else "–"


def _evidence(evidence: Evidence) -> Json:
    return {
        "cause": evidence.cause,
        "symptom": evidence.symptom,
        "seen": evidence.seen,
        "prediction": evidence.prediction,
        "change": evidence.change,
        "fields": list(evidence.fields),
        "runs": list(evidence.runs),
        "effect": estimate_json(evidence.effect),
        "reading": evidence.reading.value,
        "reason": evidence.reason,
        "value": evidence.value,
    }


def _answer(answer: Answer) -> Json:
    return {
        "question": answer.question,
        "answer": answer.answer,
        "sentence": answer.sentence,
        "numbers": dict(answer.numbers),
    }


def cost_json(cost: Cost) -> Json:
    return {"trainings": cost.trainings, "seconds": round(cost.seconds, 3), "runs": cost.runs}


def _treated(treated: Treated) -> Json:
    (train, validation), (mended_train, mended_validation) = treated.before, treated.after
    return {
        "changes": list(treated.changes),
        "fields": list(treated.fields),
        "before": {"train": train, "validation": validation},
        "after": {"train": mended_train, "validation": mended_validation},
        "score_before": treated.score_before,
        "score_after": treated.score_after,
    }


def _curve(curve: Curve) -> Json:
    return {
        "seed": curve.seed,
        "changed": curve.changed,
        "epochs": list(curve.epochs),
        "train": list(curve.train),
        "validation": list(curve.validation),
    }


def estimate_json(estimate: Estimate) -> Json:
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return {"value": estimate.value, "interval": [estimate.low, estimate.high] if known else None}


def finite(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of numpy or torch
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value

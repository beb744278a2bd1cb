"""The path of a diagnosis through the guide: each question with its answer and the numbers it was judged by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from goodfit.causes.facts import Facts
from goodfit.core.evidence import Answer
from goodfit.guide.candidate import SMALL, Candidate
from goodfit.guide.tree import BIAS, CAUSES_AT, CRITICAL, GAP, SOUND, TRAINING, VALIDATION, leaf_of, route

NAN = math.nan
UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Judged:
    """The numbers of a diagnosis that its path is judged by; errors are shares of the best constant's."""

    train: float
    validation: float
    reach: float = NAN
    """A simple model's error on training rows it has not seen."""
    reach_validation: float = NAN
    treated: float = NAN
    """Smallest training error of a changed run, more flexible networks left out."""
    treated_by: str = ""
    flexible: float = NAN
    """Smallest training error of a run with a more flexible network."""
    symptom: float = NAN
    """Of the cause found."""
    seen: str = ""
    critical: str = ""
    """What kind of point the run ended at, in words."""
    gradient: float = NAN
    """Norm of the gradient there."""
    separability: tuple[float, float, float] = (NAN, NAN, NAN)
    """How well a classifier tells validation rows from training rows, 0.5 is chance: value, low, high."""
    restrained: float = NAN
    """Smallest validation error of a run with more restraint."""


def judged(facts: Facts, candidates: Mapping[str, Candidate], label: str) -> Judged:
    """What the facts and the experiments of the first round say to each question."""
    bias = set(CAUSES_AT["model bias"])
    cheap, by = _least((c for name, c in candidates.items() if name not in bias | {"overfitting"}), "train")
    flexible, _ = _least((c for name, c in candidates.items() if name in bias), "train")
    restrained, _ = _least((c for name, c in candidates.items() if name == "overfitting"), "validation")
    found = candidates.get(label)
    critical, drift = facts.end.critical, facts.data.drift
    apart = drift.separability if drift is not None else None
    return Judged(
        train=facts.train_error,
        validation=facts.validation_error,
        reach=facts.reach if facts.data.quick is not None else NAN,
        reach_validation=facts.reach_validation if facts.data.quick is not None else NAN,
        treated=cheap,
        treated_by=by,
        flexible=flexible,
        symptom=found.symptom.score if found else NAN,
        seen=found.symptom.sentence if found else "",
        critical=critical.sentence if critical is not None else "",
        gradient=critical.gradient_norm if critical is not None else NAN,
        separability=(apart.value, apart.low, apart.high) if apart is not None else (NAN, NAN, NAN),
        restrained=restrained,
    )


def path(verdict: str, numbers: Judged, large: float) -> tuple[Answer, ...]:
    """The answers that lead to the verdict's leaf; an undetermined one ends at the question that stays open.

    ``large`` is how far an error must lie above what a simple model reaches to be unexplained.
    """
    if verdict == UNDETERMINED:
        steps = [*_open(numbers, large)]
    else:
        steps = [(each.name, answer) for each, answer in route(leaf_of(verdict))]
    return tuple(Answer(name, answer, *SENTENCES[name](numbers, answer)) for name, answer in steps)


def _open(numbers: Judged, large: float) -> tuple[tuple[str, str], ...]:
    """As far as the numbers lead."""
    known = numbers.reach if math.isfinite(numbers.reach) else 1.0
    if numbers.train > max(min(known, 1.0) + large, SMALL) or numbers.train > 0.9:
        return (SOUND, "yes"), (TRAINING, "large"), (BIAS, UNDETERMINED)
    if numbers.validation > numbers.train + large:
        return (SOUND, "yes"), (TRAINING, "small"), (VALIDATION, "large"), (GAP, UNDETERMINED)
    return (SOUND, "yes"), (TRAINING, UNDETERMINED)


Told = tuple[str, dict[str, float]]


def _sound(numbers: Judged, answer: str) -> Told:
    if answer == "yes":
        return "No question to the data, the set-up or one step of training shows what explains the errors.", {}
    told = _capital(numbers.seen) or "A question to the data or the set-up shows it"
    return f"{told}.", _known({"symptom": numbers.symptom})


def _training(numbers: Judged, answer: str) -> Told:
    rivals = [("a simple model reaches", numbers.reach)]
    if numbers.treated_by:
        rivals.append(("the best changed run", numbers.treated))
    told = _against(f"The training error is {_share(numbers.train)} of the best constant's", rivals)
    return told, _known(
        {"training error": numbers.train, "simple model": numbers.reach, "changed run": numbers.treated}
    )


def _bias(numbers: Judged, answer: str) -> Told:
    flexible = (
        f"A more flexible network reaches {_share(numbers.flexible)} of the constant's error in training"
        if math.isfinite(numbers.flexible)
        else "A more flexible network was not tried"
    )
    cheaper = (
        f"the best other change reaches {_share(numbers.treated)} ({numbers.treated_by})"
        if numbers.treated_by
        else "no other change was tried"
    )
    values = {
        "training error": numbers.train,
        "more flexible network": numbers.flexible,
        "other change": numbers.treated,
    }
    return f"{flexible}; {cheaper}.", _known(values)


def _critical(numbers: Judged, answer: str) -> Told:
    told = numbers.critical or "The point that the run ended at could not be examined"
    return f"{told.rstrip('.')}.", _known({"gradient norm": numbers.gradient})


def _validation(numbers: Judged, answer: str) -> Told:
    own, learnt = _share(numbers.validation), _share(numbers.train)
    told = f"The validation error is {own} of the best constant's, {learnt} in training"
    values = {
        "validation error": numbers.validation,
        "training error": numbers.train,
        "simple model": numbers.reach_validation,
    }
    return _against(told, [("a simple model reaches", numbers.reach_validation)]), _known(values)


def _gap(numbers: Judged, answer: str) -> Told:
    value, low, high = numbers.separability
    parts = []
    if math.isfinite(value):
        ends = f" [{low:.2f}, {high:.2f}]" if math.isfinite(low) and math.isfinite(high) else ""
        parts.append(f"A classifier tells the two parts apart with {value:.2f}{ends}, 0.5 is chance")
    if math.isfinite(numbers.restrained):
        parts.append(f"With more restraint the validation error is {_share(numbers.restrained)}")
    if numbers.seen:
        parts.append(_capital(numbers.seen))
    values = {"separability": value, "low": low, "high": high, "with restraint": numbers.restrained}
    return (". ".join(parts) + "." if parts else "Neither could be tested."), _known(values)


SENTENCES: Mapping[str, Callable[[Judged, str], Told]] = {
    SOUND: _sound,
    TRAINING: _training,
    BIAS: _bias,
    CRITICAL: _critical,
    VALIDATION: _validation,
    GAP: _gap,
}
"""What is said to each question, and the numbers it is judged by."""


def _least(candidates: Iterable[Candidate], part: str) -> tuple[float, str]:
    """Smallest error of a changed run on a part, and what was changed."""
    tried = [
        (trial.train.error if part == "train" else trial.validation.error, each.effect.change.words)
        for each in candidates
        if each.effect is not None
        for trial in each.effect.trials
    ]
    return min(tried, default=(NAN, ""))


def _against(told: str, rivals: Iterable[tuple[str, float]]) -> str:
    said = [f"{words} {_share(value)}" for words, value in rivals if math.isfinite(value)]
    return f"{told}; {', '.join(said)}." if said else f"{told}."


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else "unknown"

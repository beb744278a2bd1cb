"""A whole diagnosis: rounds of questions, each on the job as mended so far, and the verdict in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from goodfit.causes import Branch, Facts
from goodfit.causes.facts import DataFacts
from goodfit.core.evidence import Curve, Diagnosis, Treated
from goodfit.core.job import Job
from goodfit.core.progress import Inquiry, Unheard
from goodfit.core.run import Outcome
from goodfit.core.trial import Trial
from goodfit.guide.candidate import LARGE, PLAIN, PLAINEST, SMALL, Candidate, ranked
from goodfit.guide.experiments import Allowance, Laboratory, OutOfBudget, changed, rows_of, shortened
from goodfit.guide.inquiry import Round
from goodfit.guide.inspection import inspect_data, inspect_end, inspect_model
from goodfit.guide.path import judged
from goodfit.guide.path import path as walked

MOST_ROUNDS = 4
AMPLE = 10.0
"""Trainings from which causes are tried at full length; below, short runs of a share of the rows come first."""
KEPT = 2.0
TRIED = 8.0
"""With fewer trainings, so many are kept for control and confirmation, and the rest is cut into so many short runs."""
SHORTEST = 0.1
"""With a fiftieth of the rows no rate and no loss shows what it does: pictures made 16 updates."""
LUCKY = (Branch.SETUP, Branch.OPTIMISATION)
"""Where the faults are that a lucky start may hide."""
ROUND_COST = 3.0
"""Trainings that a further round needs at the least."""
MOST_EPOCHS = 200
"""Epochs of a training whose losses a diagnosis keeps: as many as a picture can show."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A finished round."""

    round: Round
    cause: Candidate | None
    controls: tuple[Trial, ...]

    @property
    def mended(self) -> Job:
        """The job of the round with the change that mends it, if there is one."""
        job = self.round.facts.job
        return changed(job, self.cause.change) if self.cause is not None and self.cause.change is not None else job


def diagnose(
    job: Job,
    *,
    trainings: float = 16.0,
    seconds: float | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    inquiry: Inquiry | None = None,
) -> Diagnosis:
    """Ask why ``job`` does not fit, within ``trainings`` (of its own length) and ``seconds``."""
    allowance = Allowance(trainings, seconds)
    rounds = examine(job, allowance, seeds, inquiry or Unheard())
    return replace(concluded(rounds, allowance), rounds=tuple(rounds))


def examine(job: Job, allowance: Allowance, seeds: Sequence[int], inquiry: Inquiry) -> list[Asked]:
    """All rounds: the first one asks about ``job``, each further one about the job as mended so far."""
    inquiry.asking("is the job sound? Questions to the data")
    data, not_run = inspect_data(job, seeds[0])
    first = _round(job, data, Laboratory(job, seeds, allowance), inquiry, not_run)
    unlucky = _other_start(first, inquiry)
    if unlucky is not None:
        first = _round(job, data, unlucky, inquiry, not_run)
    rounds = [first]
    while len(rounds) < MOST_ROUNDS and (further := _further(rounds, seeds, allowance, inquiry)) is not None:
        rounds.append(further)
        if further.cause is None:
            break
    return rounds


def _round(
    job: Job,
    data: DataFacts,
    laboratory: Laboratory,
    inquiry: Inquiry,
    not_run: dict[str, str],
    mended: frozenset[str] = frozenset(),
) -> Asked:
    seed = laboratory.seeds[0]
    model, more = inspect_model(job, seed)
    inquiry.asking("how does the job train as it is?")
    control = laboratory.control()
    end, still_more = inspect_end(job, control, seed)
    facts = Facts(job, data, model, end, control, {**not_run, **more, **still_more})
    inquiry.found(
        f"error {facts.train_error:.0%} of the constant's in training, {facts.validation_error:.0%} in validation"
    )
    asked = Round.of(facts, laboratory, _screen(laboratory), inquiry, mended)
    cause = asked.run()
    return Asked(asked, cause, tuple(laboratory.controls()))


def _other_start(asked: Asked, inquiry: Inquiry) -> Laboratory | None:
    """The experiments with a seed first that fails, where the first one did well in spite of a plain symptom.

    One good start does not make a job healthy.
    """
    laboratory, candidates = asked.round.laboratory, asked.round.candidates.values()
    symptom = max((c.symptom.score for c in candidates if c.cause.branch in LUCKY), default=0.0)
    if symptom < PLAIN or _verdict(asked)[0] != "healthy":
        return None
    for index in range(1, len(laboratory.seeds) if symptom >= PLAINEST else min(2, len(laboratory.seeds))):
        seed = laboratory.seeds[index]
        inquiry.asking(f"does it fit with another seed as well? (seed {seed})")
        try:
            other = laboratory.control(index)
        except OutOfBudget:
            return None
        inquiry.found(f"error {other.train.error:.0%} of the constant's in training")
        if other.train.error > asked.round.facts.train_error + LARGE:
            order = laboratory.seeds[index:] + laboratory.seeds[:index]  # starts that did well come last
            found = Laboratory(laboratory.job, order, laboratory.allowance, rows=laboratory.rows)
            found.known = dict(laboratory.known)
            return found
    return None


def _screen(laboratory: Laboratory) -> Laboratory:
    """Where causes are tried first."""
    allowance = laboratory.allowance
    if allowance.trainings >= AMPLE:
        return laboratory
    share = max(SHORTEST, (allowance.trainings - KEPT) / TRIED)
    short = shortened(laboratory.job, share)
    return Laboratory(short, laboratory.seeds, allowance, rows=rows_of(laboratory.job))


def _further(rounds: list[Asked], seeds: Sequence[int], allowance: Allowance, inquiry: Inquiry) -> Asked | None:
    """The next round, on the job mended so far; None where nothing is left to ask or to spend."""
    last = rounds[-1]
    if last.cause is None or last.cause.change is None or last.cause.effect is None:
        return None
    treated = last.cause.effect.trials
    reach = min(last.round.facts.reach, last.round.facts.reach_validation)
    error = sum(t.validation.error for t in treated) / len(treated)
    if error < reach + SMALL or allowance.trainings - allowance.spent < ROUND_COST:
        return None
    job = changed(last.round.facts.job, last.cause.change)
    laboratory = Laboratory(job, seeds, allowance, rows=last.round.laboratory.rows)
    laboratory.known = {("", t.seed): replace(t, change="", fields=()) for t in treated}
    inquiry.asking("what is left on the mended job?")
    try:
        mended = frozenset(each.cause.cause.label for each in rounds if each.cause is not None)
        data, not_run = last.round.facts.data, dict(last.round.facts.not_run)
        if "task.validation" in last.cause.change.fields:  # other rows: what was found of the old ones no longer holds
            data, not_run = inspect_data(job, seeds[0])
        return _round(job, data, laboratory, inquiry, not_run, mended)
    except OutOfBudget:
        return None


def concluded(rounds: Sequence[Asked], allowance: Allowance) -> Diagnosis:
    """The verdict of all rounds."""
    first = rounds[0]
    candidates = ranked(tuple(first.round.candidates.values()))
    found = [each.cause for each in rounds if each.cause is not None]
    label, sentence = _verdict(first)
    path = walked(label, judged(first.round.facts, first.round.candidates, label), LARGE)
    return Diagnosis(
        cause=label,
        sentence=sentence,
        path=path,
        ranked=tuple(each.evidence() for each in candidates),
        not_asked={**first.round.not_asked, **first.round.facts.not_run},
        consequences=_consequences(rounds),
        further=tuple(dict.fromkeys([*(c.partner for c in found if c.partner), *(c.cause.label for c in found[1:])])),
        cost=allowance.cost,
        treated=_treated(rounds),
        baselines=dict(first.round.baselines),
        curves=_curves(rounds),
    )


def _verdict(first: Asked) -> tuple[str, str]:
    facts = first.round.facts
    if first.cause is not None:
        cause = first.cause.cause
        return (
            cause.label,
            f"{cause.meaning} {first.cause.symptom.sentence[:1].upper()}{first.cause.symptom.sentence[1:]}.",
        )
    if facts.control.outcome is Outcome.OUT_OF_TIME:
        return "undetermined", "Undetermined: the budget ended before one training did."
    reach = min(facts.reach, 1.0)
    if first.round.out_of_budget and facts.train_error > SMALL:
        return "undetermined", f"Undetermined: the budget ended ({first.round.out_of_budget})."
    if facts.train_error > 0.9 or facts.train_error > max(reach + LARGE, SMALL) or facts.train_error > 0.95 > reach:
        return "undetermined", "Undetermined: the training error is large, and no change that was tried mends it."
    if facts.validation_error > facts.reach_validation + LARGE and facts.validation_error > facts.train_error + LARGE:
        return "undetermined", "Undetermined: the validation error is large, and no change that was tried mends it."
    return "healthy", "The network fits, and no change that was tried mends anything that matters."


def _consequences(rounds: Sequence[Asked]) -> dict[str, str]:
    """Symptoms of the first round that are gone once its cause is mended."""
    first = rounds[0]
    if first.cause is None or first.cause.effect is None or first.cause.change is None:
        return {}
    strong = [c for c in first.round.candidates.values() if c.symptom.score >= 0.4 and c is not first.cause]
    if not strong:
        return {}
    job = changed(first.round.facts.job, first.cause.change)
    seed = first.round.laboratory.seeds[0]
    trial = first.cause.effect.trials[0]
    model, _ = inspect_model(job, seed)
    end, _ = inspect_end(job, trial, seed)
    facts = Facts(job, first.round.facts.data, model, end, trial, {})
    found = {}
    for candidate in strong:
        if candidate.cause.label in (first.cause.cause.label, first.cause.partner):
            continue
        after = candidate.cause.symptom(facts).score
        if after < candidate.symptom.score / 2:
            found[candidate.cause.label] = (
                f"{candidate.symptom.sentence}; gone once {first.cause.cause.label} is mended"
            )
    return found


def _treated(rounds: Sequence[Asked]) -> Treated | None:
    made = [each.cause for each in rounds if each.cause is not None and each.cause.effect is not None]
    if not made or made[-1].effect is None:
        return None
    before, after = rounds[0].controls, made[-1].effect.trials

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    return Treated(
        changes=tuple(each.change.words for each in made if each.change),
        fields=tuple(name for each in made if each.change for name in each.change.fields),
        before=(mean([t.train.error for t in before]), mean([t.validation.error for t in before])),
        after=(mean([t.train.error for t in after]), mean([t.validation.error for t in after])),
        score_before=mean([t.validation.score for t in before]),
        score_after=mean([t.validation.score for t in after]),
    )


def _curves(rounds: Sequence[Asked]) -> tuple[Curve, ...]:
    """How the job trained as it was found, and with the changes of all rounds."""
    made = [each.cause.effect for each in rounds if each.cause is not None and each.cause.effect is not None]
    found = [_curve(each, changed=False) for each in rounds[0].controls]
    found += [_curve(each, changed=True) for each in (made[-1].trials if made else ())]
    return tuple(each for each in found if each.epochs)


def _curve(trial: Trial, *, changed: bool) -> Curve:
    last = min(len(trial.train_losses), len(trial.validation_losses))
    count = min(last, MOST_EPOCHS)
    kept = [round(each * (last - 1) / max(1, count - 1)) for each in range(count)]
    train, validation = (
        tuple(float(losses[each]) for each in kept) for losses in (trial.train_losses, trial.validation_losses)
    )
    return Curve(trial.seed, changed, tuple(each + 1 for each in kept), train, validation)

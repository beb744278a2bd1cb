"""Mend a job: the confirmed changes first, then better remedies of the causes found, each against what chance does.

Where a remedy changes how the network is trained, held-out folds choose (`goodfit.guide.choice`); where it changes
training rows, the validation rows do; where it changes what scores are measured on, the fault itself has to be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from goodfit.causes import CAUSES, Change, Facts
from goodfit.core.coding import WORST
from goodfit.core.errors import TrainingError
from goodfit.core.evidence import Cost, Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Inquiry, Unheard
from goodfit.core.statistics import Estimate
from goodfit.core.trial import Trial
from goodfit.data.folds import folds, on_fold
from goodfit.guide.candidate import FAINT, LARGE, SMALL, Candidate
from goodfit.guide.chance import drawn
from goodfit.guide.choice import FINALISTS, Choice, Read, choose
from goodfit.guide.diagnosis import Asked, concluded, examine
from goodfit.guide.experiments import Allowance, Effect, Laboratory, OutOfBudget, changed, rows_of
from goodfit.guide.ranging import ranged
from goodfit.models.surgery import NotAskable
from goodfit.remedies import Judged, Remedy, remedies_for
from goodfit.remedies.optimisation import RATE

FOLDS, FEWEST_FOLDS = 5, 3
COMPARED = 3
"""Trainings a fold that a choice takes besides those of the candidates: two as it is, one of a random change."""
ROOM = 6.0
"""Trainings a fold: a few candidates on the first folds, then the best two with all that they are compared with."""
Unfit = Callable[[Job, Change], str]
"""Why a change is not made to a job, whatever it does to the error; empty where it may be made."""
MOST_CHOICES = 3
"""Remedies that are added to the confirmed changes at most: each further one is chosen among fewer that help."""


@dataclass(frozen=True, eq=False)
class Applied:
    """One change that was kept, and what speaks for it. Errors are shares of the best constant's."""

    cause: str
    change: Change
    judged: Judged
    effect: Estimate
    """How much lower the error is with it."""
    compared: Mapping[str, Estimate] = field(default_factory=dict)
    """The same against each comparison: as it is, another seed, a random change."""
    remedy: Remedy | None = None
    """None for the change that the diagnosis itself confirmed."""


@dataclass(frozen=True, eq=False)
class Course:
    """All that was done: the rounds of the diagnosis, what was kept, and the job before and after."""

    diagnosis: Diagnosis
    facts: Facts
    """What was measured of the job as it was found."""
    applied: tuple[Applied, ...]
    job: Job
    mended: Job
    before: tuple[Trial, ...]
    after: tuple[Trial, ...]
    choices: tuple[Choice, ...]
    not_tried: Mapping[str, str]
    cost: Cost
    rounds: Sequence[Asked] = ()
    """What was asked of the job, and of the job as mended by then."""

    @property
    def flattery(self) -> float:
        """How much the choices may flatter the validation score, as a share of the best constant's error."""
        return max((each.flattery for each in self.choices if each.change is not None), default=0.0)


def treat(
    job: Job,
    *,
    trainings: float = 96.0,
    seconds: float | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    inquiry: Inquiry | None = None,
    known: Sequence[Asked] | None = None,
    unfit: Unfit = lambda job, change: "",
) -> Course:
    """Diagnose ``job`` and mend it, within ``trainings`` (of its own length) and ``seconds``.

    ``known`` are the rounds of a diagnosis of this job with these seeds: it is not made again. ``unfit`` refuses
    changes that such a job cannot have.
    """
    inquiry = inquiry or Unheard()
    allowance = Allowance(trainings, seconds)
    rounds = examine(job, allowance, seeds, inquiry) if known is None else known
    clinic = _Clinic(job, rounds, allowance, tuple(seeds), inquiry, unfit)
    clinic.run()
    return clinic.course()


@dataclass
class _Clinic:
    """A treatment under way."""

    job: Job
    rounds: Sequence[Asked]
    allowance: Allowance
    seeds: tuple[int, ...]
    inquiry: Inquiry
    unfit: Unfit
    applied: list[Applied] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    not_tried: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.first = self.rounds[0].round.laboratory
        self.mended = self.job
        self.after: tuple[Trial, ...] = ()

    def run(self) -> None:
        self._keep_confirmed()
        try:
            for label in self._labels():
                self._better(label)
        except OutOfBudget as error:
            self.not_tried["further remedies"] = str(error)

    # -- what the diagnosis has confirmed

    def _keep_confirmed(self) -> None:
        for number, asked in enumerate(self.rounds, 1):
            found = asked.cause
            if found is not None and found.change is not None and found.effect is not None:
                if reason := self.unfit(self.mended, found.change):
                    self.not_tried[found.change.words] = reason
                    self.rounds = self.rounds[:number]  # the rounds after it are about a job that will not be
                    return
                self.mended, self.after = asked.mended, found.effect.trials
                self.applied.append(Applied(found.cause.label, found.change, _judged(found), found.gain))

    def _labels(self) -> tuple[str, ...]:
        found = [each.cause for each in self.rounds if each.cause is not None]
        return tuple(dict.fromkeys(label for c in found for label in (c.cause.label, c.partner) if label))

    # -- what may do even better

    def _better(self, label: str) -> None:
        facts = self._facts()
        for remedy, change in self._offered(label, facts, Judged.FINDING):
            self._mend_finding(label, remedy, change)
        self._by_validation(label, list(self._offered(label, facts, Judged.VALIDATION)))
        for _ in range(MOST_CHOICES):
            if self._error() <= SMALL or not self._by_folds(label, facts):
                break

    def _offered(self, label: str, facts: Facts, judged: Judged) -> Iterator[tuple[Remedy, Change]]:
        for remedy in remedies_for(label):
            for change in remedy.changes(facts) if remedy.judged is judged else ():
                if any(each.change.name == change.name for each in self.applied):
                    continue
                try:
                    changed(self.mended, change)
                except (NotAskable, ValueError) as error:  # ValueError: part of it has been done by now
                    self.not_tried[change.words] = str(error)
                    continue
                if reason := self.unfit(self.mended, change):
                    self.not_tried[change.words] = reason
                    continue
                yield remedy, change

    def _by_folds(self, label: str, facts: Facts) -> bool:
        """Whether one of the remedies is better than the job as it is now."""
        offered = self._affordable([*self._rates(label), *self._offered(label, facts, Judged.FOLDS)])
        if not offered:
            return False
        laboratories, held = self._folds(facts)
        chance = self._chance(facts)
        found = choose([c for _, c in offered], laboratories, _read(label), self.inquiry, held=held, chance=chance)
        self.choices.append(found)
        self.not_tried.update(found.not_tried)
        self.inquiry.found(found.sentence)
        if found.change is None:
            return False
        remedy = next(r for r, c in offered if c is found.change)
        return self._keep(label, remedy, found.change, next(iter(found.effects.values())), found.effects)

    def _affordable(self, offered: Sequence[tuple[Remedy, Change]]) -> list[tuple[Remedy, Change]]:
        """As many as the budget has room for: the mildest strength of each remedy first, then the next ones."""
        turns: dict[str, int] = {}
        places = []
        for remedy, _ in offered:
            turns[remedy.name] = turns.get(remedy.name, -1) + 1
            places.append(turns[remedy.name])
        order = sorted(range(len(offered)), key=lambda index: places[index])
        left = (self.allowance.trainings - self.allowance.spent) * self.first.rows / rows_of(self.mended)
        kept: list[tuple[Remedy, Change]] = []
        for index in order:
            costs = [change.cost for _, change in (*kept, offered[index])]
            if sum(costs) + self._count() * (COMPARED + FINALISTS * max(costs)) <= left:
                kept.append(offered[index])
            else:
                self.not_tried[offered[index][1].words] = "the budget has no room for it"
        return kept

    def _rates(self, label: str) -> list[tuple[Remedy, Change]]:
        """Rates that a range test of the job as it is now suggests, where the cause has to do with the rate."""
        if label not in RATE.causes:
            return []
        self.inquiry.asking(f"{label}: which rates train the job as it is now? (range test)")
        try:
            return [(RATE, change) for change in ranged(self.mended, self.allowance, self.first.rows)]
        except TrainingError as error:
            self.not_tried["range test"] = error.problem
            return []

    def _chance(self, facts: Facts) -> Change | None:
        faint = [cause for cause in CAUSES if cause.symptom(facts).score <= FAINT]
        found = drawn(self.mended, facts, faint, self.seeds[0])
        return None if found is None else found[1]

    def _folds(self, facts: Facts) -> tuple[list[Laboratory], float]:
        """Laboratories of the mended job on folds; of training rows alone where validation rows are of another kind."""
        drift = facts.data.drift
        cut = folds(self.mended.task, self._count(), self.seeds[0], mixed=drift is None or not drift.found)
        made = []
        for number, fold in enumerate(cut):  # each with a seed of its own: what works for one seed only must show
            turn = number % len(self.seeds)
            seeds = (*self.seeds[turn:], *self.seeds[:turn])
            job = replace(self.mended, task=on_fold(self.mended.task, fold))
            made.append(Laboratory(job, seeds, self.allowance, rows=self.first.rows))
        return made, float(np.mean([fold.held_share for fold in cut]))

    def _count(self) -> int:
        """Folds that the rest of the budget has room for."""
        left = self.allowance.trainings - self.allowance.spent
        return FOLDS if left * self.first.rows / rows_of(self.mended) >= ROOM * FOLDS else FEWEST_FOLDS

    def _by_validation(self, label: str, offered: Sequence[tuple[Remedy, Change]]) -> None:
        """The best of the changes of training rows, by the validation rows and paired seeds."""
        if not offered:
            return
        laboratory = self._laboratory()
        tried: dict[str, Effect] = {}
        for _, change in offered:
            self.inquiry.asking(f"{label}: {change.words}")
            try:
                laboratory.control()
                laboratory.treat(change)
            except NotAskable as error:
                self.not_tried[change.words] = str(error)
                continue
            tried[change.name] = laboratory.effect(change)
        best = max(tried.values(), key=lambda each: each.validation.value, default=None)
        if best is None or best.validation.value <= 0:
            return
        laboratory.control(1)
        laboratory.treat(best.change, 1)
        effect = laboratory.effect(best.change)
        remedy = next(r for r, c in offered if c.name == best.change.name)
        if effect.validation.low > 0:
            self._keep(label, remedy, effect.change, effect.validation, {})
        else:
            self.not_tried[effect.change.words] = "the effect is not beyond what seeds and rows may do"

    def _mend_finding(self, label: str, remedy: Remedy, change: Change) -> None:
        """A change of what the scores are measured on: kept where the training still works."""
        self.inquiry.asking(f"{label}: {change.words}")
        laboratory = self._laboratory()
        trial = laboratory.treat(change)
        nan = float("nan")
        self.mended, self.after = changed(self.mended, change), (trial,)
        self.applied.append(Applied(label, change, remedy.judged, Estimate(nan, nan, nan), remedy=remedy))

    def _keep(
        self, label: str, remedy: Remedy, change: Change, effect: Estimate, compared: Mapping[str, Estimate]
    ) -> bool:
        """Apply a change unless it turns one fault into another: the training must not be given up for it."""
        laboratory = self._laboratory()
        self.inquiry.asking(f"both losses after: {change.words}")
        trials = tuple(laboratory.treat(change, index) for index in range(2))
        error = float(np.mean([each.train.error for each in trials]))
        reach = self.rounds[0].round.facts.reach
        if error > max(reach, self._train_error()) + LARGE:
            self.not_tried[change.words] = f"the training error would rise to {error:.0%}: model bias for overfitting"
            return False
        self.mended, self.after = changed(self.mended, change), trials
        self.applied.append(Applied(label, change, remedy.judged, effect, compared, remedy))
        return True

    # -- the job as it is now

    def _laboratory(self) -> Laboratory:
        """Of the mended job on its own parts; what it already trained is known."""
        made = Laboratory(self.mended, self.seeds, self.allowance, rows=self.first.rows)
        known = self.after or tuple(self.first.controls())
        made.known = {("", each.seed): replace(each, change="", fields=()) for each in known}
        return made

    def _facts(self) -> Facts:
        return self.rounds[-1].round.facts

    def _error(self) -> float:
        trials = self.after or tuple(self.first.controls())
        return float(np.mean([each.validation.error for each in trials]))

    def _train_error(self) -> float:
        trials = self.after or tuple(self.first.controls())
        return float(np.mean([each.train.error for each in trials]))

    def course(self) -> Course:
        before = tuple(self.first.controls())
        return Course(
            diagnosis=concluded(self.rounds, self.allowance),
            facts=self.rounds[0].round.facts,
            applied=tuple(self.applied),
            job=self.job,
            mended=self.mended,
            before=before,
            after=self.after or before,
            choices=tuple(self.choices),
            not_tried=self.not_tried,
            cost=self.allowance.cost,
            rounds=self.rounds,
        )


def _judged(found: Candidate) -> Judged:
    return Judged.VALIDATION if "task.train" in (found.change.fields if found.change else ()) else Judged.FOLDS


def _read(label: str) -> Read:
    """The error that a choice for this cause is made by: where classes are rare, all of them count alike."""
    if label == "class_imbalance":
        return lambda trial: min(WORST, trial.validation.balanced)
    return lambda trial: trial.validation.error

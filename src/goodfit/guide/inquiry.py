"""One round of a diagnosis: which causes are asked, in which order, and which one mends the job.

Questions to the data and to one pass of the network come first. Then causes are tried in the order of their
symptoms, and no cause is tried that could not outrank the best one found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations

from goodfit.causes import CAUSES, Branch, Change, Facts, changes
from goodfit.causes.cause import NONE
from goodfit.core.evidence import Reading
from goodfit.core.progress import Inquiry
from goodfit.core.run import Outcome
from goodfit.core.statistics import Estimate
from goodfit.guide.candidate import (
    CHEAPER,
    DATA_CAUSES,
    FAINT,
    HINT,
    LARGE,
    MOSTLY_GAP,
    PLAIN,
    PLAINEST,
    SHORT_RUNS_MISLEAD,
    SMALL,
    TIE,
    Candidate,
    told,
)
from goodfit.guide.chance import drawn
from goodfit.guide.experiments import Laboratory, OutOfBudget, changed, parameters_of
from goodfit.guide.inspection import ask
from goodfit.guide.judge import Judge
from goodfit.models.surgery import NotAskable

SLOWEST = changes.rate(0.001)


@dataclass
class Round:
    """What one round asked and found."""

    facts: Facts
    laboratory: Laboratory
    """Where verdicts are confirmed: trainings of full length."""
    screen: Laboratory
    """Where causes are tried first: the same one, or one of short runs where the budget is small."""
    inquiry: Inquiry
    judge: Judge
    not_asked: dict[str, str] = field(default_factory=dict)
    out_of_budget: str = ""
    restrained: bool = False
    """More restraint was asked for."""
    paired: bool = False
    """Pairs of changes were tried."""
    baselines: dict[str, Estimate] = field(default_factory=dict)
    """Effects of what should do nothing: another seed, a random change."""

    @classmethod
    def of(cls, facts: Facts, laboratory: Laboratory, screen: Laboratory, inquiry: Inquiry, mended: Set[str]) -> Round:
        """A round about ``facts``, without the causes ``mended`` in earlier rounds."""
        not_run: dict[str, str] = {}
        known = {}
        for cause in CAUSES:
            if cause.label not in mended:
                known[cause.label] = Candidate(cause, ask(cause.label, partial(cause.symptom, facts), not_run) or NONE)
        return cls(facts, laboratory, screen, inquiry, Judge(facts, known), not_run)

    @property
    def candidates(self) -> Mapping[str, Candidate]:
        """Every cause of the round by its label."""
        return self.judge.candidates

    def run(self) -> Candidate | None:
        """The cause, or None where nothing was found."""
        try:
            self._ask_data()
            self._ask_training()
            self._ask_restraint()
            self._ask_flexibility()
            self._ask_growth()
            self._ask_pairs()
        except OutOfBudget as error:
            self.out_of_budget = str(error)
        best = self._confirmed()
        while best is not None and best.effect is not None and not self._beats_chance(best):
            best = self._confirmed()
        return best

    # -- the three kinds of questions

    def _ask_data(self) -> None:
        for label in DATA_CAUSES & self.candidates.keys():
            self._find(label)
        leak = self.candidates.get("data_leak")
        if leak is not None and not leak.value and leak.cause.changes(self.facts):
            self._try(leak)

    def _find(self, label: str) -> None:
        candidate = self.candidates[label]
        finding = ask(label, partial(candidate.cause.finding, self.facts), self.not_asked)
        if finding is None:
            return
        reading = Reading.SUPPORTS if finding.supports else Reading.INCONCLUSIVE
        value = candidate.potential * candidate.symptom.score if finding.supports else 0.0
        gain = Estimate(finding.effect, finding.low, finding.high)
        self.judge.put(replace(candidate, gain=gain, value=value, reading=reading, reason=finding.sentence))

    def _ask_training(self) -> None:
        """Causes that a change of training shows, the strongest symptom first."""
        facts = self.facts
        asked = [
            c
            for c in self.judge.ranked()
            if c.cause.branch is not Branch.OVERFITTING and c.cause.label not in DATA_CAUSES
        ]
        if facts.train_error <= SMALL:
            self._leave([c for c in asked if not self._shows_in_validation(c)], "the training error is small")
            asked = [c for c in asked if self._shows_in_validation(c)]
        wrong = self.candidates.get("bad_labels")
        if wrong is not None and wrong.value >= PLAIN:
            self._leave(asked, "the labels are wrong: what fits them better learns them by heart")
            asked = []
        for candidate in asked:
            if candidate.symptom.score < PLAIN and not self.paired:
                self._ask_pairs()
            if candidate.symptom.score < PLAIN and facts.validation_error > MOSTLY_GAP * facts.train_error:
                self._ask_restraint()
            if candidate.symptom.score < FAINT:
                self.not_asked[candidate.cause.label] = "no symptom"
            elif candidate.potential <= self.judge.best_value() + 1e-9:
                self.not_asked[candidate.cause.label] = "could not outrank what was found"
            else:
                self._try(candidate)
                if candidate.symptom.score >= PLAINEST:
                    self._ask_unchangeable()

    def _ask_unchangeable(self) -> None:
        """A plain fault of the set-up that cannot be mended from outside: does a standard network without it fit?"""
        bias = self.candidates.get("model_bias")
        faults = [c for c in self.judge.ranked() if c.cause.branch is Branch.SETUP and c.symptom.score >= PLAINEST]
        plain = [c for c in faults if c.reading is Reading.NOT_ASKABLE]
        if bias is None or not plain or plain[0].potential <= self.judge.best_value():
            return
        change = bias.cause.changes(self.facts)[-1]
        self.inquiry.asking(f"{plain[0].cause.label}: {change.words}")
        try:
            self.screen.treat(change)
        except NotAskable as error:
            self.not_asked[plain[0].cause.label] += f"; {error}"
            return
        found = self.judge.judged(plain[0], change, self.screen)
        self.inquiry.found(told(found))
        if found.reading is Reading.SUPPORTS:
            self.judge.put(
                replace(found, reason="it cannot be changed from outside; a standard network without it fits")
            )
            self.judge.weigh()

    def _shows_in_validation(self, candidate: Candidate) -> bool:
        """Rare classes, and a split in a sorted order, need not show in training."""
        label = candidate.cause.label
        return label == "class_imbalance" or (label == "unshuffled_data" and self.facts.data.sorted_split is not None)

    def _leave(self, candidates: Sequence[Candidate], reason: str) -> None:
        for candidate in candidates:
            self.not_asked[candidate.cause.label] = reason

    def _ask_restraint(self) -> None:
        """Overfitting, once nothing else explains the gap."""
        candidate = self.candidates.get("overfitting")
        if candidate is None or self.restrained:
            return
        self.restrained = True
        gap = self.facts.validation_error - self.facts.train_error
        apart = self.candidates.get("mismatch")
        if gap > 2 * SMALL and apart is not None and apart.symptom.score > FAINT and not apart.value:
            self._try(apart)
        if gap < SMALL:
            self.not_asked["overfitting"] = "there is no gap"
        elif candidate.potential <= self.judge.best_value():
            self.not_asked["overfitting"] = "could not outrank what was found"
        elif self.judge.untrusted():
            self.not_asked["overfitting"] = "the validation rows are not of the training distribution"
        else:
            self._try(candidate)

    def _ask_flexibility(self) -> None:
        """Model bias only if nothing cheaper than a more flexible network helps, and the network is more flexible."""
        bias = self.candidates.get("model_bias")
        if bias is None or bias.effect is None or bias.change is None or bias.value < self.judge.best_value():
            return
        if self.facts.control.outcome is Outcome.DIVERGED:
            self.judge.contradict("model_bias", "the run broke off, which says nothing of what the network can express")
            self.judge.weigh()
            return
        job = self.facts.job
        if "model.stand_in" in bias.change.fields and parameters_of(changed(job, bias.change)) <= parameters_of(job):
            self.judge.contradict("model_bias", "a SIMPLER network fits: the failure is one of optimisation")
            self._blame_optimisation(bias)
            self.judge.weigh()
            return
        for label in CHEAPER:
            if label in self.candidates and self.candidates[label].effect is None:
                self._try(self.candidates[label])
            cheaper = self.candidates.get(label, bias)
            if (
                cheaper.reading is Reading.SUPPORTS
                and bias is not cheaper
                and cheaper.gain.value >= TIE * bias.gain.value
            ):
                self.judge.contradict("model_bias", "a change of rate or time does as well")
                self.judge.weigh()
                return

    def _ask_growth(self) -> None:
        """A run that still diverges at a thousandth of the rate does so by its own growth, not by its steps."""
        growth = self.candidates.get("exploding_gradient")
        if growth is None or self.facts.control.outcome is not Outcome.DIVERGED:
            return
        slowest = self.laboratory.known.get((SLOWEST.name, self.laboratory.seeds[0]))
        if (
            self.judge.best_value()
            or slowest is None
            or slowest.outcome is not Outcome.DIVERGED
            or growth.symptom.score < PLAIN
        ):
            return
        reason = "it diverges at a thousandth of the rate as well: not the steps, the network itself makes it grow"
        found = replace(
            growth, reading=Reading.SUPPORTS, reason=reason, value=growth.potential, effect=None, change=None
        )
        self.judge.put(found)

    def _ask_pairs(self) -> None:
        """Faults that hide each other: where no single change helps, the pairs that the plainest symptoms name."""
        lost = self.facts.train_error > max(SMALL, min(self.facts.reach, 1.0) + LARGE)
        if self.judge.best_value() or not lost:
            return
        self.paired = True
        named = [c for c in self.judge.ranked() if c.change is not None and c.effect is not None]
        plain = [c for c in named if c.symptom.score >= HINT and c.cause.branch is not Branch.OVERFITTING][:3]
        for first, second in combinations(plain, 2):
            for change in self._both(first, second):
                self.inquiry.asking(f"{first.cause.label} and {second.cause.label}: {change.words}")
                try:
                    self.screen.treat(change)
                except NotAskable as error:
                    self.not_asked[f"{first.cause.label} and {second.cause.label}"] = str(error)
                    continue
                found = self.judge.judged(first, change, self.screen)
                self.inquiry.found(told(found))
                if found.reading is Reading.SUPPORTS:
                    self.judge.put(replace(found, partner=second.cause.label))
                    self.judge.weigh()
                    return

    def _both(self, first: Candidate, second: Candidate) -> list[Change]:
        """The mildest changes of two causes at once, then the most drastic ones."""
        found: dict[str, Change] = {}
        for place in (0, -1):
            one, other = (c.cause.changes(self.facts)[place] for c in (first, second))
            if not set(one.fields) & set(other.fields):
                change = changes.both(one, other)
                found.setdefault(change.name, change)
        return list(found.values())

    def _blame_optimisation(self, bias: Candidate) -> None:
        """A simpler network that fits shows a failure of optimisation; the plainest symptom tells which."""
        kinds = (Branch.OPTIMISATION, Branch.SETUP)
        known = [c for c in self.candidates.values() if c.cause.branch in kinds and c.symptom.score >= PLAIN]
        if not known:
            return
        best = max(known, key=lambda c: c.symptom.score)
        reason = "a simpler network fits these rows, and this is the plainest symptom"
        found = replace(
            best, change=bias.change, effect=bias.effect, gain=bias.gain, reading=Reading.SUPPORTS, reason=reason
        )
        self.judge.put(found)

    # -- one cause

    def _try(self, candidate: Candidate) -> None:
        """Its changes in turn, with one seed, until one mends the job."""
        best, tried = candidate, list[Candidate]()
        if not candidate.cause.changes(self.facts):
            self.not_asked[candidate.cause.label] = "no change of it applies"
        for change in self.judge.offered(candidate.cause, tried):
            self.inquiry.asking(f"{candidate.cause.label}: {change.words}")
            try:
                self.screen.control()
                self.screen.treat(change)
            except NotAskable as error:
                self.not_asked[candidate.cause.label] = f"{change.words}: {error}"
                if best.effect is None:
                    best = replace(best, reading=Reading.NOT_ASKABLE, reason=str(error))
                continue
            found = self.judge.judged(candidate, change, self.screen)
            self.inquiry.found(told(found))
            if found.reading is Reading.INCONCLUSIVE and candidate.symptom.score >= PLAIN and found.gain.value > 0.02:
                found = self._decided(found, change)
            tried.append(found)
            if best.effect is None or found.gain.value > best.gain.value:
                best = found
            self.judge.put(best)
        if best.effect is not None:
            self.not_asked.pop(candidate.cause.label, None)
        self.judge.put(best)
        self.judge.weigh()

    def _decided(self, undecided: Candidate, change: Change) -> Candidate:
        """With further seeds; as it is where those are too dear: a short run of the next change may yet be afforded."""
        try:
            return self._again(undecided, change)
        except OutOfBudget:
            return undecided

    def _confirmed(self) -> Candidate | None:
        """The best cause whose effect stands with a second (and, while undecided, a third) seed."""
        while True:
            best = max(self.candidates.values(), key=lambda c: c.value)
            if best.value <= 0:
                return None
            if best.effect is None or best.change is None or best.confirmed:
                return best
            try:
                again = self._again(best, best.change)
            except (OutOfBudget, NotAskable) as error:
                self.out_of_budget = str(error)
                if self.screen is self.laboratory or best.cause.label not in SHORT_RUNS_MISLEAD:
                    return best
                reason = "short runs favour it, and the budget has no room for one of full length"
                self.judge.put(replace(best, reading=Reading.INCONCLUSIVE, reason=reason, value=0.0))
                continue
            self.judge.put(again)
            self.judge.weigh()
            confirmed = self.candidates[best.cause.label]
            if again.reading is Reading.SUPPORTS and confirmed.value >= self.judge.best_value():
                if self.judge.stands_out(confirmed):
                    return confirmed
                reason = f"one of {self.judge.tried()} changes does as much by chance (Holm)"
                found = replace(confirmed, reading=Reading.INCONCLUSIVE, reason=reason, value=0.0)
                self.judge.put(found)

    def _again(self, candidate: Candidate, change: Change) -> Candidate:
        """With further seeds while undecided; after short runs, with runs of full length."""
        found = candidate
        for index in range(0 if self.screen is not self.laboratory else 1, len(self.laboratory.seeds)):
            seed = self.laboratory.seeds[index]
            self.inquiry.asking(f"{candidate.cause.label}: {change.words} (full length, seed {seed})")
            self.laboratory.control(index)
            self.laboratory.treat(change, index)
            found = replace(self.judge.judged(candidate, change, self.laboratory), value=0.0, confirmed=True)
            self.inquiry.found(told(found))
            if found.reading is not Reading.INCONCLUSIVE:
                break
        return found

    def _beats_chance(self, best: Candidate) -> bool:
        """Whether the remedy does more than another seed and a change drawn at random from those without a symptom."""
        controls = self.laboratory.controls()
        if len(controls) > 1:
            drop = controls[0].validation.error - controls[1].validation.error
            self.baselines["another seed"] = Estimate(drop, float("nan"), float("nan"))
        random = self._drawn(best)
        if random is None:
            return True
        candidate, change = random
        self.inquiry.asking(f"a random change, for comparison: {change.words}")
        try:
            self.screen.control()
            self.screen.treat(change)
        except (NotAskable, OutOfBudget) as error:
            self.not_asked["random change"] = str(error)
            return True
        found = self.judge.judged(candidate, change, self.screen)
        self.inquiry.found(told(found))
        self.baselines[f"random change ({change.words})"] = found.gain
        if found.gain.low <= 0 or found.gain.value < TIE * best.gain.value or best.symptom.score >= HINT:
            return True
        reason = f"without a symptom of its own, and a random change ({change.words}) does as well"
        self.judge.put(replace(best, reading=Reading.INCONCLUSIVE, reason=reason, value=0.0))
        return False

    def _drawn(self, best: Candidate) -> tuple[Candidate, Change] | None:
        """A change at random, of a cause without a symptom that was not tried."""
        if "random change" in self.not_asked or any(name.startswith("random change") for name in self.baselines):
            return None
        faint = [c for c in self.candidates.values() if c.effect is None and c.symptom.score <= FAINT and c is not best]
        found = drawn(self.facts.job, self.facts, [c.cause for c in faint], self.laboratory.seeds[0])
        return None if found is None else (self.candidates[found[0].label], found[1])

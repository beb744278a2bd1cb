"""One round of a diagnosis: which causes are asked, in which order, and which one mends the job.

Questions to the data and to one pass of the network come first. Then causes are tried in the order of their
symptoms, and no cause is tried that could not outrank the best one found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from goodfit.causes import CAUSES, Branch, Cause, Change, Facts, Symptom, changes
from goodfit.core.evidence import Evidence, Reading
from goodfit.core.job import Job
from goodfit.core.progress import Inquiry
from goodfit.core.run import Outcome
from goodfit.core.runtime import preserved_rng
from goodfit.core.statistics import Estimate
from goodfit.core.trial import Trial
from goodfit.guide.experiments import Effect, Laboratory, OutOfBudget, changed
from goodfit.models.surgery import NotAskable

SMALL = 0.06
"""A training error below this share of the constant's leaves nothing to be mended in training."""
MATTERS = 0.05
DOUBTFUL = 0.05
"""A change matters if it takes `MATTERS` of the constant's error off the validation rows, and up to `DOUBTFUL` more
where the cause shows no symptom: on healthy runs small gains always exist (bench/false_alarms.py measures how
often the rule is wrong)."""
SHARE = 0.2
"""It must also close this part of the distance to what is known to be reachable."""
PRIOR = 0.35
"""What an effect counts without any symptom; with the full symptom it counts one."""
FAINT = 0.1
"""Symptoms below this are not worth a training."""
PLAIN = 0.6
"""A symptom from here on is worth further seeds where one leaves the effect undecided."""
TIE = 0.9
"""A change that reaches this part of the largest gain did as well as the best."""
DATA_CAUSES = frozenset({"data_leak", "bad_labels", "mismatch", "label_noise"})
CHEAPER = ("learning_rate_too_low", "learning_rate_too_high", "too_few_epochs")
"""Causes whose change is cheaper than another network: the guide asks them before it blames the model."""
UNTRUSTED = frozenset({"bad_labels", "mismatch"})
"""With these, validation errors say nothing of training: gains are read on the training rows."""

SLOWEST = changes.rate(0.001)
NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cause in one round, with what is known of it so far."""

    cause: Cause
    symptom: Symptom
    change: Change | None = None
    effect: Effect | None = None
    gain: Estimate = NOTHING
    value: float = 0.0
    reading: Reading = Reading.INCONCLUSIVE
    reason: str = ""

    @property
    def potential(self) -> float:
        return PRIOR + (1 - PRIOR) * self.symptom.score

    def evidence(self) -> Evidence:
        return Evidence(
            cause=self.cause.label,
            prediction=self.cause.prediction,
            runs=tuple(f"{t.change}, seed {t.seed}" for t in self.effect.trials) if self.effect else (),
            effect=self.gain,
            reading=self.reading,
            reason=self.reason,
            symptom=round(self.symptom.score, 3),
            seen=self.symptom.sentence,
            change=self.change.words if self.change else "",
            fields=self.change.fields if self.change else (),
            value=round(self.value, 4),
        )


@dataclass
class Round:
    """What one round asked and found."""

    job: Job
    facts: Facts
    laboratory: Laboratory
    inquiry: Inquiry
    mended: frozenset[str] = frozenset()
    """Causes found in earlier rounds, which are not asked again."""
    candidates: dict[str, Candidate] = field(default_factory=dict)
    not_asked: dict[str, str] = field(default_factory=dict)
    out_of_budget: str = ""

    def run(self) -> Candidate | None:
        """The cause, or None where nothing was found."""
        self.candidates = {c.label: Candidate(c, c.symptom(self.facts)) for c in CAUSES if c.label not in self.mended}
        try:
            self._ask_data()
            self._ask_training()
            self._ask_restraint()
            self._ask_flexibility()
            self._ask_growth()
        except OutOfBudget as error:
            self.out_of_budget = str(error)
        return self._confirmed()

    # -- the three kinds of questions

    def _ask_data(self) -> None:
        for label in DATA_CAUSES & self.candidates.keys():
            self._find(label)

    def _find(self, label: str) -> None:
        candidate = self.candidates[label]
        finding = candidate.cause.finding(self.facts)
        if finding is None:
            return
        reading = Reading.SUPPORTS if finding.supports else Reading.INCONCLUSIVE
        value = candidate.potential * candidate.symptom.score if finding.supports else 0.0
        gain = Estimate(finding.effect, finding.low, finding.high)
        self.candidates[label] = replace(candidate, gain=gain, value=value, reading=reading, reason=finding.sentence)

    def _ask_training(self) -> None:
        """Causes that a change of training shows, the strongest symptom first."""
        facts = self.facts
        asked = [
            c for c in self._ranked() if c.cause.branch is not Branch.OVERFITTING and c.cause.label not in DATA_CAUSES
        ]
        if facts.train_error <= SMALL:
            self._leave([c for c in asked if not self._shows_in_validation(c)], "the training error is small")
            asked = [c for c in asked if self._shows_in_validation(c)]
        for candidate in asked:
            if candidate.symptom.score < FAINT:
                self.not_asked[candidate.cause.label] = "no symptom"
            elif candidate.potential <= self._best_value() + 1e-9:
                self.not_asked[candidate.cause.label] = "could not outrank what was found"
            else:
                self._try(candidate)

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
        if candidate is None:
            return
        gap = self.facts.validation_error - self.facts.train_error
        apart = self.candidates.get("mismatch")
        if gap > 2 * SMALL and apart is not None and apart.symptom.score > FAINT and not apart.value:
            self._try(apart)
        if gap < SMALL:
            self.not_asked["overfitting"] = "there is no gap"
        elif candidate.potential <= self._best_value():
            self.not_asked["overfitting"] = "could not outrank what was found"
        elif self._untrusted():
            self.not_asked["overfitting"] = "the validation rows are not of the training distribution"
        else:
            self._try(candidate)

    def _ask_flexibility(self) -> None:
        """Model bias only if nothing cheaper than a more flexible network helps, and the network is more flexible."""
        bias = self.candidates.get("model_bias")
        if bias is None or bias.effect is None or bias.change is None or bias.value < self._best_value():
            return
        if "model.stand_in" in bias.change.fields and not self._more_flexible(bias.change):
            self._contradict("model_bias", "a SIMPLER network fits: the failure is one of optimisation")
            self._blame_optimisation(bias)
            self._weigh()
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
                self._contradict("model_bias", "a change of rate or time does as well")
                self._weigh()
                return

    def _ask_growth(self) -> None:
        """A run that still diverges at a thousandth of the rate does so by its own growth, not by its steps."""
        growth = self.candidates.get("exploding_gradient")
        if growth is None or self.facts.control.outcome is not Outcome.DIVERGED:
            return
        slowest = self.laboratory.known.get((SLOWEST.name, self.laboratory.seeds[0]))
        if (
            self._best_value()
            or slowest is None
            or slowest.outcome is not Outcome.DIVERGED
            or growth.symptom.score < PLAIN
        ):
            return
        reason = "it diverges at a thousandth of the rate as well: not the steps, the network itself makes it grow"
        found = replace(
            growth, reading=Reading.SUPPORTS, reason=reason, value=growth.potential, effect=None, change=None
        )
        self.candidates["exploding_gradient"] = found

    def _more_flexible(self, change: Change) -> bool:
        sizes = []
        for job in (self.job, changed(self.job, change)):
            with preserved_rng():
                sizes.append(sum(p.numel() for p in job.recipe.model().parameters()))
        return sizes[1] > sizes[0]

    def _contradict(self, label: str, reason: str) -> None:
        found = replace(self.candidates[label], reading=Reading.CONTRADICTS, reason=reason, value=0.0)
        self.candidates[label] = found

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
        self.candidates[best.cause.label] = found

    # -- one cause

    def _try(self, candidate: Candidate) -> None:
        """Its changes in turn, with one seed, until one mends the job."""
        best = candidate
        possible = candidate.cause.changes(self.facts)
        if not possible:
            self.not_asked[candidate.cause.label] = "no change of it applies"
        for change in possible:
            self.inquiry.asking(f"{candidate.cause.label}: {change.words}")
            try:
                self.laboratory.treat(change)
            except NotAskable as error:
                self.not_asked[candidate.cause.label] = f"{change.words}: {error}"
                if best.effect is None:
                    best = replace(best, reading=Reading.NOT_ASKABLE, reason=str(error))
                continue
            found = self._judged(candidate, change)
            self.inquiry.found(_told(found))
            if found.reading is Reading.INCONCLUSIVE and candidate.symptom.score >= PLAIN and found.gain.value > 0.02:
                found = self._again(candidate, change)
            if best.effect is None or found.gain.value > best.gain.value:
                best = found
            self.candidates[candidate.cause.label] = best
            if self._mended(best) or not self._worth_more(found):
                break
        if best.effect is not None:
            self.not_asked.pop(candidate.cause.label, None)
        self.candidates[candidate.cause.label] = best
        self._weigh()

    def _worth_more(self, found: Candidate) -> bool:
        """Whether a further change of the same cause deserves a training: the symptom is there, or this one helped."""
        lost = self.facts.validation_error >= 1.0
        strong = found.symptom.score >= 0.3 or found.cause.branch is Branch.BIAS
        return strong or found.gain.value > 0.02 or lost

    def _mended(self, candidate: Candidate) -> bool:
        """The change brings all that can be brought, so a further one of the same cause is not needed."""
        error = self.facts.train_error if self._untrusted() else self.facts.validation_error
        return candidate.reading is Reading.SUPPORTS and candidate.gain.value >= 0.8 * (error - self._floor())

    def _judged(self, candidate: Candidate, change: Change) -> Candidate:
        effect = self.laboratory.effect(change)
        gain = self._gain(candidate.cause, effect)
        needed = MATTERS + DOUBTFUL * (1 - candidate.symptom.score)
        if gain.value > needed and gain.low > 0 and self._closes(gain.value):
            reading, reason = Reading.SUPPORTS, ""
        elif gain.high < needed:
            reading, reason = Reading.CONTRADICTS, "the change does not mend the job"
        else:
            reading, reason = Reading.INCONCLUSIVE, "the effect is not beyond what seeds and rows may do"
        return replace(candidate, change=change, effect=effect, gain=gain, reading=reading, reason=reason)

    def _gain(self, cause: Cause, effect: Effect) -> Estimate:
        if cause.label == "class_imbalance":
            return effect.balanced
        if cause.branch is Branch.OVERFITTING or "task.validation" in effect.change.fields:
            return effect.validation
        if self._untrusted():
            return effect.train
        training = cause.branch in (Branch.OPTIMISATION, Branch.BIAS)
        if training and effect.train.value <= 0 < effect.validation.value:
            return Estimate(0.0, effect.train.low, max(0.0, effect.train.high))  # restraint, not training
        return effect.validation

    def _closes(self, gain: float) -> bool:
        error = self.facts.train_error if self._untrusted() else self.facts.validation_error
        return gain >= SHARE * max(0.0, error - self._floor())

    def _floor(self) -> float:
        """The smallest error known to be reachable: a simple model's, or that of a treated run."""
        treated = [c.effect.trials[0].validation.error for c in self.candidates.values() if c.effect is not None]
        return max(0.0, min([min(self.facts.reach, self.facts.reach_validation), *treated]))

    def _untrusted(self) -> bool:
        """The data themselves have shown that validation rows are of another kind."""
        known = [self.candidates[label] for label in UNTRUSTED & self.candidates.keys()]
        return any(c.value and c.effect is None for c in known)

    # -- ranking

    def _weigh(self) -> None:
        """Value of each supported cause: its part of the largest gain, weighted by its symptom."""
        supported = [c for c in self.candidates.values() if c.reading is Reading.SUPPORTS and c.effect is not None]
        largest = max((c.gain.value for c in supported), default=0.0)
        for c in supported:
            part = min(1.0, c.gain.value / (TIE * largest))
            self.candidates[c.cause.label] = replace(c, value=c.potential * part)

    def _ranked(self) -> list[Candidate]:
        """By symptom; equal ones in causal order."""
        return sorted(self.candidates.values(), key=lambda c: -c.symptom.score)

    def _best_value(self) -> float:
        return max(c.value for c in self.candidates.values())

    def _confirmed(self) -> Candidate | None:
        """The best cause whose effect stands with a second (and, while undecided, a third) seed."""
        while True:
            best = max(self.candidates.values(), key=lambda c: c.value)
            if best.value <= 0:
                return None
            if best.effect is None or best.change is None or len(best.effect.trials) > 1:
                return best
            try:
                again = self._again(best, best.change)
            except (OutOfBudget, NotAskable) as error:
                self.out_of_budget = str(error)
                return best
            self.candidates[best.cause.label] = again
            self._weigh()
            if again.reading is Reading.SUPPORTS and self.candidates[best.cause.label].value >= self._best_value():
                return self.candidates[best.cause.label]

    def _again(self, candidate: Candidate, change: Change) -> Candidate:
        found = candidate
        for index in range(1, len(self.laboratory.seeds)):
            self.inquiry.asking(f"{candidate.cause.label}: {change.words} (seed {self.laboratory.seeds[index]})")
            self.laboratory.control(index)
            self.laboratory.treat(change, index)
            found = replace(self._judged(candidate, change), value=0.0)
            self.inquiry.found(_told(found))
            if found.reading is not Reading.INCONCLUSIVE:
                break
        return found


def _told(candidate: Candidate) -> str:
    gain = candidate.gain
    return f"{candidate.reading.value}: error {-gain.value:+.0%} [{-gain.high:+.0%}, {-gain.low:+.0%}]"


def ranked(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """For the report: by value, then by what the experiment said, then by symptom."""
    order = {Reading.SUPPORTS: 0, Reading.INCONCLUSIVE: 1, Reading.NOT_ASKABLE: 2, Reading.CONTRADICTS: 3}
    return tuple(sorted(candidates, key=lambda c: (-c.value, order[c.reading], -c.symptom.score)))


def trials_of(candidate: Candidate) -> tuple[Trial, ...]:
    return candidate.effect.trials if candidate.effect else ()

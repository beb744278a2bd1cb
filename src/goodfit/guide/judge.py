"""How the causes of one round stand against each other: what an effect says, and which cause it is worth most to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from goodfit.causes import Branch, Cause, Change, Facts
from goodfit.core.evidence import Reading
from goodfit.core.run import Outcome
from goodfit.core.statistics import Estimate
from goodfit.core.trial import PartResult
from goodfit.guide.candidate import DOUBTFUL, LEVEL, MATTERS, PLAIN, SHARE, SMALL, TIE, UNTRUSTED, Candidate
from goodfit.guide.experiments import Effect, Laboratory, Z

UNKNOWN = 0.5
"""A simple model's error above this says nothing of what can be reached."""
BLOCKS = 8
"""Blocks of rows that a spread is read from at the least."""


@dataclass(eq=False)
class Judge:
    """The candidates of a round, by label, as they stand."""

    facts: Facts
    candidates: dict[str, Candidate]

    def put(self, candidate: Candidate) -> None:
        """What is known of a cause now."""
        self.candidates[candidate.cause.label] = candidate

    def mended(self, candidate: Candidate) -> bool:
        """The change brings all that can be brought, so a further one of the same cause is not needed."""
        if candidate.effect is None or candidate.reading is not Reading.SUPPORTS:
            return False
        return candidate.gain.value >= 0.8 * (self.before(candidate.effect) - self.floor())

    def offered(self, cause: Cause, tried: Sequence[Candidate]) -> Iterator[Change]:
        """The changes of a cause in turn, until one of those ``tried`` mends the job or shows that none will."""
        rungs = cause.rungs(self.facts)
        for change in cause.changes(self.facts):
            yield change
            last = tried[-1] if tried and tried[-1].change is change else None  # it may not have been askable
            if last is None or (rungs and self.rises(tried)):
                continue
            if self.mended(last) or not self.worth_more(last):
                return
        for change in rungs:
            if not self.rises(tried):
                return
            yield change

    def rises(self, tried: Sequence[Candidate]) -> bool:
        """Whether the last of stronger and stronger changes did better than the one before and left much to mend."""
        runs = [c.effect.trials[0] for c in tried if c.effect is not None]
        if not runs or runs[-1].train.error <= min(self.facts.reach, UNKNOWN) + SMALL:
            return False
        if len(runs) == 1:
            return tried[-1].gain.value > MATTERS
        before, last = runs[-2:]
        return before.outcome is Outcome.DIVERGED or last.train.loss < before.train.loss

    def worth_more(self, found: Candidate) -> bool:
        """Whether a further change of the same cause deserves a training: the symptom is there, or this one helped."""
        lost = self.facts.validation_error >= 1.0
        strong = found.symptom.score >= 0.3 or found.cause.branch is Branch.BIAS
        return strong or found.gain.value > 0.02 or lost

    def judged(self, candidate: Candidate, change: Change, laboratory: Laboratory) -> Candidate:
        effect = laboratory.effect(change)
        gain = self.gain(candidate.cause, effect)
        needed = MATTERS + DOUBTFUL * (1 - candidate.symptom.score)
        if gain.value > needed and gain.low > 0 and self.closes(gain.value, effect):
            reading, reason = Reading.SUPPORTS, ""
        elif gain.high < needed:
            reading, reason = Reading.CONTRADICTS, "the change does not mend the job"
        else:
            reading, reason = Reading.INCONCLUSIVE, "the effect is not beyond what seeds and rows may do"
        return replace(candidate, change=change, effect=effect, gain=gain, reading=reading, reason=reason)

    def gain(self, cause: Cause, effect: Effect) -> Estimate:
        if cause.label == "class_imbalance":
            return effect.balanced
        if cause.label == "data_leak":
            return self.flattery(effect)
        if cause.branch is Branch.OVERFITTING or "task.validation" in effect.change.fields:
            return effect.validation
        if self.untrusted():
            return effect.train
        training = cause.branch in (Branch.OPTIMISATION, Branch.BIAS)
        if training and effect.train.value <= 0 < effect.validation.value:
            return Estimate(0.0, effect.train.low, max(0.0, effect.train.high))  # restraint, not training
        return effect.validation

    def flattery(self, effect: Effect) -> Estimate:
        """How much larger the error is on validation rows that are not next to training rows.

        In shares of the constant's error on the rows as they were: the end of a series may vary less than the whole.
        The honest rows come in the order of time, and those that overlap err together: their spread is that of blocks.
        """
        control, windows = self.facts.control.validation, self.facts.data.interleaved
        honest = [trial.validation for trial in effect.trials]
        value = sum(part.units.value for part in honest) / len(honest) / control.constant - effect.before[1]
        block = 1 if windows is None else windows.overlap + 1
        scale = honest[0].constant / control.constant
        half = Z * math.hypot(scale * _standard_error(honest[0], block), _standard_error(control))
        return Estimate(value, value - half, value + half)

    def closes(self, gain: float, effect: Effect) -> bool:
        return gain >= SHARE * max(0.0, self.before(effect) - self.floor())

    def before(self, effect: Effect) -> float:
        """The control's error that a gain is read against."""
        return effect.before[0] if self.untrusted() else effect.before[1]

    def floor(self) -> float:
        """The smallest error known to be reachable: a simple model's, or that of a treated run."""
        treated = [c.effect.trials[0].validation.error for c in self.candidates.values() if c.effect is not None]
        return max(0.0, min([min(self.facts.reach, self.facts.reach_validation), *treated]))

    def untrusted(self) -> bool:
        """The data themselves have shown that validation rows are of another kind."""
        known = [self.candidates[label] for label in UNTRUSTED & self.candidates.keys()]
        return any(c.value and c.effect is None for c in known)

    def weigh(self) -> None:
        """Value of each supported cause: its part of the largest gain, weighted by its symptom."""
        supported = [c for c in self.candidates.values() if c.reading is Reading.SUPPORTS and c.effect is not None]
        largest = max((c.gain.value for c in supported), default=0.0)
        for c in supported:
            part = min(1.0, c.gain.value / (TIE * largest))
            self.put(replace(c, value=c.potential * part))

    def ranked(self) -> list[Candidate]:
        """By symptom; equal ones in causal order."""
        return sorted(self.candidates.values(), key=lambda c: -c.symptom.score)

    def best_value(self) -> float:
        return max(c.value for c in self.candidates.values())

    def stands_out(self, candidate: Candidate) -> bool:
        """Whether the effect is beyond chance for the number of changes tried (Holm 1979). A cause with a plain symptom
        is a planned comparison and pays nothing for the others.
        """
        if candidate.symptom.score >= PLAIN:
            return True
        others = [c for c in self.candidates.values() if c.effect is not None]
        return candidate.p * (1 + sum(c.p >= candidate.p for c in others if c is not candidate)) < LEVEL

    def tried(self) -> int:
        return sum(c.effect is not None for c in self.candidates.values())

    def contradict(self, label: str, reason: str) -> None:
        self.put(replace(self.candidates[label], reading=Reading.CONTRADICTS, reason=reason, value=0.0))


def _standard_error(part: PartResult, block: int = 1) -> float:
    """Of the mean error share, from the means of blocks of rows that follow each other."""
    rows = part.by_row()
    count = max(min(BLOCKS, len(rows)), len(rows) // block)
    means = [each.mean() for each in np.array_split(rows, count)]
    return float(np.std(means, ddof=1) / math.sqrt(count)) if count > 1 else math.inf

"""Which of several changes is the best, and whether it is any good: held-out folds, successive halving, paired tests.

Every candidate is trained on the same folds as the job it would change. After each rung the better half goes on
(successive halving; Jamieson & Talwalkar 2016), and what is left is compared by the corrected paired test over folds:
with the job as it is, trained twice on each fold (control and placebo, which differ in the seed alone), and with a
change drawn at random. Errors are compared on the scale of their logarithms: a fold whose control diverged would else
drown the evidence of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from goodfit.causes import Change
from goodfit.core.progress import Inquiry
from goodfit.core.statistics import Estimate, Floats, corrected_difference
from goodfit.core.trial import Trial
from goodfit.guide.experiments import Laboratory, OutOfBudget
from goodfit.models.surgery import NotAskable

RUNGS = (1, 2)
"""Folds after which half of the candidates is given up; the rest meet all folds."""
FINALISTS = 2
LEAST = 0.01
"""Added to error shares before their logarithm is taken: below one per cent of the constant's error nothing matters."""
LEVEL = 0.9
"""Two-sided: a candidate is wrongly held for better in one of twenty."""
CONTROL, PLACEBO, RANDOM = "the job as it is", "the same with another seed", "a random change"
Read = Callable[[Trial], float]
"""The error of a trial that the choice is made by."""


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, if anything, and how sure that is. Errors are shares of the best constant's."""

    change: Change | None
    """None: the job stays as it is."""
    effects: Mapping[str, Estimate]
    """The share of each comparison's error that the best candidate takes off."""
    errors: Mapping[str, tuple[float, ...]]
    """By candidate and fold, as far as each went; the job as it is comes first."""
    flattery: float
    """How much lower the chosen one's mean error is than that of choosing in the same way on folds it did not see."""
    sentence: str
    not_tried: Mapping[str, str] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    """The chosen one's training on each fold."""


@dataclass
class _Table:
    """Errors by name and fold; each training is made once, by the laboratory of its fold."""

    folds: Sequence[Laboratory]
    read: Read
    inquiry: Inquiry
    errors: dict[str, list[float]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def fill(self, name: str, count: int, run: Callable[[Laboratory], Trial]) -> bool:
        """Train on the first ``count`` folds; False where the change cannot be made."""
        known = self.errors.setdefault(name, [])
        try:
            for laboratory in self.folds[len(known) : count]:
                self.inquiry.asking(f"{name} (fold {len(known) + 1} of {len(self.folds)})")
                known.append(self.read(run(laboratory)))
        except NotAskable as error:
            self.refused[name] = str(error)
            del self.errors[name]
            return False
        return True

    def mean(self, name: str, count: int) -> float:
        return float(np.mean(self.errors[name][:count]))

    def logs(self, name: str) -> Floats:
        """Logarithms of the errors on all folds."""
        found: Floats = np.log(np.add(self.errors[name], LEAST))
        return found


def choose(
    candidates: Sequence[Change],
    folds: Sequence[Laboratory],
    read: Read,
    inquiry: Inquiry,
    *,
    held: float,
    chance: Change | None = None,
) -> Choice:
    """The best of ``candidates`` for the job of ``folds``, or none.

    ``held`` is the share of rows that one fold holds out; ``chance`` is the random change to be beaten as well.
    A candidate must be better than each comparison beyond the one-sided 95 % interval of the corrected test; where the
    random change itself beats the job as it is in this way it is no baseline, and the candidate must be no worse.
    """
    table = _Table(folds, read, inquiry)
    try:
        alive = _halved(table, candidates)
        best = min(alive, key=lambda each: table.mean(each.words, len(folds)), default=None)
        if best is None:
            return _nothing(table, "No candidate is better than the job as it is.")
        effects = _compared(table, best, held, chance)
    except OutOfBudget as error:
        return _nothing(table, f"The budget ended before a choice was made ({error}).")
    doubtful = [name for name, effect in effects.items() if effect.low <= 0]
    if doubtful:
        return _nothing(table, f"{best.words}: not better than {doubtful[0]} beyond the interval.", effects)
    flattery = _flattery(table.errors, len(folds))
    sentence = f"{best.words}: on {len(folds)} folds it takes {effects[CONTROL].value:.0%} off the error."
    trials = tuple(laboratory.treat(best) for laboratory in folds)
    return Choice(best, effects, _plain(table), flattery, sentence, table.refused, trials)


def _halved(table: _Table, candidates: Sequence[Change]) -> list[Change]:
    """The candidates that met all folds."""
    alive = list(candidates)
    for count in (*(each for each in RUNGS if each < len(table.folds)), len(table.folds)):
        table.fill(CONTROL, count, lambda laboratory: laboratory.control())
        table.fill(PLACEBO, count, lambda laboratory: laboratory.control(1))
        before = (table.mean(CONTROL, count) + table.mean(PLACEBO, count)) / 2
        alive = [each for each in alive if table.fill(each.words, count, _treated(each))]
        alive = [each for each in alive if table.mean(each.words, count) < before]
        alive.sort(key=lambda each: table.mean(each.words, count))
        alive = alive[: max(FINALISTS, (len(alive) + 1) // 2)]
    return alive


def _treated(change: Change) -> Callable[[Laboratory], Trial]:
    return lambda laboratory: laboratory.treat(change)


def _compared(table: _Table, best: Change, held: float, chance: Change | None) -> dict[str, Estimate]:
    """Against the job as it is with two seeds a fold, and only if that is won against a random change."""
    before = (table.logs(CONTROL) + table.logs(PLACEBO)) / 2

    def effect(differences: Floats) -> Estimate:
        found = corrected_difference(differences, held, level=LEVEL)
        return Estimate(*(float(1 - np.exp(-each)) for each in (found.value, found.low, found.high)))

    effects = {CONTROL: effect(before - table.logs(best.words))}
    if effects[CONTROL].low <= 0 or chance is None or not table.fill(RANDOM, len(table.folds), _treated(chance)):
        return effects
    found = effect(table.logs(RANDOM) - table.logs(best.words))
    helps = effect(before - table.logs(RANDOM)).low > 0
    return {**effects, RANDOM: replace(found, low=found.value) if helps else found}


def _flattery(errors: Mapping[str, Sequence[float]], count: int) -> float:
    """Mean error of choosing by all folds but one and reading that one, less the mean error of the chosen one."""
    full = np.array([each for name, each in errors.items() if len(each) == count and name not in (PLACEBO, RANDOM)])
    honest = [full[np.delete(full, fold, axis=1).mean(axis=1).argmin(), fold] for fold in range(count)]
    return float(np.mean(honest) - full.mean(axis=1).min())


def _nothing(table: _Table, sentence: str, effects: Mapping[str, Estimate] | None = None) -> Choice:
    return Choice(None, effects or {}, _plain(table), 0.0, sentence, table.refused)


def _plain(table: _Table) -> dict[str, tuple[float, ...]]:
    return {name: tuple(each) for name, each in table.errors.items()}

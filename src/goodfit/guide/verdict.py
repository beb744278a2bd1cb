"""The first verdict: the two top questions of the guide, answered from scores alone.

No experiment is run here, so no cause is named: the diagnosis says which branch of the guide the run is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.run import Outcome, Run
from goodfit.core.score import Scorecard
from goodfit.core.statistics import Estimate, UnitScores, difference, estimate, unpaired_difference
from goodfit.core.task import Part, Task
from goodfit.guide.tree import BRANCHES, LEAVES, TRAINING, VALIDATION, question

GAP_SHARE = 0.1
"""A gap between training and validation counts from a tenth of the reference's error on.

Our own choice of what is worth a person's time; a gap must also exceed its 95 % interval. The false-alarm
rate of the pair of rules on healthy runs is not measured yet.
"""


MATTERS = 0.05
"""A simple model is better only if it saves at least this share of the reference's error, beyond the interval.

Our own choice too: on most data some other model is a little better, and a little is nothing to mend.
"""


def diagnose_scores(task: Task, run: Run, card: Scorecard, baselines: Mapping[str, Scorecard]) -> Diagnosis:
    """Walk the two top questions for one run; needs the scores of the training and validation parts."""
    if run.outcome is Outcome.DIVERGED:
        sentence = f"The training loss stopped being a finite number after {run.updates:,} updates."
        return Diagnosis(None, sentence, (Answer(TRAINING, "large", sentence),))
    first = training_loss_large(task, card, baselines)
    if first.answer != "small":
        return _conclude((first,))
    return _conclude((first, validation_loss_large(task, card, baselines)))


def training_loss_large(task: Task, card: Scorecard, baselines: Mapping[str, Scorecard]) -> Answer:
    """Large if no better than a reference that learns nothing, or if a simple model does better on training
    AND validation rows, both by what `MATTERS`: then a lower training loss exists that is not memory.
    """
    name, reference = _reference(task, baselines)
    train = relative_error(task, card, reference, "train")
    numbers = {"relative training error": train.value, "low": train.low, "high": train.high}
    if isnan(train.high):
        return Answer(TRAINING, "undetermined", "There are too few rows to tell.", numbers)
    if train.high >= 1:
        sentence = (
            f"On the training rows the network is not better than '{name}' ({_against(card, reference, 'train')})."
        )
        return Answer(TRAINING, "large", sentence, numbers)
    for other, baseline in baselines.items():
        if all(_better(task, baseline, card, reference, part) for part in ("train", "validation")):
            sentence = (
                f"'{other}' fits the training rows better ({_against(card, baseline, 'train')}), "
                f"and the validation rows too ({_against(card, baseline, 'validation')})."
            )
            return Answer(TRAINING, "large", sentence, numbers)
    sentence = (
        f"The network's training error is {train.value:.0%} of that of '{name}', "
        "and no simple model does better on training and validation rows alike."
    )
    return Answer(TRAINING, "small", sentence, numbers)


def validation_loss_large(task: Task, card: Scorecard, baselines: Mapping[str, Scorecard]) -> Answer:
    """Large if the gap to the training error exceeds its interval and `GAP_SHARE`, or if a simple model does
    better on the validation rows.
    """
    name, reference = _reference(task, baselines)
    train = relative_error(task, card, reference, "train")
    validation = relative_error(task, card, reference, "validation")
    gap = unpaired_difference(validation, train)
    numbers = {
        "relative training error": train.value,
        "relative validation error": validation.value,
        "gap": gap.value,
        "low": gap.low,
        "high": gap.high,
    }
    for other, baseline in baselines.items():
        if _better(task, baseline, card, reference, "validation"):
            sentence = f"'{other}' is better on the validation rows ({_against(card, baseline, 'validation')})."
            return Answer(VALIDATION, "large", sentence, numbers)
    shares = (
        f"The network's error is {validation.value:.0%} of that of '{name}' on the validation rows, "
        f"{train.value:.0%} on the training rows"
    )
    if isnan(gap.low):
        return Answer(VALIDATION, "undetermined", "There are too few rows to tell.", numbers)
    if gap.low > 0 and gap.value > GAP_SHARE:
        return Answer(VALIDATION, "large", f"{shares}.", numbers)
    what = "a small gap" if gap.low > 0 else "no gap beyond the interval"
    sentence = f"{shares}: {what}.{_a_little_better(task, card, baselines)}"
    return Answer(VALIDATION, "small", sentence, numbers)


def relative_error(task: Task, card: Scorecard, reference: Scorecard, part: Part) -> Estimate:
    """The card's error as a share of the reference's on the same rows: 0 is perfect, 1 no better than it."""
    mine, theirs = _errors(card, part), _errors(reference, part)
    if not theirs.sums.sum():
        return Estimate(float("nan"), float("nan"), float("nan"))
    return estimate(UnitScores(mine.sums, theirs.sums), task.clusters.get(part))


def _conclude(path: tuple[Answer, ...]) -> Diagnosis:
    last = path[-1]
    if last.answer == "undetermined":
        return Diagnosis("undetermined", f"Undetermined. {last.sentence}", path)
    reached = question(last.question).branches[last.answer]
    return Diagnosis(None, f"{({**LEAVES, **BRANCHES})[reached]} {last.sentence}", path)


def _reference(task: Task, baselines: Mapping[str, Scorecard]) -> tuple[str, Scorecard]:
    """The best of the predictions that learn nothing, judged on the validation rows."""
    names = [name for name in ("constant", *task.naive) if name in baselines]
    sign = -1 if baselines[names[0]].metric.higher_is_better else 1
    best = min(names, key=lambda name: sign * baselines[name].value("validation"))
    return best, baselines[best]


def _errors(card: Scorecard, part: Part) -> UnitScores:
    units = card.units[part]
    return UnitScores(units.weights - units.sums, units.weights) if card.metric.higher_is_better else units


def _a_little_better(task: Task, card: Scorecard, baselines: Mapping[str, Scorecard]) -> str:
    """A sentence on the first simple model that is better on the validation rows, by less than what matters."""
    for other, baseline in baselines.items():
        if _gain(task, baseline, card, "validation").low > 0:
            return f" '{other}' is a little better on them ({_against(card, baseline, 'validation')})."
    return ""


def _better(task: Task, first: Scorecard, second: Scorecard, reference: Scorecard, part: Part) -> bool:
    """Whether ``first`` has the lower error on a part: beyond the paired 95 % interval, and by what matters."""
    gain = _gain(task, first, second, part)
    return gain.low > 0 and gain.value > MATTERS * _errors(reference, part).value


def _gain(task: Task, first: Scorecard, second: Scorecard, part: Part) -> Estimate:
    """How much lower the error of ``first`` is, with a paired interval."""
    return difference(_errors(second, part), _errors(first, part), task.clusters.get(part))


def _against(card: Scorecard, other: Scorecard, part: Part) -> str:
    return f"{card.metric.name} {card.value(part):.4g} against {other.value(part):.4g}"

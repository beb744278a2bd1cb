"""Causes of the rate and of the time given: too high, too low, no warm-up, too few epochs."""

from __future__ import annotations

import math

import numpy as np

from goodfit.causes import changes
from goodfit.causes.cause import Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.scale import either, log_ramp, ramp
from goodfit.core.run import Outcome

USUAL = {
    "SGD": (0.01, 0.3),
    "Adam": (3e-4, 0.01),
    "AdamW": (3e-4, 0.01),
    "NAdam": (3e-4, 0.01),
    "RAdam": (3e-4, 0.01),
    "Adamax": (1e-3, 0.02),
    "RMSprop": (3e-4, 0.01),
    "Adagrad": (0.005, 0.3),
    "Adadelta": (0.1, 3.0),
}
"""Rates in common use, by optimiser: around the defaults of torch and the tuned ones of Schmidt et al. 2021.
A rate outside is a hint, no more."""
BEYOND = 3.0
"""Changed rates up to so many times the common ones are tried."""


def usual_rates(facts: Facts) -> tuple[float, float]:
    """Lowest and highest common rate; momentum of 0.9 makes ten times the step of the rate it is given."""
    optimizer = facts.model.optimizer
    low, high = USUAL.get(optimizer.name, (1e-4, 1.0))
    return low * (1 - optimizer.momentum), high * (1 - 0.7 * optimizer.momentum)


def swing(facts: Facts) -> float:
    """Spread of the last half of the epoch losses around their course, relative to their mean."""
    losses = np.asarray([x for x in facts.control.train_losses if math.isfinite(x)])
    late = losses[len(losses) // 2 :]
    if len(late) < 3 or not late.mean():
        return 0.0
    return float(np.abs(np.diff(late)).mean() / abs(late.mean()))


def burst(facts: Facts) -> float:
    """Largest loss of an update relative to the first one."""
    losses = facts.control.batch_losses
    finite = losses[np.isfinite(losses)]
    if not len(finite) or not finite[0]:
        return 1.0
    return math.inf if len(finite) < len(losses) else float(finite.max() / abs(finite[0]))


def too_high(facts: Facts) -> Symptom:
    _, usual = usual_rates(facts)
    rate = max(facts.model.optimizer.rates)
    start_fine = facts.model.start.finite
    beyond = 0.8 * log_ramp(rate / usual, 1.0, 10.0)
    diverged = 0.7 if facts.control.outcome is Outcome.DIVERGED and start_fine else 0.0
    bounced = 0.5 * log_ramp(burst(facts), 2.0, 20.0)
    swings = 0.4 * ramp(swing(facts), 0.1, 0.5)
    killed = 0.3 * ramp(_died(facts), 0.2, 0.6)
    score = either(beyond, diverged, bounced, swings, killed) if start_fine else 0.2
    words = f"rate {rate:g} ({facts.model.optimizer.name}, commonly up to {usual:g})"
    if diverged:
        words += ", the loss stopped being a number"
    elif burst(facts) > 2:
        words += f", the loss rose to {burst(facts):.3g} times its first value"
    return Symptom(max(0.1, score), words)


def _died(facts: Facts) -> float:
    """Share of units that died on the way."""
    end = facts.end.signals
    if end is None or math.isnan(end.dead_share) or math.isnan(facts.model.start.dead_share):
        return 0.0
    return end.dead_share - facts.model.start.dead_share


def too_low(facts: Facts) -> Symptom:
    usual, _ = usual_rates(facts)
    rate, course = max(facts.model.optimizer.rates), facts.model.optimizer.course
    if facts.control.outcome is Outcome.DIVERGED:
        return Symptom(0.0, "")
    beyond = 0.8 * log_ramp(rate * course / usual, 1.0, 0.05)
    still = 0.5 * log_ramp(facts.end.travel, 0.3, 0.03)
    calm = 1 - ramp(swing(facts), 0.1, 0.4)
    score = either(beyond, still) * calm
    words = f"rate {rate:g} ({facts.model.optimizer.name}, commonly from {usual:g})"
    if not math.isnan(facts.end.travel):
        words += f", the weights moved by {facts.end.travel:.2g} times their length"
    return Symptom(max(0.1, score) if calm > 0.3 else score, words)


def low_changes(facts: Facts) -> tuple[Change, ...]:
    found = (changes.rate(10.0), changes.rate(100.0))
    if facts.model.optimizer.course < 0.3:
        return (changes.constant_rate(), *found)
    return found


def low_rungs(facts: Facts) -> tuple[Change, ...]:
    """As long as the raised rate is one that anybody uses."""
    _, usual = usual_rates(facts)
    return tuple(changes.rate(f) for f in (1e3, 1e4, 1e5) if max(facts.model.optimizer.rates) * f <= BEYOND * usual)


def high_rungs(facts: Facts) -> tuple[Change, ...]:
    usual, _ = usual_rates(facts)
    return tuple(changes.rate(f) for f in (1e-4, 1e-5) if max(facts.model.optimizer.rates) * f >= usual / BEYOND)


def few_epochs(facts: Facts) -> Symptom:
    if facts.control.outcome is Outcome.DIVERGED:
        return Symptom(0.0, "")
    falling = ramp(facts.still_falling, 0.02, 0.15)
    few = log_ramp(facts.job.recipe.epochs, 12.0, 2.0)
    score = either(0.55 * falling, 0.45 * few)
    words = f"{facts.job.recipe.epochs} epochs of {facts.updates_per_epoch} updates, the loss "
    words += f"fell by {facts.still_falling:.0%} in the last fifth" if facts.still_falling > 0.02 else "no longer fell"
    return Symptom(max(0.1, score), words)


def no_warmup(facts: Facts) -> Symptom:
    if facts.job.recipe.warmup or callable(facts.job.recipe.schedule):
        return Symptom(0.0, "")
    attention = facts.model.anatomy.attention
    deep = ramp(len(facts.model.anatomy.layers), 10, 30)
    early = ramp(burst(facts), 1.3, 3.0)
    score = either(0.75 if attention else 0.0, 0.25 * deep) * (0.6 + 0.4 * early)
    _, usual = usual_rates(facts)
    if not attention and max(facts.model.optimizer.rates) > usual:
        score *= 0.5
    words = f"{'attention' if attention else 'no attention'}, full rate from the first update"
    return Symptom(score, words)


LEARNING_RATE_TOO_HIGH = Cause(
    label="learning_rate_too_high",
    branch=Branch.OPTIMISATION,
    meaning="Steps are so large that the loss swings, stays high or diverges.",
    prediction="With a tenth (or less) of the rate and as many updates the errors fall.",
    symptom=too_high,
    changes=lambda facts: (changes.rate(0.1), changes.rate(0.01), changes.rate(0.001)),
    rungs=high_rungs,
    remedy="Lower the learning rate.",
)
LEARNING_RATE_TOO_LOW = Cause(
    label="learning_rate_too_low",
    branch=Branch.OPTIMISATION,
    meaning="Steps are so small that the loss barely moves in the epochs given.",
    prediction="With ten (or many more) times the rate and as many updates the errors fall.",
    symptom=too_low,
    changes=low_changes,
    rungs=low_rungs,
    remedy="Raise the learning rate.",
)
TOO_FEW_EPOCHS = Cause(
    label="too_few_epochs",
    branch=Branch.OPTIMISATION,
    meaning="Training stops while it is still improving fast.",
    prediction="With several times the epochs at the same rate training and validation errors fall.",
    symptom=few_epochs,
    changes=lambda facts: (changes.epochs(4),),
    remedy="Train longer.",
)
MISSING_WARMUP = Cause(
    label="missing_warmup",
    branch=Branch.OPTIMISATION,
    meaning="The full rate acts from the first step where the network needs a gentle start.",
    prediction="With a rising rate at the start, and the same rate after it, the errors fall.",
    symptom=no_warmup,
    changes=lambda facts: (changes.warmup(),),
    remedy="Let the rate rise over the first updates.",
)

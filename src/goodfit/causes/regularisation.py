"""Too much restraint, and too little."""

from __future__ import annotations

import math

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.scale import either, log_ramp, ramp


def over_regularised(facts: Facts) -> Symptom:
    rates = [each.p for each in facts.model.anatomy.dropouts]
    kept = math.prod(1 - p for p in rates) if rates else 1.0
    dropped = 0.85 * max(log_ramp(kept, 0.5, 0.05), ramp(max(rates, default=0.0), 0.5, 0.85))
    decay = facts.model.optimizer.weight_decay
    if facts.model.optimizer.decoupled:
        decay *= max(facts.model.optimizer.rates) * facts.updates_per_epoch * facts.job.recipe.epochs
        decayed = 0.9 * log_ramp(decay, 0.5, 5.0)
    else:
        decayed = 0.9 * log_ramp(decay, 3e-3, 0.1)
    smoothing = float(getattr(facts.job.task.loss, "label_smoothing", 0.0) or 0.0)
    score = either(dropped, decayed, 0.8 * ramp(smoothing, 0.3, 0.7))
    words = f"dropout of up to {max(rates):g}" if dropped else ""
    if decayed:
        words += f"{', ' if words else ''}weight decay {facts.model.optimizer.weight_decay:g}"
    return Symptom(score, words) if score > 0.05 else NONE


def restraint_changes(facts: Facts) -> tuple[Change, ...]:
    found = []
    if facts.model.optimizer.weight_decay > 0:
        found.append(changes.weight_decay(0.0))
    if any(each.p > 0.1 for each in facts.model.anatomy.dropouts):
        found.append(changes.model("no dropout", "Drop the dropout", dropout=0.0))
    return tuple(found)


def overfitting(facts: Facts) -> Symptom:
    gap = facts.validation_error - facts.train_error
    best = min(facts.control.validation_errors.values(), default=facts.validation_error)
    worsened = facts.validation_error - best
    score = either(0.6 * ramp(gap, 0.05, 0.4), 0.5 * ramp(worsened, 0.03, 0.2))
    words = f"validation error {facts.validation_error:.0%} against {facts.train_error:.0%} in training"
    if worsened > 0.03:
        words += f", at best it was {best:.0%}"
    return Symptom(score, words) if score > 0.05 else NONE


def overfitting_changes(facts: Facts) -> tuple[Change, ...]:
    found = [changes.weight_decay(0.1 if facts.model.optimizer.decoupled else 0.01)]
    if facts.job.recipe.epochs >= 8:
        found.append(_fewer_epochs(facts))
    found.append(changes.dropout(0.5))
    words = "Use a small standard network: a linear one"
    found.append(changes.model("linear network", words, stand_in="linear"))
    return tuple(found)


def _fewer_epochs(facts: Facts) -> Change:
    scores = facts.control.validation_errors
    best = min(scores, key=lambda epoch: scores[epoch], default=facts.job.recipe.epochs)
    planned = facts.job.recipe.epochs
    return changes.stop_after(max(1, min(best, planned - 1)), planned)


OVER_REGULARISED = Cause(
    label="over_regularised",
    branch=Branch.OPTIMISATION,
    meaning="Dropout, weight decay or another penalty is so strong that the training data cannot be fitted.",
    prediction="Without the penalty training and validation errors fall.",
    symptom=over_regularised,
    changes=restraint_changes,
    remedy="Weaken or drop the penalty.",
)
OVERFITTING = Cause(
    label="overfitting",
    branch=Branch.OVERFITTING,
    meaning="The training data are memorised; validation is much worse, or worsening.",
    prediction="With restraint (decay, earlier stop, dropout, a smaller network) the validation error falls.",
    symptom=overfitting,
    changes=overfitting_changes,
    remedy="Stop earlier, add weight decay or dropout, use a smaller network or more data.",
)

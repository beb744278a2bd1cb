"""Model bias: a network that cannot express the answer."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.scale import either, log_ramp, ramp
from goodfit.core.run import Outcome


def model_bias(facts: Facts) -> Symptom:
    anatomy, start = facts.model.anatomy, facts.model.start
    units = [each.units for each in start.hidden if each.units]
    narrow = 0.75 * log_ramp(min(units), 8.0, 1.5) if units else 0.0
    linear = 0.8 if anatomy.hidden == 0 and not anatomy.recurrent and not anatomy.attention else 0.0
    settled = 1 - ramp(facts.still_falling, 0.02, 0.2)
    if facts.control.outcome is Outcome.DIVERGED:
        return Symptom(0.1, "the loss stopped being a number")
    score = either(narrow, linear, 0.25 * settled) * (0.5 + 0.5 * settled)
    words = "no nonlinearity" if linear else f"hidden layers from {min(units)} units" if units else "no hidden layer"
    return Symptom(max(0.15, score), f"{words}; the loss {'has settled' if settled > 0.5 else 'still falls'}")


def capacity_changes(facts: Facts) -> tuple[Change, ...]:
    found: list[Change] = []
    anatomy = facts.model.anatomy
    if anatomy.straight and not anatomy.hidden:
        found.append(changes.model("ReLU", "Put a nonlinearity between the layers", activation="relu"))
    if anatomy.layers and len(anatomy.layers) > 1:
        found.append(changes.model("8 x width", "Make the hidden layers eight times as wide", width=8))
    words = "Replace the network by the standard one for such data"
    found.append(changes.model("standard network", words, stand_in="auto"))
    return tuple(found)


MODEL_BIAS = Cause(
    label="model_bias",
    branch=Branch.BIAS,
    meaning="The network or its inputs cannot express the answer.",
    prediction="A more flexible network fits the TRAINING rows better, and no cheaper change does.",
    symptom=model_bias,
    changes=capacity_changes,
    remedy="Widen or deepen the network, add nonlinearities or features.",
)

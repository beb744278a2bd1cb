"""Parameters that ought to learn and get no update."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts


def frozen(facts: Facts) -> Symptom:
    model, end = facts.model, facts.end
    if model.anatomy.unregistered:
        return Symptom(0.9, f"{', '.join(model.anatomy.unregistered[:3])} hidden from parameters()")
    if model.optimizer.missing:
        return Symptom(0.85, f"{', '.join(model.optimizer.missing[:3])} not given to the optimiser")
    if model.anatomy.frozen:
        return Symptom(0.8, f"{', '.join(model.anatomy.frozen[:3])} do not require a gradient")
    if end.unmoved and not model.start.dead_share > 0.9 and not all(each.zero for each in model.anatomy.layers[1:]):
        cut = set(end.unmoved) <= set(model.start.unreached)
        words = "get no gradient" if cut else "did not move at all"
        return Symptom(0.9 if cut else 0.6, f"{', '.join(end.unmoved[:3])} {words}")
    return NONE


def frozen_changes(facts: Facts) -> tuple[Change, ...]:
    found: list[Change] = []
    if facts.model.optimizer.missing:
        found.append(changes.complete())
    if facts.model.anatomy.unregistered or facts.model.anatomy.frozen:
        found.append(changes.model("all learn", "Register and unfreeze all layers", trainable="all"))
    if facts.end.unmoved:
        words = "Do not detach the early layers from the loss"
        found.append(changes.model("not detached", words, attached=True))
    return tuple(found)


FROZEN_PARAMETERS = Cause(
    label="frozen_parameters",
    branch=Branch.SETUP,
    meaning="Parameters that ought to learn get no update: not registered, not in the optimiser, detached, frozen.",
    prediction="When they learn too, the errors fall.",
    symptom=frozen,
    changes=frozen_changes,
    remedy="Register all layers, give all parameters to the optimiser, do not detach.",
)

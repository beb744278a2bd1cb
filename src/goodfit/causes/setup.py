"""Parameters that ought to learn and get no update."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts


def frozen(facts: Facts) -> Symptom:
    model = facts.model
    if model.anatomy.unregistered:
        return Symptom(0.9, f"{', '.join(model.anatomy.unregistered[:3])} hidden from parameters()")
    if model.optimizer.missing:
        return Symptom(0.85, f"{', '.join(model.optimizer.missing[:3])} not given to the optimiser")
    if model.anatomy.frozen:
        return Symptom(0.8, f"{', '.join(model.anatomy.frozen[:3])} do not require a gradient")
    still = _still(facts)
    if still and not model.start.dead_share > 0.9 and not all(each.zero for each in model.anatomy.layers[1:]):
        cut = set(still) <= set(model.start.unreached)
        words = "get no gradient" if cut else "did not move at all"
        return Symptom(0.9 if cut else 0.6, f"{', '.join(still[:3])} {words}")
    return NONE


def _still(facts: Facts) -> list[str]:
    """Parameters of layers of which nothing moved: a part alone may have nothing to learn (a state always 0)."""
    unmoved = set(facts.end.unmoved)
    moved = {name.rpartition(".")[0] for name in facts.control.weights if name not in unmoved}
    return [name for name in facts.end.unmoved if "." not in name or name.rpartition(".")[0] not in moved]


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

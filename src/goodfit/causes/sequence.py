"""Causes of sequences: order that is not seen, padding that is."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.scale import log_ramp

BLIND = 1e-4
"""Relative change of the outputs under a permutation below which only rounding is left."""


def missing_position(facts: Facts) -> Symptom:
    blind = facts.model.blind
    if blind is None or not blind.sequence or not blind.error < BLIND:
        return NONE
    return Symptom(0.85, f"permuting the input changes the outputs by {blind.error:.1g}: the network is blind to order")


def padding_leak(facts: Facts) -> Symptom:
    padding, reach = facts.data.padding, facts.model.padding_reach
    in_loss = facts.model.padding_in_loss
    if padding is None:
        return NONE
    if padding.counted_share > 0.05 or in_loss > 0.05:
        share = max(padding.counted_share, 0.0 if in_loss != in_loss else in_loss)
        return Symptom(0.9, f"{share:.0%} of the loss comes from padding")
    if not padding.varying:
        return NONE
    if reach is None or reach.largest != reach.largest:
        words = f"{padding.share:.0%} of the positions are padding, and the outputs hardly depend on the row"
        return Symptom(0.6 * log_ramp(padding.share, 0.1, 0.5), words)
    if reach.largest < 0.02:
        return NONE
    score = 0.9 * log_ramp(reach.largest, 0.02, 0.2)
    return Symptom(score, f"more or less padding changes the outputs by {reach.largest:.0%} of their spread")


def padding_changes(facts: Facts) -> tuple[Change, ...]:
    padding = facts.data.padding
    if padding is None:
        return ()
    found = []
    if padding.counted_share > 0.05:
        found.append(changes.masked_padding(padding.value, padding.axis))
    words = "Cut the padding off before the network sees it"
    return (*found, changes.model("no padding", words, unpadded=padding.value))


MISSING_POSITION = Cause(
    label="missing_position",
    branch=Branch.BIAS,
    meaning="A task that depends on order is given to a network that is blind to it.",
    prediction="With learnt positions added to the inputs the errors fall.",
    symptom=missing_position,
    changes=lambda facts: (changes.model("positions", "Add learnt positions to the embedded inputs", position=True),),
    remedy="Add positional encodings.",
)
PADDING_LEAK = Cause(
    label="padding_leak",
    branch=Branch.SETUP,
    meaning="Padding enters states, averages or the loss.",
    prediction="Without padding (or with padding that does not count) the errors fall.",
    symptom=padding_leak,
    changes=padding_changes,
    remedy="Mask the padding in averages, states and loss.",
)

"""Causes between the parts: data that differ, and data that should not be there."""

from __future__ import annotations

import numpy as np

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Finding, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.labels import class_imbalance
from goodfit.causes.scale import either, ramp
from goodfit.core.statistics import Estimate, unpaired_difference

BETWEEN = 0.02
"""Share of the validation windows between training windows of the same series from which a split by time is tried."""


def lost_skill(facts: Facts) -> Estimate:
    """How much worse a simple model is on validation rows than on unseen training rows, in shares of the constant's."""
    quick = facts.data.quick
    if quick is None:
        return Estimate(0.0, 0.0, 0.0)
    gap = unpaired_difference(quick.held_out, quick.validation)
    constant = max(0.05, 1 - quick.constant_held_out.value)
    return Estimate(gap.value / constant, gap.low / constant, gap.high / constant)


def mismatch(facts: Facts) -> Symptom:
    drift, lost = facts.data.drift, lost_skill(facts)
    if facts.data.recoded is not None:
        return Symptom(0.3, "validation labels are coded differently")
    worse = ramp(lost.low, 0.0, 0.1) if lost.value > 0.05 else 0.0
    apart = ramp(drift.separability.low, 0.5, 0.65) if drift is not None else 0.0
    if not worse and not (apart and facts.validation_error - facts.train_error > 0.15):
        return NONE
    score = 0.95 * worse * (0.5 + 0.5 * apart) if worse else 0.35 * apart
    shifted = facts.data.shares is not None and facts.data.shares.distance.low > 0.1
    if shifted and class_imbalance(facts).score > 0.3:
        score *= 0.4
    words = f"a simple model loses {lost.value:.0%} of its skill between unseen training rows and validation rows"
    if drift is not None and apart:
        words = f"validation rows can be told from training rows (AUC {drift.separability.value:.2f}); {words}"
    return Symptom(score, words)


def mismatch_finding(facts: Facts) -> Finding | None:
    symptom = mismatch(facts)
    if not symptom:
        return None
    lost = lost_skill(facts)
    drift = facts.data.drift
    apart = drift is not None and drift.found
    supports = lost.low > 0.0 and lost.value > 0.08 and (apart or lost.low > 0.15)
    supports = supports and facts.validation_error - facts.train_error > 0.05
    return Finding(lost.value, lost.low, lost.high, supports, symptom.sentence)


def honest_gap(facts: Facts) -> Estimate:
    """How much larger the error share on the test part is than on validation; the test part chooses nothing."""
    test, validation = facts.end.test, facts.control.validation
    if test is None:
        return Estimate(0.0, 0.0, 0.0)
    rows = [np.minimum(part.by_row(), 10.0) for part in (test, validation)]
    half = 1.96 * float(np.hypot(*(each.std() / np.sqrt(len(each)) for each in rows)))
    value = test.error - validation.error
    return Estimate(value, value - half, value + half)


def leak(facts: Facts) -> Symptom:
    copies, words = facts.data.duplicates, []
    shared = 0.0
    if copies is not None:
        shared = max(ramp(copies.excess.low, 0.01, 0.1), 0.9 * ramp(copies.near.low, 0.02, 0.15))
        if copies.excess.low > 0.01:
            words.append(f"{copies.share:.0%} of the validation rows are copies of training rows")
        elif copies.near.low > 0.02:
            words.append(f"{copies.near.value:.0%} of the validation rows are nearly copies of training rows")
    told = 0.0
    for each in facts.data.telling or ():
        told = 0.95
        broken = "" if each.others is None else f", {each.others:.0%} in the test part"
        shares = f"{each.alone:.0%} explained, {each.rest:.0%} by the rest{broken}"
        words.append(f"column {each.column} alone gives the target away ({shares})")
    windows = facts.data.interleaved
    between = 0.0 if windows is None else 0.85 * ramp(windows.share, BETWEEN, 10 * BETWEEN)
    if windows is not None and between:
        words.append(f"{windows.share:.0%} of the validation windows lie between training windows of the same series")
    fell = honest_gap(facts)
    if fell.low > 0.05:
        words.append(f"the test part has an error {fell.value:.0%} of the constant's larger than validation")
    score = either(0.95 * shared, told, between, 0.9 * ramp(fell.low, 0.03, 0.15))
    return Symptom(score, "; ".join(words)) if score > 0.05 else NONE


def leak_finding(facts: Facts) -> Finding | None:
    symptom = leak(facts)
    if not symptom:
        return None
    copies = facts.data.duplicates
    if facts.data.telling:
        best = max(facts.data.telling, key=lambda each: each.alone - each.rest)
        gain = best.alone - best.rest
        return Finding(gain, gain, gain, True, symptom.sentence)
    fell = honest_gap(facts)
    if copies is None or max(copies.excess.low, copies.near.low) < 0.03 < fell.low:
        return Finding(fell.value, fell.low, fell.high, fell.low > 0.08, symptom.sentence)
    found = copies.excess if copies.excess.low >= copies.near.low else copies.near
    return Finding(found.value, found.low, found.high, found.low > 0.03, symptom.sentence)


def later(facts: Facts) -> tuple[Change, ...]:
    """Honest validation rows: the end of each series, which no training window reaches into."""
    found = facts.data.interleaved
    return () if found is None or found.share < BETWEEN else (changes.split_in_time(found),)


def mixed(facts: Facts) -> tuple[Change, ...]:
    """Held-out rows of the training distribution: both parts mixed and split again."""
    drift = facts.data.drift
    return (changes.resplit(),) if drift is not None and drift.found else ()


MISMATCH = Cause(
    label="mismatch",
    branch=Branch.DATA,
    meaning="Training and validation data differ in distribution or preprocessing.",
    prediction="The parts can be told apart, and unseen training rows are predicted better than validation rows.",
    symptom=mismatch,
    changes=mixed,
    finding=mismatch_finding,
    remedy="Preprocess both parts alike; draw both from the data the network will meet.",
)
DATA_LEAK = Cause(
    label="data_leak",
    branch=Branch.DATA,
    meaning="Validation (or training) holds what it should not (copies, neighbours, the answer): it is not honest.",
    prediction=(
        "Copies across the parts beyond chance, or one column that alone gives the target away; "
        "split by time, the validation error rises."
    ),
    symptom=leak,
    changes=later,
    finding=leak_finding,
    remedy="Remove copies across the parts, drop the column, split windows of a series by time.",
)

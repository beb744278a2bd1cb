"""Causes of scale: inputs or targets of wild size, and batch normalisation that does not represent the data."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.scale import either, log_ramp, ramp
from goodfit.core.job import Coding


def _inputs_wild(facts: Facts) -> tuple[float, str]:
    scales = facts.data.scales
    if scales is None:
        return 0.0, ""
    size = max(log_ramp(scales.peak, 15.0, 150.0), log_ramp(scales.peak, 0.05, 0.005))
    return size, f"inputs of up to {scales.peak:.3g}, deviations from {scales.smallest:.2g} to {scales.largest:.2g}"


def _targets_wild(facts: Facts) -> tuple[float, str]:
    scales = facts.data.target_scale
    if scales is None or facts.job.coding is not Coding.REAL:
        return 0.0, ""
    size = max(log_ramp(scales.peak, 20.0, 1000.0), log_ramp(scales.peak, 0.02, 0.001))
    return size, f"targets of up to {scales.peak:.3g}"


def unnormalised(facts: Facts) -> Symptom:
    inputs, said = _inputs_wild(facts)
    targets, also = _targets_wild(facts)
    if inputs <= 0.05 and targets <= 0.05:
        return NONE
    normed = any(each.kind == "batch" for each in facts.model.anatomy.normalisations)
    score = either(0.9 * inputs * (0.5 if normed else 1.0), 0.6 * targets)
    return Symptom(score, "; ".join(words for words in (said if inputs else "", also if targets else "") if words))


def scale_changes(facts: Facts) -> tuple[Change, ...]:
    inputs, targets = _inputs_wild(facts)[0], _targets_wild(facts)[0]
    found = [changes.standardise(facts)] if inputs > 0.05 else []
    if targets > 0.05:
        found.append(changes.standardise_targets())
    if len(found) > 1:
        found.append(changes.both(*found))
    return tuple(found)


def batchnorm(facts: Facts) -> Symptom:
    norms = [each for each in facts.model.anatomy.normalisations if each.kind == "batch"]
    if not norms:
        return NONE
    momentum = max(
        (max(log_ramp(m, 0.02, 0.002), 0.5 * ramp(m, 0.7, 1.0)) for each in norms if (m := each.momentum) is not None),
        default=0.0,
    )
    tiny = log_ramp(facts.job.recipe.batch_size, 8.0, 2.0)
    untracked = 0.5 if any(not each.tracks for each in norms) else 0.0
    gap, words = 0.0, ""
    if facts.end.gap is not None:
        train, evaluation = facts.end.gap.train, facts.end.gap.evaluation
        gap = log_ramp(evaluation / max(abs(train), 1e-3), 2.0, 10.0) if evaluation > 0 else 0.0
        words = f"the loss of the same rows is {train:.3g} with batch statistics, {evaluation:.3g} with running ones"
    score = either(0.8 * momentum, 0.6 * tiny, untracked, 0.6 * gap)
    return Symptom(score, f"{len(norms)} batch normalisations; {words}") if score > 0.05 else NONE


def batchnorm_changes(facts: Facts) -> tuple[Change, ...]:
    norms = [each for each in facts.model.anatomy.normalisations if each.kind == "batch"]
    found = []
    if any(each.momentum is None or not 0.02 <= each.momentum <= 0.5 or not each.tracks for each in norms):
        words = "Give batch normalisation torch's momentum of 0.1 and running statistics"
        found.append(changes.model("batch-norm defaults", words, normalisation="momentum"))
    words = "Replace batch normalisation by layer normalisation"
    return (*found, changes.model("layer normalisation", words, normalisation="layer"))


UNNORMALISED_INPUT = Cause(
    label="unnormalised_input",
    branch=Branch.SETUP,
    meaning="Input or target columns have wild or very different scales.",
    prediction="With standardised columns the errors fall.",
    symptom=unnormalised,
    changes=scale_changes,
    remedy="Standardise with the training part's mean and deviation.",
)
BATCHNORM_MISUSE = Cause(
    label="batchnorm_misuse",
    branch=Branch.SETUP,
    meaning="Batch or running statistics of batch normalisation do not represent the data.",
    prediction="With sound running statistics, or a normalisation without them, the errors fall.",
    symptom=batchnorm,
    changes=batchnorm_changes,
    remedy="Use the default momentum and batches of 16 rows or more, or layer normalisation.",
)

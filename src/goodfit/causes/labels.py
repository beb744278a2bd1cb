"""Causes in the targets: wrong in a systematic way, wrong at random, or of rare classes that are ignored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from goodfit.causes import changes, snippets
from goodfit.causes.cause import NONE, Branch, Cause, Change, Finding, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.scale import log_ramp, ramp
from goodfit.core.coding import class_numbers
from goodfit.core.job import Coding, Job
from goodfit.core.task import IGNORED, Rows
from goodfit.models.surgery import NotAskable

RARE = 0.3
"""A class is rare with less than this part of an equal share."""


def bad_labels(facts: Facts) -> Symptom:
    data = facts.data
    if data.recoded is not None:
        return Symptom(0.95, _recoding(facts))
    if data.misaligned is not None:
        shift = "read backwards" if data.misaligned.reversed else f"shifted by {data.misaligned.shift} rows"
        said = f"{data.misaligned.score:.0%} explained for {data.misaligned.before:.0%} as they stand"
        return Symptom(0.95, f"targets fit the inputs when {shift} ({said})")
    if data.collapsed is not None and data.collapsed.found:
        return Symptom(
            0.9, f"the training targets are (nearly) all the same: {data.collapsed.largest:.1%} are one value"
        )
    if data.collapsed is not None and data.collapsed.lost and data.sorted_split is None:
        classes = data.collapsed.distinct + len(data.collapsed.lost)
        score = 0.95 if len(data.collapsed.lost) > classes / 3 else 0.5
        return Symptom(score, f"classes {list(data.collapsed.lost)} are in validation but not in training")
    if data.association is not None and data.association.p > 0.02 and facts.reach > 0.9:
        other = data.association_validation
        if other is not None and other.p < 0.01 and other.score > 0.15:
            return Symptom(0.95, "training inputs say nothing about their targets, validation inputs do")
        return Symptom(0.3, "the inputs say nothing about the targets")
    return _other_rule(facts)


def _other_rule(facts: Facts) -> Symptom:
    """The parts look alike, and what is learnt on one is worthless on the other: the labels follow another rule."""
    quick, drift = facts.data.quick, facts.data.drift
    if quick is None or drift is None or drift.separability.value > 0.6:
        return NONE
    if facts.reach < 0.5 and facts.reach_validation > max(0.85, facts.reach + 0.5):
        words = "the inputs of both parts look alike, but what holds for the targets of one does not hold for the other"
        return Symptom(0.85, words)
    return NONE


def _recoding(facts: Facts) -> str:
    recoded = facts.data.recoded
    if recoded is None:
        return ""
    if facts.job.coding is Coding.REAL and recoded.mapping and list(recoded.mapping) == list(recoded.mapping.values()):
        return f"validation targets are {recoded.factor:.3g} times the training ones, plus {recoded.offset:.3g}"
    pairs = ", ".join(f"{a} is {b}" for a, b in recoded.mapping.items() if a != b)
    return f"validation numbers the classes differently: what training calls {pairs}"


def bad_label_finding(facts: Facts) -> Finding | None:
    symptom = bad_labels(facts)
    if symptom.score < 0.6:
        return None
    data = facts.data
    if data.recoded is not None:
        gain = data.recoded.score - max(0.0, data.recoded.before)
        return Finding(gain, gain, gain, gain > 0.2, symptom.sentence)
    if data.misaligned is not None:
        gain = data.misaligned.score - data.misaligned.before
        return Finding(gain, gain, gain, gain > 0.15, symptom.sentence)
    return Finding(1.0, 1.0, 1.0, True, symptom.sentence)


def realigned(facts: Facts) -> tuple[Change, ...]:
    found = facts.data.misaligned
    if found is None:
        return ()

    def apply(job: Job) -> Job:
        rows = job.task.train
        if not isinstance(rows, Rows):
            raise NotAskable("the data are not held in memory")
        targets = rows.targets.flip(0) if found.reversed else rows.targets.roll(-found.shift, 0)
        return job.with_task(train=Rows(rows.inputs, targets))

    code = snippets.realigned(found.shift, found.reversed)
    return (Change("realigned", "Put each target back to its row", ("task.train",), apply, code=code),)


def label_noise(facts: Facts) -> Symptom:
    noise, copies = facts.data.noise, facts.data.duplicates
    if noise is None or not noise.found or facts.data.misaligned is not None:
        return NONE
    if noise.by == "clean validation" and copies is not None and copies.found:
        return NONE  # validation rows that training holds are no witnesses
    score = 0.95 * ramp(noise.rate.low, 0.02, 0.12)
    return Symptom(
        score, f"about {noise.rate.value:.0%} of the training labels are wrong (at least {noise.rate.low:.0%})"
    )


def noise_finding(facts: Facts) -> Finding | None:
    noise, symptom = facts.data.noise, label_noise(facts)
    if noise is None or not symptom:
        return None
    return Finding(noise.rate.value, noise.rate.low, noise.rate.high, noise.rate.low > 0.05, symptom.sentence)


def class_imbalance(facts: Facts) -> Symptom:
    counts = class_counts(facts.job, "train")
    if counts is None or len(counts) < 2:
        return NONE
    shares = counts / counts.sum()
    rare = shares < RARE / len(shares)
    if not rare.any():
        return NONE
    recalls = np.asarray(facts.control.validation.recalls)
    low = 1 - recalls[rare[: len(recalls)]].mean() if len(recalls) == len(rare) else 0.5
    rest = recalls[~rare].mean() if len(recalls) == len(rare) and (~rare).any() else 1.0
    missed = ramp(rest - (1 - low), 0.1, 0.4)
    score = 0.9 * log_ramp(float(shares.min()) * len(shares), RARE, 0.1) * missed
    words = f"the rarest class has {shares.min():.1%} of the rows; rare classes are found in {1 - low:.0%} of cases"
    return Symptom(score, words) if score > 0.05 else NONE


def class_counts(job: Job, part: str) -> NDArray[np.float64] | None:
    rows = job.task.train if part == "train" else job.task.validation
    if job.coding in (Coding.REAL, Coding.NUMBERED, Coding.MULTI_LABEL, Coding.TOKENS) or not isinstance(rows, Rows):
        return None
    classes = class_numbers(rows.targets, job.coding)
    known = classes[classes != IGNORED]
    both = [known]
    if isinstance(job.task.validation, Rows):
        both.append(class_numbers(job.task.validation.targets, job.coding))
    if int(torch.cat(both).min()) < 0:
        return None
    size = int(torch.cat(both).max()) + 1
    counts: NDArray[np.float64] = torch.bincount(known, minlength=size).double().numpy()
    return counts


def cleaned(facts: Facts) -> tuple[Change, ...]:
    """Without the most doubtful rows, as many as labels are held to be wrong."""
    noise = facts.data.noise
    if noise is None or not noise.suspicious:
        return ()

    def apply(job: Job) -> Job:
        rows = job.task.train
        if not isinstance(rows, Rows):
            raise NotAskable("the data are not held in memory")
        kept = _without(len(rows), noise.suspicious, noise.rate.value)
        return job.with_task(train=rows.taken(torch.tensor(kept)))

    words = "Leave out (or relabel) the most doubtful rows"
    code = snippets.left_out(noise.suspicious[: _most(facts.rows, noise.rate.value)])
    return (Change("doubtful rows left out", words, ("task.train",), apply, code=code),)


def _without(count: int, suspicious: Sequence[int], rate: float) -> list[int]:
    dropped = set(suspicious[: _most(count, rate)])
    return [i for i in range(count) if i not in dropped]


def _most(count: int, rate: float) -> int:
    return int(min(0.5, rate) * count)


BAD_LABELS = Cause(
    label="bad_labels",
    branch=Branch.DATA,
    meaning="Labels are wrong in a systematic way: misaligned, mis-encoded, collapsed.",
    prediction="With the labels put right a simple model's error falls.",
    symptom=bad_labels,
    changes=realigned,
    finding=bad_label_finding,
    remedy="Fit one label encoder; keep inputs and targets in one order.",
)
LABEL_NOISE = Cause(
    label="label_noise",
    branch=Branch.DATA,
    meaning="A large share of the training labels is randomly wrong.",
    prediction="Without the most doubtful rows the validation error falls; confident predictions are contradicted.",
    symptom=label_noise,
    changes=cleaned,
    finding=noise_finding,
    remedy="Repair the labels, or use stronger restraint and a robust loss.",
)
CLASS_IMBALANCE = Cause(
    label="class_imbalance",
    branch=Branch.DATA,
    meaning="Rare classes are ignored because they are rare in training.",
    prediction="With the classes weighted equally the mean recall over classes rises.",
    symptom=class_imbalance,
    changes=lambda facts: (changes.balanced_loss(),),
    remedy="Collect or weight the rare classes.",
)

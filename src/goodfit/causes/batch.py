"""Causes of the batches: too small, too large, rows in a sorted order."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.rate import swing
from goodfit.causes.scale import either, log_ramp, ramp
from goodfit.data.questions.leaks import SortedSplit

FEW = 4
"""Rows a batch up to which it counts as tiny: its gradient is mostly one row's."""
USUAL = 32


def too_small(facts: Facts) -> Symptom:
    size = facts.job.recipe.batch_size
    if size > 8 or facts.rows < 32:
        return NONE
    noisy = ramp(swing(facts), 0.0, 0.2)
    return Symptom(log_ramp(size, 16.0, 2.0) * (0.75 + 0.25 * noisy), f"{size} rows a batch")


def small_changes(facts: Facts) -> tuple[Change, ...]:
    size = min(USUAL, max(2, facts.rows // 4))
    return (changes.larger_batch(size, 4),) if size > facts.job.recipe.batch_size else ()


def too_large(facts: Facts) -> Symptom:
    size, share = facts.job.recipe.batch_size, min(1.0, facts.job.recipe.batch_size / facts.rows)
    updates = facts.updates_per_epoch * facts.job.recipe.epochs
    if facts.updates_per_epoch > 12 or size <= 2 * USUAL // 2:
        return NONE
    few = either(0.8 * log_ramp(updates, 600.0, 40.0), 0.3 * ramp(share, 0.1, 0.5))
    words = f"{size} of {facts.rows} rows a batch: {facts.updates_per_epoch} updates an epoch, {updates} in all"
    return Symptom(few * log_ramp(share, 0.05, 0.4), words)


def large_changes(facts: Facts) -> tuple[Change, ...]:
    return (changes.smaller_batch(min(USUAL, max(4, facts.job.recipe.batch_size // 8))),)


def unshuffled(facts: Facts) -> Symptom:
    split = facts.data.sorted_split
    if split is not None and split.by == "targets":
        return Symptom(0.95, "validation rows go on where training rows end, in the order of the targets")
    if split is not None and _continues(split):
        return Symptom(0.6, f"validation rows go on where training rows end, in the order of column {split.by}")
    if facts.job.recipe.shuffle:
        return NONE
    order = facts.data.order
    if order is None:
        return Symptom(0.2, "rows are not shuffled")
    if order.sorted_by == "targets":
        return Symptom(0.95, f"rows come sorted by target and are not shuffled ({order.longest_run:.0%} in one run)")
    if order.sorted_by is not None or order.p < 1e-3:
        return Symptom(0.7, "rows come in an order and are not shuffled")
    return Symptom(0.2, "rows are not shuffled")


def _continues(split: SortedSplit) -> bool:
    """The two ranges of a column touch: they are cut from one, and not scaled differently."""
    (low, high), (first, last) = sorted([split.train, split.validation])
    return first - high < 0.1 * (last - low)


def order_changes(facts: Facts) -> tuple[Change, ...]:
    split = facts.data.sorted_split
    if split is not None and (split.by == "targets" or _continues(split)):
        return (changes.resplit(),)
    return () if facts.job.recipe.shuffle else (changes.shuffle(),)


BATCH_TOO_SMALL = Cause(
    label="batch_too_small",
    branch=Branch.OPTIMISATION,
    meaning="The noise of tiny batches keeps the run from settling.",
    prediction="With larger batches, at the same rate and fewer updates, the errors fall.",
    symptom=too_small,
    changes=small_changes,
    remedy="Use batches of 16 to 64 rows, or a lower rate.",
)
BATCH_TOO_LARGE = Cause(
    label="batch_too_large",
    branch=Branch.OPTIMISATION,
    meaning="There are so few updates an epoch that the run cannot get there.",
    prediction="With smaller batches, at the same rate and epochs, the errors fall.",
    symptom=too_large,
    changes=large_changes,
    remedy="Use smaller batches.",
)
UNSHUFFLED_DATA = Cause(
    label="unshuffled_data",
    branch=Branch.SETUP,
    meaning="Rows are presented, or were split, in a sorted order.",
    prediction="With shuffled rows (or a random split) the errors fall.",
    symptom=unshuffled,
    changes=order_changes,
    remedy="Shuffle the training rows every epoch; shuffle before splitting.",
)

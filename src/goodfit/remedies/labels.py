"""Targets put right, or no longer taken at their word."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from goodfit.causes import Change, Facts
from goodfit.causes.labels import cleaned, realigned
from goodfit.core.coding import class_numbers
from goodfit.core.job import Coding, Job
from goodfit.core.task import Rows, count_of
from goodfit.data.questions.labels import Recoded
from goodfit.models.surgery import NotAskable
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Judged, Offer, Remedy
from goodfit.remedies.rows import NUMBERED, of_rows, with_targets


def recodings(facts: Facts) -> tuple[Change, ...]:
    """Validation targets in the code of the training targets."""
    found = facts.data.recoded
    if found is None:
        return ()
    words = "Fit one encoder of the targets for both parts: read validation targets in the code of the training ones"

    def edit(job: Job, train: Rows, validation: Rows) -> tuple[Rows, Rows]:
        return train, with_targets(validation, _decoded(job, train.targets, validation.targets, found))

    return (
        of_rows("recode", words, ("validation",), edit, snippets.recoded(found.mapping, found.factor, found.offset)),
    )


def _decoded(job: Job, train: Tensor, targets: Tensor, found: Recoded) -> Tensor:
    if job.coding is Coding.REAL:
        if found.mapping:
            order = list(range(targets.shape[1]))
            for mine, theirs in found.mapping.items():
                order[mine] = theirs
            return targets[:, order]
        mean, std = train.mean(dim=0), train.std(dim=0, correction=0)
        # validation = factor x training + offset, in deviations of the training targets about their mean
        return ((targets - mean) / std - found.offset) / found.factor * std + mean
    back = {theirs: mine for mine, theirs in found.mapping.items()}
    numbers = class_numbers(targets, job.coding)
    mapped = torch.tensor([back.get(int(each), int(each)) for each in numbers.flatten()]).reshape(numbers.shape)
    if job.coding is Coding.ONE_HOT:
        return torch.nn.functional.one_hot(mapped, targets.shape[1]).to(targets.dtype)
    if job.coding not in NUMBERED:
        raise NotAskable("targets of this coding cannot be renumbered")
    return mapped.to(targets.dtype).reshape(targets.shape)


def relabelled(facts: Facts) -> tuple[Change, ...]:
    """The most doubtful labels replaced by what a simple model that has not seen the row says of it."""
    noise, quick = facts.data.noise, facts.data.quick
    if noise is None or not noise.suspicious or quick is None or facts.job.coding not in (*NUMBERED, Coding.ONE_HOT):
        return ()
    said: dict[int, int] = dict(zip(quick.train.rows.tolist(), quick.predictions.tolist(), strict=True))

    doubtful = list(noise.suspicious)

    def edit(job: Job, train: Rows, validation: Rows) -> tuple[Rows, Rows]:
        targets = train.targets.clone()
        put = torch.tensor([int(said[row]) for row in doubtful])
        if job.coding is Coding.ONE_HOT:
            targets[doubtful] = torch.nn.functional.one_hot(put, targets.shape[1]).to(targets.dtype)
        else:
            targets[doubtful] = put.to(targets.dtype).reshape(targets[doubtful].shape)
        return with_targets(train, targets), validation

    words = f"Correct the {len(doubtful):,} most doubtful labels"
    code = snippets.relabelled({row: int(said[row]) for row in doubtful})
    return (of_rows("relabel", words, ("train",), edit, code),)


def judged_rows(offer: Offer) -> Offer:
    """Refused once the training rows are no longer as many as were judged: row numbers would point elsewhere."""

    def offered(facts: Facts) -> tuple[Change, ...]:
        return tuple(replace(each, apply=partial(_on_judged, facts.rows, each)) for each in offer(facts))

    return offered


def _on_judged(rows: int, change: Change, job: Job) -> Job:
    if count_of(job.task.train) != rows:
        raise NotAskable("the training rows are no longer those that were judged")
    return change.apply(job)


ONE_ENCODER = Remedy(
    name="one_encoder",
    causes=("bad_labels", "mismatch"),
    changes=recodings,
    reason="Two encoders, fitted apart, number the same classes differently.",
    source="scikit-learn user guide, 'Common pitfalls': fit transformers on the training part, apply them to all",
    costs="Nothing.",
    harms="None, where the mapping is right; look at a few rows of each class.",
    judged=Judged.VALIDATION,
)
REALIGNMENT = Remedy(
    name="realignment",
    causes=("bad_labels",),
    changes=realigned,
    reason="Inputs and targets were put in different orders; the order in which they fit is known.",
    source="Measured: a simple model explains the targets in the new order and not in the old one",
    costs="Nothing.",
    harms="It mends the symptom: find the line that shifts or sorts one of the two.",
    judged=Judged.VALIDATION,
)
RELABELLING = Remedy(
    name="relabelling",
    causes=("label_noise", "bad_labels"),
    changes=judged_rows(relabelled),
    reason="Rows that a model is sure of, without having seen them, and that are labelled otherwise are mostly wrong.",
    source="Northcutt et al. 2021, Confident learning",
    costs="A simple model, out of fold.",
    harms="Honest exceptions are lost: look through the list before rows are changed for good.",
    judged=Judged.VALIDATION,
)
DOUBTFUL_ROWS = Remedy(
    name="leaving_out_doubtful_rows",
    causes=("label_noise",),
    changes=judged_rows(cleaned),
    reason="A row less costs little; a row with a wrong label teaches what is not so.",
    source="Northcutt et al. 2021, Confident learning",
    costs="The rows left out.",
    harms="Rare but right rows are the first to be doubted.",
    judged=Judged.VALIDATION,
)

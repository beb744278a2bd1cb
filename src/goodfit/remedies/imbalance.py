"""Rare classes that count: weights, shifted outputs, repeated rows."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.causes import Change, Facts, changes
from goodfit.core.coding import class_numbers
from goodfit.core.job import CATEGORICAL, Coding, Job
from goodfit.core.task import IGNORED, Loss, Rows
from goodfit.models.surgery import NotAskable
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Judged, Remedy, own, together
from goodfit.remedies.rows import NUMBERED, of_rows


def weights(facts: Facts) -> tuple[Change, ...]:
    return (changes.balanced_loss(0.5), changes.balanced_loss())


def shifts(facts: Facts) -> tuple[Change, ...]:
    """Outputs shifted by the logarithms of the classes' shares, within the loss alone."""
    words = "Add the logarithm of each class's share to its output, in training only (logit adjustment)"
    return (Change("logit adjustment", words, ("task.loss",), _shifted, code=snippets.LOGIT_ADJUSTMENT),)


def _shifted(job: Job) -> Job:
    if job.coding not in CATEGORICAL:
        raise NotAskable("it needs one output a class")
    if not isinstance(job.task.loss, nn.CrossEntropyLoss) and _function(job.task.loss) is not functional.cross_entropy:
        raise NotAskable("it needs cross-entropy on raw outputs")
    if not isinstance(job.task.train, Rows):
        raise NotAskable("the data are not held in memory")
    numbers = class_numbers(job.task.train.targets, job.coding)
    counts = torch.bincount(numbers[numbers != IGNORED], minlength=job.task.signature.outputs).clamp_min(1)
    return job.with_task(loss=partial(_with_shares, job.task.loss, (counts / counts.sum()).log()))


def _function(loss: Loss) -> object:
    return loss.func if isinstance(loss, partial) else loss


def _with_shares(loss: Loss, logarithms: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
    """``logarithms`` (classes,) are added along axis 1 of the outputs."""
    return loss(outputs + logarithms.to(outputs).reshape(1, -1, *[1] * (outputs.ndim - 2)), targets)


def oversampled(facts: Facts) -> tuple[Change, ...]:
    """Rows of rare classes several times, half of the way to the size of the largest class or all of it."""
    if facts.job.coding not in (*NUMBERED, Coding.ONE_HOT):
        return ()
    ways = ((0.5, "Repeat rare rows"), (1.0, "Repeat rare rows until classes are equal"))
    return tuple(_repeated(power, words) for power, words in ways)


def _repeated(power: float, words: str) -> Change:
    def edit(job: Job, train: Rows, validation: Rows) -> tuple[Rows, Rows]:
        numbers = class_numbers(train.targets, job.coding).flatten()
        counts = torch.bincount(numbers).double()
        times = ((counts.max() / counts.clamp_min(1)) ** power)[numbers]
        extra = (times.frac() > torch.rand(len(times), generator=torch.Generator().manual_seed(0))).long()
        return train.taken(torch.arange(len(train)).repeat_interleave(times.floor().long() + extra)), validation

    return of_rows(f"oversample {power:g}", words, ("train",), edit, snippets.oversampling(power))


CLASS_WEIGHTS = Remedy(
    name="class_weights",
    causes=("class_imbalance",),
    changes=together(weights, own("class_imbalance")),
    reason="An error on a rare class then costs as much as its share is small, and learning listens to it.",
    source="King & Zeng 2001; Buda et al. 2018",
    costs="Nothing.",
    harms="Few rows with large weights make the steps rough; probabilities are no longer those of the data.",
)
LOGIT_ADJUSTMENT = Remedy(
    name="logit_adjustment",
    causes=("class_imbalance",),
    changes=shifts,
    reason="The loss takes the shares upon itself, so that the outputs are left with what the inputs say of the class.",
    source="Menon et al. 2021, Long-tail learning via logit adjustment",
    costs="Nothing.",
    harms="More cases are taken for the rare class than there are; probabilities are those of equal classes.",
)
OVERSAMPLING = Remedy(
    name="oversampling",
    causes=("class_imbalance",),
    changes=oversampled,
    reason="Rare classes are seen as often as others.",
    source="Buda et al. 2018, A systematic study of the class imbalance problem",
    costs="Longer epochs.",
    harms="Copies are learnt by heart; probabilities are no longer those of the data.",
    judged=Judged.VALIDATION,
)

"""What a treatment gives back: the changes it kept with their evidence, the job before and after, the mended model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from goodfit.core import treatment_card

if TYPE_CHECKING:
    from torch import nn

    from goodfit.core.evidence import Cost, Diagnosis
    from goodfit.core.statistics import Estimate


@dataclass(frozen=True)
class Kept:
    """One change that was kept, and what speaks for it."""

    cause: str
    change: str
    """As an imperative: 'Divide the learning rate by 10'."""
    fields: tuple[str, ...]
    reason: str
    source: str
    harms: str
    """When it does harm; empty where that is told under the cause."""
    code: str
    """Lines of PyTorch for a person's own script, in the names of a job; empty where words have to do."""
    judged: str
    """By which rows it was judged."""
    effect: Estimate
    """How much lower the error is with it, as a share of the best constant's error (where folds chose, of the error as
    it was); nan where scores before and after are of other rows."""
    compared: Mapping[str, Estimate] = field(default_factory=dict)
    """Where folds chose: the share of the error that it takes off each comparison."""
    among: int | None = None
    """Candidates that it was chosen among, itself included; None where that was not counted."""

    @property
    def relative(self) -> bool:
        """Whether the effect is a share of the error as it was: folds of other sizes have other constants."""
        return bool(self.compared)


@dataclass(frozen=True)
class Standing:
    """How a job does, mean over ``runs`` trainings: error shares of the best constant, and accuracy or R2."""

    train: float
    validation: float
    train_score: float
    validation_score: float
    runs: int


@dataclass(frozen=True)
class FinalTest:
    """The test part before and after, read once, when everything had been chosen. Errors are shares."""

    rows: int
    before: Estimate
    after: Estimate
    gain: Estimate
    """How much lower the error is after, on the same rows; nan where the change is of the rows themselves."""
    score_before: float
    score_after: float


@dataclass(frozen=True)
class Flattery:
    """How much choosing may flatter the validation score, as a share of the best constant's error."""

    candidates: int
    value: float | None
    """None where nothing was chosen by folds, which alone can tell."""
    sentence: str


@dataclass(frozen=True, eq=False)
class Treatment:
    """A mended job: what was changed and why, what it did, and the model.

    ``cause`` is what is left: 'healthy' where the mended job shows nothing more, 'undetermined', or a cause's label.
    """

    diagnosis: Diagnosis
    """Of the job as it was found."""
    cause: str
    sentence: str
    """What is left, in words."""
    applied: tuple[Kept, ...]
    before: Standing | None
    """None where the budget ended before the first training did."""
    after: Standing | None
    gain: Estimate
    """How much lower the validation error is, over paired seeds; nan where the validation rows are others."""
    test: FinalTest | None
    flattery: Flattery
    not_tried: Mapping[str, str]
    """By remedy: why it was not tried, or not kept."""
    cost: Cost
    choices: tuple[str, ...] = ()
    """What each choice by folds came to, also where nothing was chosen."""
    notes: tuple[str, ...] = ()
    """What a person has to know of the mended job."""
    model: nn.Module | None = field(default=None, repr=False)
    """The mended network in evaluation mode, with the weights of the first seed."""
    ensemble: nn.Module | None = field(default=None, repr=False)
    """The mean of the networks of all folds, where folds chose the last change."""
    _parts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def job(self) -> dict[str, Any]:
        """The mended job in the format of `goodfit.diagnose`: model, loss, optimizer, train, val, scheduler and so on.

        It says everything of the mended recipe: what has no key of its own (clipping, a warm-up, an augmentation) is
        inside the optimiser's factory, the scheduler or the training data; ``notes`` tells where.
        """
        return dict(self._parts)

    def patch(self) -> str:
        """The changes to make in one's own script: numbered, with reason, source, evidence and lines of code."""
        return treatment_card.patch(self)

    def to_json(self) -> dict[str, Any]:
        """Everything in plain values that `json.dumps` takes; ``docs/json.md`` describes the keys."""
        return treatment_card.as_json(self)

    def __repr__(self) -> str:
        return treatment_card.text(self)

    def _repr_html_(self) -> str:
        return treatment_card.html(self)

"""Everything measured before an experiment is run: what the causes read their symptoms from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from goodfit.core.job import Job
from goodfit.core.task import count_of
from goodfit.core.trial import PartResult, Trial
from goodfit.data.questions.drift import ClassShift, Drift
from goodfit.data.questions.labels import Association, Collapsed, Misaligned, Noise, Recoded
from goodfit.data.questions.leaks import Duplicates, SortedSplit, Telling
from goodfit.data.questions.quick import QuickFit
from goodfit.data.questions.scales import Order, Padding, Scales
from goodfit.data.questions.windows import Interleaved
from goodfit.models.anatomy import Anatomy
from goodfit.probes import Critical, Escape, OrderBlind, PaddingReach, Signals, TrainEvalGap
from goodfit.probes.losses import LossShape


@dataclass(frozen=True, eq=False)
class DataFacts:
    """Answers that need the data alone. None: it does not apply, or could not be asked."""

    quick: QuickFit | None = None
    drift: Drift | None = None
    shares: ClassShift | None = None
    duplicates: Duplicates | None = None
    telling: tuple[Telling, ...] | None = None
    sorted_split: SortedSplit | None = None
    interleaved: Interleaved | None = None
    noise: Noise | None = None
    association: Association | None = None
    association_validation: Association | None = None
    misaligned: Misaligned | None = None
    recoded: Recoded | None = None
    collapsed: Collapsed | None = None
    scales: Scales | None = None
    target_scale: Scales | None = None
    order: Order | None = None
    padding: Padding | None = None


@dataclass(frozen=True, eq=False)
class OptimizerFacts:
    """What the person's optimiser is, as built."""

    name: str
    rates: tuple[float, ...]
    weight_decay: float
    decoupled: bool
    """Weight decay acts on the weights themselves (AdamW) and not through the gradient."""
    missing: tuple[str, ...]
    """Parameters it was not given."""
    momentum: float = 0.0
    course: float = 1.0
    """Mean rate over the training, as a share of the largest."""


@dataclass(frozen=True, eq=False)
class ModelFacts:
    """Answers that need one pass of the network as it starts."""

    anatomy: Anatomy
    start: Signals
    loss: LossShape
    optimizer: OptimizerFacts
    blind: OrderBlind | None = None
    padding_reach: PaddingReach | None = None
    padding_in_loss: float = float("nan")
    coupled: float = float("nan")


@dataclass(frozen=True, eq=False)
class EndFacts:
    """Answers that need the network as it ended."""

    signals: Signals | None = None
    unmoved: tuple[str, ...] = ()
    """Parameters that the whole training did not move."""
    gap: TrainEvalGap | None = None
    travel: float = float("nan")
    """Distance the weights went, relative to their length at the start."""
    critical: Critical | None = None
    escape: Escape | None = None
    test: PartResult | None = None
    """The test part, read for one question alone: is the validation score honest?"""


@dataclass(frozen=True, eq=False)
class Facts:
    """All of it, for one job and its control."""

    job: Job
    data: DataFacts
    model: ModelFacts
    end: EndFacts
    control: Trial
    not_run: Mapping[str, str]
    """Questions that could not be asked, with the reason."""

    @property
    def rows(self) -> int:
        return count_of(self.job.task.train)

    @property
    def updates_per_epoch(self) -> int:
        return math.ceil(self.rows / self.job.recipe.batch_size)

    @property
    def train_error(self) -> float:
        return self.control.train.error

    @property
    def validation_error(self) -> float:
        return self.control.validation.error

    @property
    def reach(self) -> float:
        """Error share of a simple model on training rows it has not seen; 1 where none was fitted."""
        return _error(self.data.quick, "train")

    @property
    def reach_validation(self) -> float:
        return _error(self.data.quick, "validation")

    @property
    def still_falling(self) -> float:
        """Share of the training loss that the last fifth of the epochs took off."""
        losses = [x for x in self.control.train_losses if math.isfinite(x)]
        if len(losses) < 2:
            return 1.0 if losses else 0.0
        back = max(1, len(losses) // 5)
        if not losses[-1 - back]:
            return 0.0
        return max(0.0, (losses[-1 - back] - losses[-1]) / abs(losses[-1 - back])) * min(1.0, len(losses) / (5 * back))


def _error(quick: QuickFit | None, part: str) -> float:
    """A quick model's error as a share of the constant's."""
    if quick is None:
        return 1.0
    scores = quick.on_train if part == "train" else quick.on_validation
    constant = 1 - scores.constant.value
    return min(1.5, max(0.0, (1 - scores.score.value) / constant)) if constant > 0 else 0.0

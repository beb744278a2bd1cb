"""What was found out: `Evidence` for causes, `Answer`s along the guide, the `Diagnosis`, and a `Remedy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from goodfit.core import card
from goodfit.core.errors import SettingsError

if TYPE_CHECKING:
    from goodfit.core.progress import Inquiry
    from goodfit.core.recipe import Recipe
    from goodfit.core.statistics import Estimate
    from goodfit.core.task import Task
    from goodfit.core.treatment import Treatment


class Reading(Enum):
    """What an experiment says of the prediction it tested."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    INCONCLUSIVE = "inconclusive"
    NOT_ASKABLE = "not askable"


@dataclass(frozen=True)
class Evidence:
    """One experiment: the prediction stated before it, the runs used, the effect, and what it says."""

    cause: str
    prediction: str
    runs: tuple[str, ...]
    effect: Estimate
    """Error share of the best constant that the change takes off the validation rows (see `value`)."""
    reading: Reading
    reason: str = ""
    symptom: float = 0.0
    """How much the measurements before any experiment look like the cause, 0 to 1."""
    seen: str = ""
    """The symptom in words."""
    change: str = ""
    """What was changed, as an imperative."""
    fields: tuple[str, ...] = ()
    """The fields in which treatment and control differ."""
    value: float = 0.0
    """What the ranking goes by: the part of the possible gain that the change brings, weighted by the symptom."""


@dataclass(frozen=True)
class Answer:
    """A question of the guide answered: ``answer`` is one of the question's branches, or 'undetermined'."""

    question: str
    answer: str
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """What a diagnosis took. A short run counts as the part of a training that it is, a longer one as several."""

    trainings: float
    seconds: float
    runs: int


@dataclass(frozen=True)
class Treated:
    """The job with the changes of the diagnosis made: error shares of the best constant before and after."""

    changes: tuple[str, ...]
    fields: tuple[str, ...]
    before: tuple[float, float]
    """Training and validation."""
    after: tuple[float, float]
    score_before: float
    """Accuracy or R2 on the validation rows."""
    score_after: float


@dataclass(frozen=True)
class Curve:
    """One training, epoch by epoch: of the job as it was found, or with the changes of the diagnosis made."""

    seed: int
    changed: bool
    epochs: tuple[int, ...]
    """Counted from 1; of a long training only some, evenly spread."""
    train: tuple[float, ...]
    """Mean training loss of each of these epochs, on the way; not finite where the training diverged."""
    validation: tuple[float, ...]
    """Validation loss after each of them."""


@dataclass(frozen=True)
class Diagnosis:
    """Why a run does not fit, as far as it was asked.

    ``cause`` is a cause's label, 'healthy' or 'undetermined'; it is None where the guide's questions were
    answered but no experiment has been run that could name a cause.
    """

    cause: str | None
    sentence: str
    path: tuple[Answer, ...]
    ranked: tuple[Evidence, ...] = ()
    """Every cause considered, the most probable first."""
    not_asked: Mapping[str, str] = field(default_factory=dict)
    consequences: Mapping[str, str] = field(default_factory=dict)
    """Causes whose symptom was there and is explained by the primary one, with the reason."""
    further: tuple[str, ...] = ()
    """Causes found beside the primary one, or on the mended job."""
    cost: Cost | None = None
    treated: Treated | None = None
    baselines: Mapping[str, Estimate] = field(default_factory=dict)
    """Effects of what should do nothing: another seed, a random change."""
    curves: tuple[Curve, ...] = ()
    """Losses of the job as it was found, and of the mended one where a change was found; one of each for a seed."""
    rounds: Sequence[Any] = field(default=(), compare=False, repr=False)
    """What it was reached by (`goodfit.guide.diagnosis.Asked`), where an own run may go on from it. Like ``_treat``, it
    is lost where a diagnosis is written down."""
    _treat: Callable[..., Treatment] | None = field(default=None, compare=False, repr=False)
    """How to go on from here; it holds the job and its experiments, and is lost where a diagnosis is written down."""

    def treat(self, *, budget: str | float | None = None, progress: Inquiry | None = None) -> Treatment:
        """Mend the job that `goodfit.diagnose` was asked about; its experiments are not made again.

        ``budget`` bounds what mending may cost beyond the diagnosis, as in `goodfit.treat`.
        """
        if self._treat is None:
            problem = "This diagnosis has no job to treat: it was not made by goodfit.diagnose, or it was written down"
            raise SettingsError(problem, "Hand the job to goodfit.treat(...).")
        return self._treat(budget=budget, progress=progress)

    def __getstate__(self) -> dict[str, Any]:
        # A person's functions and weights are no part of what is written.
        return {**self.__dict__, "rounds": (), "_treat": None}

    def to_json(self) -> dict[str, Any]:
        """Everything in plain values that `json.dumps` takes; ``docs/json.md`` describes the keys."""
        return card.as_json(self)

    def __repr__(self) -> str:
        return card.text(self)

    def _repr_html_(self) -> str:
        return card.html(self)


@dataclass(frozen=True)
class Remedy:
    """A change that would mend one cause, with its reason and where it is described."""

    name: str
    reason: str
    source: str
    apply: Callable[[Task, Recipe], tuple[Task, Recipe]]

"""The numbers of a report, before anything is drawn: what was scored, how the loss went.

The numbers of predicted against real are in `goodfit.report.comparisons`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.repair import Repair
from goodfit.core.run import Run
from goodfit.core.score import Scorecard
from goodfit.core.statistics import Estimate, difference, unpaired_difference
from goodfit.core.task import PARTS, Metric, Part, Task

MOST_POINTS = 2_000
"""Points drawn of one trace; more cannot be told apart on a screen and only make the page heavy."""

LOG_FROM = 30
"""Ratio of the largest to the smallest loss from which a linear axis would hide the end of the training."""

Tone = Literal["good", "attention", "open"]
Reading = Literal["better", "worse", "level", ""]


@dataclass(frozen=True, eq=False)
class Content:
    """Everything a report tells of one run."""

    task: Task
    run: Run
    scorecard: Scorecard
    """The network's own."""
    baselines: Mapping[str, Scorecard]
    not_run: Mapping[str, str]
    """Baselines that were not run, with the reason."""
    diagnosis: Diagnosis
    settings_yaml: str
    """The resolved settings, enough to repeat the run."""
    command: str
    """What to type to run it again."""
    layers: Sequence[Mapping[str, Any]] = ()
    """``name, type, output, parameters, receptive_field`` of each layer, in order."""
    seconds: float = math.nan
    """Of the whole run, from reading the data to the last score."""
    probabilities: Mapping[Part, NDArray[np.float64]] | None = None
    """Of a classifier: (rows, classes)."""
    repair: Repair | None = None
    """What the treatment of the run came to; None where there was nothing to treat."""

    @property
    def judged(self) -> Part:
        """The part everything is compared on: the test part where there is one."""
        return next(part for part in reversed(PARTS) if part in self.scorecard.predictions)


def tone(diagnosis: Diagnosis) -> Tone:
    """Whether the verdict calms, calls for attention, or leaves the question open."""
    answers = [answer.answer for answer in diagnosis.path]
    if diagnosis.cause == "undetermined" or not (diagnosis.cause or answers):
        return "open"
    calm = diagnosis.cause == "healthy" or (diagnosis.cause is None and set(answers) == {"small"})
    return "good" if calm else "attention"


def headline(diagnosis: Diagnosis) -> str:
    """The verdict without the sentence of its last answer, which stands with the question it answers."""
    said = diagnosis.path[-1].sentence if diagnosis.path else ""
    return diagnosis.sentence.removesuffix(said).strip() or diagnosis.sentence


def gauges(answer: Answer) -> tuple[tuple[str, Estimate], ...]:
    """The numbers of an answer by name; 'low' and 'high' are the interval of the number before them."""
    found: list[tuple[str, Estimate]] = []
    for name, value in answer.numbers.items():
        if found and name in ("low", "high"):
            found[-1] = (found[-1][0], replace(found[-1][1], **{name: value}))
        else:
            found.append((name.replace("_", " "), Estimate(value, math.nan, math.nan)))
    return tuple(found)


@dataclass(frozen=True)
class ScoreRow:
    """One line of the score table. ``lead`` is by how much goodfit is better; positive means goodfit is ahead."""

    name: str
    estimates: Mapping[Part, Estimate]
    ours: bool = False
    best: bool = False
    lead: Estimate | None = None
    note: str = ""

    @property
    def reading(self) -> Reading:
        """What the lead says of goodfit; 'level' where its interval holds zero."""
        if self.lead is None or math.isnan(self.lead.low):
            return ""
        if not self.lead.excludes(0.0):
            return "level"
        return "better" if self.lead.value > 0 else "worse"


@dataclass(frozen=True)
class Scores:
    """goodfit first, then the baselines from best to worst on the judged part."""

    metric: Metric
    judged: Part
    parts: tuple[Part, ...]
    rows: tuple[ScoreRow, ...]
    not_run: Mapping[str, str]

    @property
    def ours(self) -> ScoreRow:
        return self.rows[0]

    @property
    def rival(self) -> ScoreRow | None:
        """The best baseline."""
        return self.rows[1] if len(self.rows) > 1 else None

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest end of all intervals on the judged part."""
        ends = [end for row in self.rows for end in _ends(row.estimates.get(self.judged)) if math.isfinite(end)]
        return (min(ends), max(ends)) if ends else (math.nan, math.nan)


def scores(content: Content) -> Scores:
    """The score table: values with intervals, and goodfit's lead over each baseline on the judged part."""
    metric, judged = content.scorecard.metric, content.judged
    cards = {name: card for name, card in content.baselines.items() if judged in card.estimates}

    def rank(card: Scorecard) -> float:
        value = card.value(judged)
        return math.inf if math.isnan(value) else -value if metric.higher_is_better else value

    ordered = sorted(cards.items(), key=lambda item: rank(item[1]))
    best = min([content.scorecard, *cards.values()], key=rank)
    rows = [ScoreRow("goodfit", content.scorecard.estimates, ours=True, best=best is content.scorecard)]
    rows += [
        ScoreRow(name, card.estimates, best=best is card, lead=lead(content, card), note=card.note)
        for name, card in ordered
    ]
    parts = tuple(part for part in reversed(PARTS) if part in content.scorecard.estimates)
    return Scores(metric, judged, parts, tuple(rows), content.not_run)


def lead(content: Content, rival: Scorecard) -> Estimate:
    """By how much goodfit is better than ``rival`` on the judged part, paired where both judged the same rows."""
    part, ours = content.judged, content.scorecard
    first, second = (ours, rival) if ours.metric.higher_is_better else (rival, ours)
    mine, theirs = first.units[part], second.units[part]
    finite = np.isfinite(mine.sums).all() and np.isfinite(theirs.sums).all()
    if finite and np.array_equal(mine.weights, theirs.weights):
        return difference(mine, theirs, content.task.clusters.get(part))
    return unpaired_difference(first.estimates[part], second.estimates[part])


def _ends(estimate: Estimate | None) -> tuple[float, ...]:
    return () if estimate is None else (estimate.value, estimate.low, estimate.high)


@dataclass(frozen=True)
class Curve:
    """One quantity by epoch; values that are not finite are NaN."""

    name: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]

    def at(self, epoch: int) -> float:
        return self.values[self.epochs.index(epoch)] if epoch in self.epochs else math.nan


@dataclass(frozen=True)
class Losses:
    """Training and validation loss by epoch, counted from 1."""

    loss: str
    unit: str
    train: Curve
    validation: Curve
    best_epoch: int
    broken_at: int | None
    """First epoch whose loss is not a finite number."""

    @property
    def drawable(self) -> bool:
        return math.isfinite(self.least)

    @property
    def least(self) -> float:
        return min(self._known(), default=math.nan)

    @property
    def largest(self) -> float:
        return max(self._known(), default=math.nan)

    @property
    def logarithmic(self) -> bool:
        """Whether a logarithmic axis shows more: all positive, and a wide range."""
        return self.least > 0 and self.largest > LOG_FROM * self.least

    def _known(self) -> list[float]:
        return [value for value in self.train.values + self.validation.values if math.isfinite(value)]


def losses(content: Content) -> Losses:
    """The loss curves of the run."""
    name, unit = loss_name(content.task)
    train, validation = (_curve(content.run, part) for part in ("train", "validation"))
    broken = [
        epoch
        for curve in (train, validation)
        for epoch, value in zip(curve.epochs, curve.values, strict=True)
        if math.isnan(value)
    ]
    return Losses(name, unit, train, validation, content.run.best_epoch, min(broken, default=None))


def _curve(run: Run, part: str) -> Curve:
    _, values = run.curve(f"{part}_loss")
    finite = tuple(value if math.isfinite(value) else math.nan for value in values)
    return Curve(part, tuple(range(1, len(values) + 1)), finite)


def loss_name(task: Task) -> tuple[str, str]:
    """What the loss is called, and its unit."""
    function = task.loss.func if isinstance(task.loss, partial) else task.loss
    scaled = "scaled unit"
    a_token = "nats a token" if task.objective == "sequence_labelling" else "nats a row"
    known = {
        "mse_loss": ("mean square error", f"{scaled}, squared"),
        "l1_loss": ("mean absolute error", scaled),
        "cross_entropy": ("cross-entropy", a_token),
        "softmax_mean_square": ("mean square error", "of the probabilities"),
    }
    name = getattr(function, "__name__", type(function).__name__)
    return known.get(name, (name.replace("_", " "), ""))


def thinned(values: Sequence[float] | NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.int64]:
    """At most ``most`` indices that keep the look of a curve: both ends, least and largest of each stretch."""
    array = np.asarray(values, dtype=float)
    everything = np.arange(len(array), dtype=np.int64)
    if len(array) <= most:
        return everything
    kept = [everything[:1], everything[-1:]]
    for stretch in np.array_split(everything, (most - 2) // 2):
        finite = stretch[np.isfinite(array[stretch])]
        kept.append(finite[[array[finite].argmin(), array[finite].argmax()]] if len(finite) else stretch[:1])
    return np.unique(np.concatenate(kept))


def drawn(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """The curve with no more points than can be drawn."""
    index = thinned(curve.values, most)
    return Curve(curve.name, tuple(curve.epochs[i] for i in index), tuple(curve.values[i] for i in index))

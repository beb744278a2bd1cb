"""Panels: a view with its figure, the sentences that read it, and the same numbers as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.report import figures
from goodfit.report.comparisons import (
    Confusion,
    Lines,
    Scatter,
    Weekdays,
    confusion,
    lines,
    scatter,
    weekdays,
)
from goodfit.report.views import Content, Curve, Losses, losses
from goodfit.report.words import (
    MISSING,
    Scale,
    capital,
    count,
    distinct,
    listed,
    number,
    quoted,
    scale_for,
    shorten,
    with_unit,
)

MOST_TABLE_ROWS = 60


@dataclass(frozen=True)
class Table:
    """Columns by name; the first cell of each row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Panel:
    """One figure of the page. ``figure`` is None where there is nothing to draw, and ``finding`` says why."""

    name: str
    title: str
    finding: str
    reading: str
    table: Table
    figure: Any = None
    width: int | None = None
    """Most pixels across, for figures that should be about square."""
    least_width: int = 0
    """Pixels below which the figure scrolls instead of shrinking."""

    @property
    def height(self) -> int:
        return int(self.figure.layout.height)


def loss_panel(content: Content) -> Panel:
    """Training and validation loss by epoch."""
    view = losses(content)
    drawable = view.drawable
    return Panel(
        name="losses",
        title="Loss by epoch",
        finding=_loss_finding(content, view),
        reading=(
            "Lower is better. Dotted: the loss on the training rows, averaged over each epoch while the weights were "
            "still moving. Solid: the loss on the validation rows when the epoch was over. Validation rising while "
            "training falls means overfitting; both staying high means the network does not fit at all."
        ),
        table=_loss_table(view),
        figure=figures.losses_figure(view) if drawable else None,
    )


def _loss_finding(content: Content, view: Losses) -> str:
    run, best = content.run, view.validation.at(view.best_epoch)
    ending = f"Training ended after {count(run.epochs, 'epoch')} ({count(run.updates, 'update')}): {run.outcome.value}."
    parts = [ending]
    if math.isfinite(best):
        parts.append(
            f"The validation loss was lowest after epoch {view.best_epoch} ({number(best)}); "
            "the network keeps the weights it had then."
        )
    if view.broken_at is not None:
        parts.append(f"In epoch {view.broken_at} the loss was no longer a finite number; such epochs are not drawn.")
    return " ".join(parts)


def _loss_table(view: Losses) -> Table:
    longest = max(view.train, view.validation, key=lambda curve: len(curve.epochs))
    epochs = sorted({*_some(longest), view.best_epoch} & set(longest.epochs))
    rows = tuple(
        (
            f"{epoch}{' (best)' if epoch == view.best_epoch else ''}",
            *(_loss(c.at(epoch)) for c in (view.train, view.validation)),
        )
        for epoch in epochs
    )
    left_out = "" if len(epochs) == len(longest.epochs) else f", {len(epochs)} of {len(longest.epochs):,} epochs"
    return Table(f"Loss by epoch: {view.loss}{left_out}", ("epoch", "training", "validation"), rows)


def _some(curve: Curve) -> list[int]:
    if len(curve.epochs) <= MOST_TABLE_ROWS:
        return list(curve.epochs)
    return [curve.epochs[i] for i in np.linspace(0, len(curve.epochs) - 1, MOST_TABLE_ROWS).round().astype(int)]


def _loss(value: float) -> str:
    return number(value, 4) if math.isfinite(value) else "not finite"


def comparison_panels(content: Content) -> tuple[Panel, ...]:
    """Predicted against real, as suits the kind of data."""
    if content.task.objective != "regression":
        return (confusion_panel(content, confusion(content)),)
    if content.task.kind != "series":
        return (scatter_panel(content, scatter(content)),)
    by_day = weekdays(content)
    first = lines_panel(content, lines(content))
    return (first,) if by_day is None else (first, weekdays_panel(content, by_day))


def lines_panel(content: Content, view: Lines) -> Panel:
    """The last weeks of a series."""
    unit, part = shorten(content.scorecard.metric.unit), content.judged
    scale = scale_for(content.scorecard.metric.unit, (view.error, view.naive_error))
    steps = len(view.truth)
    span = f"{steps // 7} weeks" if view.weekly and steps % 7 == 0 else f"{steps} {'days' if view.weekly else 'rows'}"
    rival = f", {quoted(view.naive_name)} by {scale(view.naive_error)}" if view.naive is not None else ""
    names = [day.isoformat() for day in view.days] if view.days else [str(i + 1) for i in range(steps)]
    columns = [view.truth, view.predicted] + ([view.naive] if view.naive is not None else [])
    rows = [(name, *(number(float(column[i]), 4) for column in columns)) for i, name in enumerate(names)]
    heads = ["day" if view.days else "row", "real", "goodfit"] + (
        [shorten(view.naive_name)] if view.naive is not None else []
    )
    return Panel(
        name="lines",
        title=f"The last {span} of the {part} part",
        finding=f"Over these {span} goodfit is off by {scale(view.error)} {unit} on average{rival}.",
        reading=(
            "Each point of a predicted line was computed from the values before it only. A prediction that draws the "
            "real line once more, one step late, has learnt nothing but to repeat the last value."
        ),
        table=Table(f"Real and predicted {unit}", tuple(heads), tuple(rows)),
        figure=figures.lines_figure(view, unit, part),
    )


def weekdays_panel(content: Content, view: Weekdays) -> Panel:
    """The error by day of the week."""
    metric, part = content.scorecard.metric, content.judged
    unit, scale = shorten(metric.unit), scale_for(metric.unit, [each.value for each in view.ours])
    return Panel(
        name="weekdays",
        title="Error by day of the week",
        finding=_weekdays_finding(view, scale, unit),
        reading=(
            f"Lower is better. Dot: the {metric.name} over all {count(sum(view.rows), 'day')} of the {part} part; "
            "line: its 95 % interval. Where two intervals do not overlap, the difference is more than chance."
        ),
        table=_weekdays_table(view, scale, with_unit(capital(metric.name), unit)),
        figure=figures.weekdays_figure(view, metric.name, unit),
    )


def _weekdays_finding(view: Weekdays, scale: Scale, unit: str) -> str:
    known = [(each.value, day) for each, day in zip(view.ours, view.days, strict=True) if math.isfinite(each.value)]
    if not known:
        return "No prediction is a finite number."
    (least, calm), (most, hard) = min(known), max(known)
    return f"goodfit's error is largest on {hard}s ({scale(most)} {unit}) and smallest on {calm}s ({scale(least)})."


def _weekdays_table(view: Weekdays, scale: Scale, measured: str) -> Table:
    guesses = [("goodfit", view.ours)] + ([(shorten(view.naive_name), view.naive)] if view.naive else [])
    heads = ["day", "rows"]
    columns = [view.days, tuple(map(str, view.rows))]
    for name, errors in guesses:
        heads += [name, "95 % interval"]
        columns += [tuple(scale(e.value) for e in errors), tuple(scale.interval(e) or MISSING for e in errors)]
    return Table(f"{measured} by day of the week", tuple(heads), tuple(zip(*columns, strict=True)))


def scatter_panel(content: Content, view: Scatter) -> Panel:
    """Predicted against real for a table."""
    metric, shown = content.scorecard.metric, len(view.truth)
    unit = shorten(metric.unit)
    some = count(view.rows, "row") if shown == view.rows else f"{shown:,} of {view.rows:,} rows, drawn at random"
    rows = tuple(
        (f"{number(t.low)} to {number(t.high)}", f"{t.rows:,}", number(t.truth), number(t.predicted), number(t.error))
        for t in view.tenths
    )
    return Panel(
        name="scatter",
        title="Each row, predicted and real",
        finding=_scatter_finding(view, unit, scale_for(metric.unit, (view.median_error,))),
        reading=(
            f"Each dot is one row of the {content.judged} part ({some}). On the dashed line the prediction is perfect; "
            "above it the prediction is too high, below it too low."
        ),
        table=Table(
            f"By tenth of the real value, {unit}",
            ("real value", "rows", "mean real", "mean predicted", "mean absolute error"),
            rows,
        ),
        figure=figures.scatter_figure(view, unit) if view.rows else None,
        width=540,
    )


def _scatter_finding(view: Scatter, unit: str, scale: Scale) -> str:
    lost = (
        f" {count(view.lost, 'prediction is', 'predictions are')} no finite number and left out." if view.lost else ""
    )
    if not view.rows:
        return f"There is nothing to draw.{lost}"
    median, worst = scale(view.median_error), scale(view.worst_error)
    return f"Half of the rows are off by less than {median} {unit}, the worst by {worst}.{lost}"


def confusion_panel(content: Content, view: Confusion) -> Panel:
    """The confusion matrix of a classifier."""
    task = content.task
    things = "tokens" if task.objective == "sequence_labelling" else "pictures" if task.kind == "images" else "rows"
    often = [f"{quoted(c.real)} for {quoted(c.predicted)} ({c.times:,} of {c.of:,})" for c in view.confused]
    finding = f"{view.right:,} of {view.total:,} {things} are right."
    if often:
        finding += f" Most often taken for another: {listed(often)}."
    pooled = (
        f" The {view.pooled:,} rarest classes are pooled as 'all others'; in the cell where they meet, "
        f"{view.pooled_right:,} of {int(view.counts[-1, -1]):,} have exactly the right class."
        if view.pooled
        else ""
    )
    names = distinct(view.classes, 24)
    rows = [
        (real, *(f"{c:,}" for c in view.counts[i]), f"{int(view.counts[i].sum()):,}") for i, real in enumerate(names)
    ]
    return Panel(
        name="confusion",
        title="Which classes are confused",
        finding=finding,
        reading=(
            f"Each line is a real class of the {content.judged} part, each column what the network said. Blue on the "
            "diagonal is right, orange is wrong; the stronger the colour, the larger the share of that real class."
            f"{pooled}"
        ),
        table=Table(
            f"{capital(things)} by real class (lines) and predicted class (columns)",
            ("real", *names, "all"),
            tuple(rows),
        ),
        figure=figures.confusion_figure(view),
        width=min(800, 180 + 64 * len(view.classes)),
        least_width=130 + 19 * len(view.classes),
    )

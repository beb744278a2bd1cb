"""Views drawn as plotly figures, in the report's own look.

Figures are drawn in the light palette; the page swaps each of its colours for the dark one where the reader's
system is dark. Text that comes from data goes through `label`, since plotly reads a few HTML tags.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from goodfit.core.statistics import Estimate
from goodfit.report.comparisons import Confusion, Lines, Scatter, Weekdays
from goodfit.report.palette import FONT, LIGHT
from goodfit.report.views import Losses, drawn
from goodfit.report.words import distinct, shorten, with_unit

LONGEST_LABEL = 18
ROOMY_UP_TO = 12
"""Classes up to which a confusion matrix has room for long names."""

Floats = NDArray[np.float64]


def label(text: object, most: int = LONGEST_LABEL) -> str:
    """Text from data, short and without meaning for plotly's own small markup."""
    return _inert(shorten(text, most))


def _inert(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return text


def _axis(**more: object) -> dict[str, object]:
    return {
        "gridcolor": LIGHT["line"],
        "gridwidth": 1,
        "linecolor": LIGHT["quiet"],
        "zeroline": False,
        "ticks": "",
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 13, "color": LIGHT["quiet"]}},
        "tickfont": {"size": 12, "color": LIGHT["quiet"]},
        **more,
    }


TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": LIGHT["ink"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 12, "t": 36, "b": 8},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "font": {"size": 13}},
        "hoverlabel": {
            "bgcolor": LIGHT["page"],
            "bordercolor": LIGHT["line"],
            "font": {"family": FONT, "color": LIGHT["ink"], "size": 13},
        },
        "separators": ".,",
        "dragmode": False,
        "xaxis": _axis(showgrid=False, showline=True, spikedash="solid"),
        "yaxis": _axis(),
    }
)


def _figure(traces: Iterable[object], *, height: int = 380, **layout: object) -> go.Figure:
    return go.Figure(list(traces), {"template": TEMPLATE, "height": height, **layout})


def _known(values: Sequence[float] | Floats) -> list[float | None]:
    """Values to be drawn, rounded to what a screen can show; None breaks the line."""
    return [float(f"{value:.7g}") if math.isfinite(value) else None for value in values]


def losses_figure(view: Losses) -> go.Figure:
    """Training and validation loss by epoch, the best epoch marked."""
    styles = {"train": (LIGHT["ours"], "dot", "training"), "validation": (LIGHT["other"], "solid", "validation")}
    traces: list[object] = []
    for curve in (view.train, view.validation):
        colour, dash, name = styles[curve.name]
        shown = drawn(curve)
        mode = "lines+markers" if len(curve.epochs) < 15 else "lines"
        line = {"color": colour, "dash": dash, "width": 2.5}
        traces.append(
            go.Scatter(
                x=list(shown.epochs), y=_known(shown.values), mode=mode, name=name, line=line, marker={"size": 6}
            )
        )
    best = view.validation.at(view.best_epoch)
    if math.isfinite(best):
        ring = {"size": 13, "symbol": "circle-open", "color": LIGHT["other"], "line": {"width": 2.5}}
        name = f"best epoch ({view.best_epoch})"
        traces.append(go.Scatter(x=[view.best_epoch], y=_known([best]), mode="markers", name=name, marker=ring))
    title = with_unit(view.loss, view.unit)
    y: dict[str, object] = {"title": {"text": label(title, 60)}, "hoverformat": ",.4~r"}
    if view.logarithmic:
        y |= {"type": "log", **_log_ticks(view.least, view.largest)}
        y["title"] = {"text": label(f"{title}, log scale", 70)}
    x: dict[str, object] = {
        "title": {"text": "epoch (passes over the training rows)"},
        "rangemode": "tozero",
        "tickformat": ",d",
    }
    if len(view.train.epochs) <= 10:
        x["dtick"] = 1
    return _figure(traces, xaxis=x, yaxis=y, hovermode="x unified")


def _log_ticks(least: float, largest: float) -> dict[str, object]:
    """Ticks at 1, 2 and 5 of each decade, over many decades at 1 only; all written out, none abbreviated."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(largest)) + 1)
    steps = (1, 2, 5) if len(decades) <= 4 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    return {"tickvals": ticks, "ticktext": [f"{tick:.6g}" for tick in ticks]}


def lines_figure(view: Lines, unit: str, part: str) -> go.Figure:
    """Real, predicted and naive as lines over the last steps."""
    x: list[object] = list(range(1, len(view.truth) + 1))
    if view.days:
        x = [day.isoformat() for day in view.days]
    traces = [_line(x, view.truth, "real", LIGHT["ink"], "solid", 2.0)]
    if view.naive is not None:
        traces.append(_line(x, view.naive, label(view.naive_name, 32), LIGHT["other"], "dot", 1.75))
    traces.append(_line(x, view.predicted, "goodfit", LIGHT["ours"], "solid", 2.5))
    axis: dict[str, object] = {"title": {"text": f"row of the {part} part"}}
    if view.days:
        axis = {"title": {"text": "day"}, "type": "date", "hoverformat": "%A, %-d %B %Y"}
    y = {"title": {"text": label(unit, 40)}, "hoverformat": ",.4~r"}
    return _figure(traces, height=420, xaxis=axis, yaxis=y, hovermode="x unified")


def _line(x: list[object], y: Floats, name: str, colour: str, dash: str, width: float) -> object:
    return go.Scatter(x=x, y=_known(y), name=name, mode="lines", line={"color": colour, "dash": dash, "width": width})


def weekdays_figure(view: Weekdays, metric: str, unit: str) -> go.Figure:
    """The error by day of the week, with intervals; side by side with the naive guess."""
    place = np.arange(len(view.days), dtype=float)
    traces = [_intervals(place - 0.1, view.ours, "goodfit", LIGHT["ours"], "circle")]
    if view.naive:
        name = label(view.naive_name, 32)
        traces.append(_intervals(place + 0.1, view.naive, name, LIGHT["other"], "diamond"))
    short = [day[:3] for day in view.days]
    x = {"title": {"text": "day of the week"}, "tickvals": list(range(len(short))), "ticktext": short}
    y = {"title": {"text": label(with_unit(metric, unit), 60)}, "rangemode": "tozero", "hoverformat": ",.4~r"}
    return _figure(traces, height=340, xaxis={**x, "range": [-0.5, 6.5], "hoverformat": ".0f"}, yaxis=y)


def _intervals(x: Floats, estimates: Sequence[Estimate], name: str, colour: str, symbol: str) -> object:
    above = _known([each.high - each.value for each in estimates])
    below = _known([each.value - each.low for each in estimates])
    return go.Scatter(
        x=list(x),
        y=_known([each.value for each in estimates]),
        error_y={"type": "data", "array": above, "arrayminus": below, "width": 0, "thickness": 2, "color": colour},
        name=name,
        mode="markers",
        marker={"color": colour, "size": 9, "symbol": symbol},
        hovertemplate="%{y}<extra></extra>",
    )


def scatter_figure(view: Scatter, unit: str) -> go.Figure:
    """Predicted against real, with the diagonal of perfect predictions."""
    both = np.concatenate([view.truth, view.predicted])
    low, high = float(both.min()), float(both.max())
    room = 0.04 * (high - low) or 1.0
    span = [low - room, high + room]
    diagonal = {"color": LIGHT["quiet"], "width": 1.5, "dash": "dash"}
    dots = {"color": LIGHT["ours"], "size": 7 if len(view.truth) < 500 else 5, "opacity": 0.55}
    traces = [
        go.Scatter(x=span, y=span, mode="lines", name="perfect", line=diagonal, hoverinfo="skip"),
        go.Scatter(
            x=_known(view.truth),
            y=_known(view.predicted),
            mode="markers",
            name="one row",
            marker=dots,
            hovertemplate="real %{x}<br>predicted %{y}<extra></extra>",
        ),
    ]
    x = {"title": {"text": label(with_unit("real", unit), 50)}, "range": span, "hoverformat": ",.4~r", "showgrid": True}
    y = {"title": {"text": label(with_unit("predicted", unit), 50)}, "range": span, "hoverformat": ",.4~r"}
    return _figure(traces, height=480, xaxis=x, yaxis=y)


def confusion_figure(view: Confusion) -> go.Figure:
    """Real classes down, predicted across: right ones in blue, wrong ones in orange, by share of the real class."""
    side = len(view.classes)
    diagonal = np.eye(side, dtype=bool)
    names = [_inert(name) for name in distinct(view.classes, LONGEST_LABEL if side <= ROOMY_UP_TO else 12)]
    traces = [_cells(view, names, diagonal, "ours"), _cells(view, names, ~diagonal, "other")]
    ticks = {
        "tickvals": list(range(side)),
        "ticktext": names,
        "showgrid": False,
        "showline": False,
        "ticklabelstandoff": 6,
    }
    x = {**ticks, "title": {"text": "predicted class"}, "autotickangles": [0, -45, -90]}
    if side > ROOMY_UP_TO:
        x["tickangle"] = -90
    y = {**ticks, "title": {"text": "real class"}, "autorange": "reversed"}
    height = 100 + min(52, max(26, 560 // side)) * side
    return _figure(traces, height=height, xaxis=x, yaxis=y, margin={"l": 8, "r": 12, "t": 12, "b": 8})


def _cells(view: Confusion, names: list[str], shown: NDArray[np.bool_], hue: str) -> object:
    """The cells of one hue. The scale leaps at one half, so that no cell is too dark for dark text and too light
    for light text."""
    share = np.where(shown, view.shares, np.nan)
    count = [
        [str(c) if c and here else "" for c, here in zip(*row, strict=True)]
        for row in zip(view.counts, shown, strict=True)
    ]
    hover = [
        [
            f"real {real}<br>predicted {said}<br>{view.counts[i, j]:,} ({view.shares[i, j]:.1%} of this real class)"
            for j, said in enumerate(names)
        ]
        for i, real in enumerate(names)
    ]
    return go.Heatmap(
        z=[_known(row) for row in share],
        zmin=0,
        zmax=1,
        colorscale=[
            [0, LIGHT["panel"]],
            [0.02, LIGHT[f"{hue}_soft"]],
            [0.5, LIGHT[f"{hue}_mid"]],
            [0.5, LIGHT[f"{hue}_cell"]],
            [1, LIGHT[f"{hue}_deep"]],
        ],
        showscale=False,
        xgap=2,
        ygap=2,
        text=count,
        texttemplate="%{text}",
        hovertext=hover,
        hoverinfo="text",
        hoverongaps=False,
    )

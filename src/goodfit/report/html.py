"""One self-contained page: styles, script, pictures and figures are inside it, and it asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from goodfit.core import treatment_card
from goodfit.core.statistics import Estimate
from goodfit.core.task import PARTS
from goodfit.report import views, words
from goodfit.report.comparisons import mistakes, sentences
from goodfit.report.palette import DARK, FONT, LIGHT
from goodfit.report.panels import Panel, comparison_panels, loss_panel
from goodfit.report.pictures import data_uri
from goodfit.report.views import Content, Scores

SHARES = words.scale_for(words.SHARE, ())
STATIC = Path(__file__).parent / "static"


def write(path: Path, content: Content) -> None:
    """Write the page; a reader of ``path`` finds the whole page or what was there before, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(render(content), encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def render(content: Content) -> str:
    """The page as text that can be written as UTF-8."""
    panels = comparison_panels(content)
    learnt = loss_panel(content)
    scores = views.scores(content)
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            c=content,
            tone=views.tone(content.diagnosis),
            headline=views.headline(content.diagnosis),
            answers=[(answer, [gauge(*each) for each in views.gauges(answer)]) for answer in content.diagnosis.path],
            scores=scores,
            scale=words.scale_for(scores.metric.unit, _values(scores)),
            learnt=learnt,
            panels=panels,
            mistakes=mistakes(content),
            sentences=sentences(content),
            parameters=sum(int(layer.get("parameters") or 0) for layer in content.layers),
            made=how_scores_were_made(content),
            repair_scale=_repair_scale(content),
            effect_of=treatment_card.effect_of,
            figures={panel.name: _plain_figure(panel) for panel in (learnt, *panels) if panel.figure is not None},
        )
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def how_scores_were_made(content: Content) -> tuple[str, ...]:
    """What a person needs to trust the scores, or not to."""
    metric, judged, task = content.scorecard.metric, content.judged, content.task
    sizes = [(part, len(content.scorecard.truth[part])) for part in PARTS if part in content.scorecard.truth]
    grouped = judged in task.clusters
    direction = "Higher" if metric.higher_is_better else "Lower"
    units = "groups of rows that belong together (such as days of one week)" if grouped else "rows"
    exact = "; exact binomial where all are right or all are wrong" if metric.higher_is_better else ""
    read = (
        "The validation rows chose the epoch whose weights are kept; the test rows were read once, at the end."
        if judged == "test"
        else f"There is no test part. The {judged} rows also chose the epoch, so their score flatters a little."
    )
    return (
        f"The score is the {words.with_unit(metric.name, words.shorten(metric.unit))}. {direction} is better.",
        f"Rows: {words.listed([f'{size:,} {words.part_name(part)}' for part, size in sizes])}. {read}",
        f"Intervals hold 95 % of the scores when {units} are drawn again with replacement (bootstrap{exact}).",
        "goodfit's lead over a baseline is computed on the same rows of both (paired), where they have the same.",
        *([content.scorecard.note] if content.scorecard.note else []),
    )


def _values(scores: Scores) -> list[float]:
    return [row.estimates[scores.judged].value for row in scores.rows]


def _repair_scale(content: Content) -> words.Scale | None:
    """One scale for the scores before and after a treatment."""
    repair = content.repair
    if repair is None or repair.before is None or repair.after is None:
        return None
    values = [each.value for found in (repair.before, repair.after) for each in found.values()]
    return words.scale_for(content.scorecard.metric.unit, values)


def _plain_figure(panel: Panel) -> Any:
    return json.loads(panel.figure.to_json())


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("goodfit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "capital": words.capital,
        "plain": words.plain,
        "shorten": words.shorten,
        "with_unit": words.with_unit,
        "number": words.number,
        "count": words.count,
        "duration": words.duration,
        "data_uri": data_uri,
        "place": place,
        "part_name": words.part_name,
    }
    made.globals |= {"light": LIGHT, "dark": DARK, "font": FONT, **_assets()}
    return made


def _assets() -> Mapping[str, object]:
    """Styles and scripts to be set into the page as they are, and the policy that lets only these scripts run."""
    scripts = [(STATIC / name).read_text("utf-8") for name in ("plotly-cartesian.min.js", "report.js")]
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    return {
        "style": Markup((STATIC / "report.css").read_text("utf-8")),  # noqa: S704 -- our own file
        "scripts": [Markup(text) for text in scripts],  # noqa: S704 -- our own and the vendored file
        "policy": policy,
    }


@dataclass(frozen=True)
class Gauge:
    """A number of an answer as it is shown; ``at`` places it between 0 and 1 where it is a relative error."""

    name: str
    value: str
    interval: str
    at: tuple[float, float, float] | None = None


def gauge(name: str, estimate: Estimate) -> Gauge:
    """Relative errors in per cent with a place on the line, their gap in points, other numbers as they are."""
    if name.startswith("relative"):
        return Gauge(name, SHARES(estimate.value), SHARES.interval(estimate), place(estimate, 0.0, 1.0))
    if name == "gap":
        return Gauge(name, SHARES.lead(estimate.value), SHARES.interval(estimate))
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    interval = f"{words.number(estimate.low)} to {words.number(estimate.high)}" if known else ""
    return Gauge(name, words.number(estimate.value), interval)


def place(estimate: Estimate, low: float, high: float) -> tuple[float, float, float] | None:
    """Where an interval's ends and its value lie between ``low`` and ``high``, in per cent; None if unknown."""
    if not math.isfinite(estimate.value) or not high > low:
        return None

    def share(value: float) -> float:
        known = value if math.isfinite(value) else estimate.value
        return round(100 * min(1.0, max(0.0, (known - low) / (high - low))), 2)

    return share(estimate.low), share(estimate.value), share(estimate.high)

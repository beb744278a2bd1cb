"""Figures: axes say what they show and in which unit, and no text from data is taken for markup."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import plotly
import plotly.offline
import pytest
from made import HOSTILE, HOSTILE_KINDS, KINDS, make_run, series_content, table_content

from goodfit.report import figures, palette, views
from goodfit.report.html import STATIC
from goodfit.report.panels import comparison_panels, loss_panel
from goodfit.report.views import Content


def all_figures(content: Content) -> list[dict]:
    panels = (loss_panel(content), *comparison_panels(content))
    return [json.loads(panel.figure.to_json()) for panel in panels]


def test_the_bundle_is_the_one_plotly_expects() -> None:
    head = (STATIC / "plotly-cartesian.min.js").read_text("utf-8")[:200]
    assert f"v{plotly.offline.get_plotlyjs_version()}" in head
    assert "MIT" in (STATIC / "LICENSE-plotly.js").read_text("utf-8")


def test_every_axis_has_a_title(content: Content) -> None:
    for figure in all_figures(content):
        for axis in ("xaxis", "yaxis"):
            assert figure["layout"][axis]["title"]["text"]


def test_units_are_on_the_axes() -> None:
    series = all_figures(series_content())
    assert series[1]["layout"]["yaxis"]["title"]["text"] == "views"
    assert "views" in series[2]["layout"]["yaxis"]["title"]["text"]
    assert "real (price)" in all_figures(table_content())[1]["layout"]["xaxis"]["title"]["text"]


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [each for inner in value.values() for each in strings(inner)]
    return [each for inner in value for each in strings(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("kind", sorted(HOSTILE_KINDS))
def test_text_from_data_is_inert_and_short(kind: str) -> None:
    for figure in all_figures(HOSTILE_KINDS[kind]()):
        for text in strings(figure):
            assert "<img" not in text
            assert "<b>" not in text
            assert len(text) < 250


def test_label_has_no_markup() -> None:
    assert figures.label(HOSTILE, 99) == "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"
    assert figures.label("a & b") == "a &amp; b"


def colours_of(content: Content) -> set[str]:
    found = {text for figure in all_figures(content) for text in strings(figure)}
    return {text for text in found if text.startswith("#")}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_colour_has_a_dark_twin(kind: str) -> None:
    assert colours_of(KINDS[kind]()) <= set(palette.LIGHT.values())


def test_palettes_match() -> None:
    assert palette.LIGHT.keys() == palette.DARK.keys()
    assert len(set(palette.LIGHT.values())) == len(palette.LIGHT)


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("palette", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [(text, ground) for text in ("ink", "quiet", "good", "ours", "other") for ground in ("page", "panel")]
    + [
        ("other", "other_soft"),
        ("ink", "other_soft"),
        ("ink", "ours_soft"),
        ("quiet", "ours_soft"),
        ("good", "ours_soft"),
    ],
)
def test_text_has_enough_contrast(palette: dict[str, str], text: str, ground: str) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 for text."""
    lighter, darker = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_losses_that_are_not_finite_are_gaps() -> None:
    view = views.losses(table_content(run=make_run([1.0, math.nan, math.inf], [1.0, 2.0, math.nan])))
    train, validation = json.loads(figures.losses_figure(view).to_json())["data"][:2]
    assert train["y"] == [1.0, None, None]
    assert validation["y"] == [1.0, 2.0, None]


def test_a_logarithmic_axis_writes_its_ticks_out() -> None:
    def ticks(losses: list[float]) -> list[str]:
        figure = figures.losses_figure(views.losses(table_content(run=make_run(losses, losses))))
        return json.loads(figure.to_json())["layout"]["yaxis"]["ticktext"]

    assert ticks([0.02, 1.5])[:4] == ["0.01", "0.02", "0.05", "0.1"]
    assert ticks([1e-5, 1.0]) == ["1e-05", "0.0001", "0.001", "0.01", "0.1", "1"]


def test_the_best_epoch_is_marked() -> None:
    figure = json.loads(
        figures.losses_figure(views.losses(table_content(run=make_run([3, 2, 1], [3, 1, 2])))).to_json()
    )
    assert (figure["data"][2]["x"], figure["data"][2]["y"]) == ([2], [1.0])


def test_long_trainings_are_thinned() -> None:
    noise = np.random.default_rng(0).random(20_000) + 1
    view = views.losses(table_content(run=make_run(noise.tolist(), noise.tolist())))
    for trace in json.loads(figures.losses_figure(view).to_json())["data"][:2]:
        assert len(trace["x"]) <= views.MOST_POINTS


def test_a_series_without_dates_counts_rows() -> None:
    content = series_content()
    content = replace(content, task=replace(content.task, raw={}))
    figure = all_figures(content)[1]
    assert figure["layout"]["xaxis"]["title"]["text"] == "row of the test part"
    assert figure["data"][0]["x"][:2] == [1, 2]


def test_equal_predictions_still_make_an_axis() -> None:
    content = table_content()
    flat = {part: np.full(len(values), 5.0) for part, values in content.scorecard.predictions.items()}
    card = replace(content.scorecard, predictions=flat, truth=flat)
    low, high = all_figures(replace(content, scorecard=card))[1]["layout"]["xaxis"]["range"]
    assert low < 5.0 < high

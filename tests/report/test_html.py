"""The page: complete, self-contained, small, and deaf to what data try to tell the browser."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made import (
    HOSTILE,
    HOSTILE_KINDS,
    KINDS,
    SIZES,
    class_task,
    images_content,
    make_content,
    make_run,
    regression_task,
    series_content,
    table_content,
    tokens_content,
)
from torch.nn import functional

from goodfit.core.evidence import Diagnosis
from goodfit.core.run import Outcome
from goodfit.core.score import score
from goodfit.core.statistics import Estimate
from goodfit.report import html
from goodfit.report.views import Content

SECTIONS = ["scores", "learnt", "compared", "inferred", "model", "again", "made"]
BUNDLE = (html.STATIC / "plotly-cartesian.min.js").read_text("utf-8")
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "circle", "line", "path"}


class Page(HTMLParser):
    """What a browser would find: tags with attributes, visible text, scripts; complains of tags left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts[-1] = (self.scripts[-1][0], data)
        elif self.open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def island(self, name: str) -> dict:
        return next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == name)


def page_of(content: Content) -> Page:
    """The page, parsed without plotly's own script, which takes long."""
    return Page(html.render(content).replace(BUNDLE, "/* plotly */"))


def test_sections_come_in_order_with_headings(content: Content) -> None:
    page = page_of(content)
    assert [each["id"] for each in page.all("section")] == SECTIONS
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert [each["href"] for each in page.all("a")][1:] == [f"#{name}" for name in SECTIONS]
    assert len(page.all("h1")) == len(page.all("main")) == 1


def test_every_figure_has_title_description_reading_and_table(content: Content) -> None:
    page = page_of(content)
    drawn = [a for a in page.all("div") if (a.get("id") or "").startswith("figure-")]
    assert {f"figure-{name}" for name in page.island("figures")} == {each["id"] for each in drawn}
    for each in drawn:
        assert each["role"] == "img"
        assert len(each["aria-label"] or "") > 40
    text = html.render(content)
    for figure in re.findall(r"<figure.*?</figure>", text, re.DOTALL):
        assert "<h3" in figure
        assert "How to read it." in figure
        assert "The numbers as a table" in figure or "<ul" in figure


def test_tables_have_scopes_and_pictures_have_descriptions(content: Content) -> None:
    page = page_of(content)
    assert page.all("th")
    assert all(each["scope"] in ("col", "row") for each in page.all("th"))
    assert all(each["alt"] for each in page.all("img"))


def test_the_page_asks_the_network_for_nothing(content: Content) -> None:
    page = page_of(content)
    for tag, attributes in page.tags:
        for key in ("src", "href", "srcset", "action", "data"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    css = re.search(r"<style>(.*?)</style>", html.render(content), re.DOTALL)
    assert css is not None
    assert not re.search(r"url\(|@import", css[1])


def test_only_our_scripts_may_run() -> None:
    content = table_content()
    page = Page(html.render(content))
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    running = [text for attributes, text in page.scripts if attributes.get("type") is None]
    assert len(running) == 2
    for text in running:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


def test_the_page_says_verdict_scores_and_how_to_run_again() -> None:
    text = page_of(series_content()).text
    for expected in (
        "it memorised, or the two differ",
        "Is the training loss large?",
        "Is the validation loss large?",
        "best on test",
        "last week",
        "it would not have fitted into the time budget",
        "The validation loss was lowest after epoch 19",
        "The last 8 weeks of the test part",
        "Error by day of the week",
        "the last 28 days",
        "3,713",
        "goodfit run some.csv --target y --seed 0",
        "path: some.csv",
        "the test rows were read once, at the end",
    ):
        assert expected in text


@pytest.mark.parametrize("kind", sorted(HOSTILE_KINDS))
def test_hostile_text_stays_text(kind: str) -> None:
    content = HOSTILE_KINDS[kind]()
    text = html.render(content)
    page = Page(text.replace(BUNDLE, ""))
    assert HOSTILE not in text
    assert HOSTILE in page.text
    assert not [each for each in page.all("img") if "onerror" in each]
    assert "49" not in re.findall(r"fact 4.*", page.text)
    assert len(page.scripts) == 4
    assert len(text) < 2_000_000
    text.encode("utf-8")


def test_islands_hold_no_tag(content: Content) -> None:
    for attributes, text in page_of(content).scripts:
        if attributes.get("type") == "application/json":
            assert "<" not in text


def test_size_stays_small_for_heavy_data() -> None:
    noise = np.random.default_rng(0)
    heavy = images_content(
        [f"class {i}" for i in range(600)], lambda i: noise.integers(0, 256, (512, 512, 3), np.uint8)
    )
    assert len(html.render(heavy).encode()) < 2_500_000
    truth = {part: noise.normal(size=30_000) for part in SIZES}
    losses = noise.random(30_000).tolist()
    long = make_content(regression_task(truth), truth, {}, run=make_run(losses, losses))
    assert len(html.render(long).encode()) < 2_000_000


def test_the_same_run_gives_the_same_page(content: Content) -> None:
    assert html.render(content) == html.render(content)


def test_a_diverged_run_has_a_page() -> None:
    content = table_content(
        run=make_run([math.nan], [math.nan], outcome=Outcome.DIVERGED),
        diagnosis=Diagnosis(None, "The training loss stopped being a finite number.", ()),
    )
    broken = {part: np.full(size, math.nan) for part, size in SIZES.items()}
    page = page_of(replace(content, scorecard=score(content.task, broken)))
    assert page.island("figures") == {}
    assert "no longer a finite number" in page.text
    assert "90 predictions are no finite number" in page.text
    assert "NaN" not in page.text
    assert "nan" not in page.text.split()


def test_a_run_without_test_part_says_so() -> None:
    content = tokens_content()
    task = replace(content.task, test=None)
    parts = {part: content.scorecard.predictions[part] for part in ("train", "validation")}
    page = page_of(replace(content, task=task, scorecard=score(task, parts), baselines={}))
    assert "There is no test part." in page.text
    assert "best on validation" in page.text


def test_a_custom_task_has_a_page() -> None:
    truth = {part: np.zeros(size, dtype=int) for part, size in SIZES.items()}
    task = class_task(truth, (), kind="custom", loss=functional.kl_div, facts={})
    page = page_of(make_content(task, truth, {}, layers=(), not_run={}, seconds=math.nan))
    assert "The layers of this model are not known." in page.text
    assert "90 of 90 rows are right." in page.text


def test_write_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    html.write(path, table_content())
    first = path.read_text("utf-8")
    assert first.startswith("<!doctype html>")
    assert first.rstrip().endswith("</html>")

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="disk full"):
        html.write(path, series_content())
    assert path.read_text("utf-8") == first
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_place_of_an_interval() -> None:
    assert html.place(Estimate(5.0, 4.0, 7.0), 0.0, 10.0) == (40.0, 50.0, 70.0)
    assert html.place(Estimate(5.0, math.nan, math.nan), 0.0, 10.0) == (50.0, 50.0, 50.0)
    assert html.place(Estimate(12.0, 11.0, 13.0), 0.0, 10.0) == (100.0, 100.0, 100.0)
    assert html.place(Estimate(math.nan, math.nan, math.nan), 0.0, 10.0) is None
    assert html.place(Estimate(1.0, 1.0, 1.0), 1.0, 1.0) is None


def test_gauges_are_per_cent_where_they_are_shares() -> None:
    relative = html.gauge("relative training error", Estimate(0.34, 0.31, 0.37))
    assert (relative.value, relative.interval, relative.at) == (
        "34.0\N{NARROW NO-BREAK SPACE}%",
        "31.0 to 37.0",
        (31, 34, 37),
    )
    assert html.gauge("gap", Estimate(0.122, math.nan, math.nan)) == html.Gauge("gap", "+12.2 points", "")
    assert html.gauge("updates", Estimate(7.0, 6.0, 8.0)) == html.Gauge("updates", "7", "6 to 8")


def test_kinds_cover_what_the_page_shows() -> None:
    shown = {name for kind in KINDS for name in page_of(KINDS[kind]()).island("figures")}
    assert shown == {"losses", "lines", "weekdays", "scatter", "confusion"}

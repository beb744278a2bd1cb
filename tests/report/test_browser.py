"""The page in a real browser: it draws everything, complains of nothing, asks for nothing, and fits the screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import plotly.offline
import pytest
from made import HOSTILE, HOSTILE_KINDS, LONG, RTL, make_run, series_content, table_content

from goodfit.core.evidence import Answer, Cost, Curve, Diagnosis, Evidence, Reading, Treated
from goodfit.core.repair import Repair
from goodfit.core.statistics import Estimate
from goodfit.core.treatment import FinalTest, Flattery, Kept, Standing, Treatment
from goodfit.guide.path import Judged, path
from goodfit.report import html, verdicts
from goodfit.report.palette import DARK, LIGHT
from goodfit.report.views import Content

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

NONE = Estimate(float("nan"), float("nan"), float("nan"))

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open, and everything it did beyond being shown."""

    page: playwright.Page
    address: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        assert self.complaints == []
        assert self.requests == [self.address]

    def fits(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def figures(self) -> list[str]:
        return self.page.eval_on_selector_all(".plot", "all => all.map(each => each.id)")

    def marks(self, figure: str) -> int:
        """Drawn lines, dots and pictures of a figure."""
        return self.page.eval_on_selector_all(
            f"#{figure} .main-svg .trace path, #{figure} .main-svg .heatmaplayer image", "all => all.length"
        )


@pytest.fixture
def visit(browser: playwright.Browser, tmp_path: Path) -> Iterator:
    contexts = []

    def opened(content: Content | str, **options: object) -> Visit:
        path = tmp_path / "report.html"
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            html.write(path, content)
        contexts.append(browser.new_context(**{"viewport": WIDE, **options}))
        found = Visit(contexts[-1].new_page(), path.as_uri())
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("dialog", lambda dialog: (found.complaints.append(dialog.message), dialog.dismiss()))
        found.page.on(
            "request", lambda request: found.requests.append(request.url) if request.url[:5] != "data:" else None
        )
        found.page.goto(found.address)
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", sorted(HOSTILE_KINDS))
def test_everything_is_drawn_at_both_widths_and_hostile_text_is_text(visit, kind: str) -> None:
    seen = visit(HOSTILE_KINDS[kind]())
    for size in (WIDE, NARROW):
        seen.page.set_viewport_size(size)
        assert len(seen.figures()) == {"series": 3}.get(kind, 2)
        for figure in seen.figures():
            assert seen.marks(figure) > 0
            box = seen.page.locator(f"#{figure}").bounding_box()
            assert box is not None
            assert box["height"] > 150
        assert seen.fits()
    assert seen.page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    assert HOSTILE in seen.page.inner_text("body")
    assert seen.page.locator("[onerror]").count() == 0
    drawn = seen.page.eval_on_selector_all(".plot svg text", "all => all.map(each => each.textContent).join(' ')")
    assert "</scr" in drawn
    assert "&lt;" not in drawn
    seen.assert_quiet()


def test_a_diagnosis_fits_both_widths_and_stays_a_table(visit) -> None:
    row = Evidence(HOSTILE, "", (), Estimate(0.3, 0.2, 0.4), Reading.SUPPORTS, seen=LONG, change=RTL)
    found = Diagnosis(HOSTILE, LONG, (), ranked=(row, row), not_asked={HOSTILE: RTL, "rate": RTL})
    seen = visit(verdicts.render(found, HOSTILE, HOSTILE))
    for size in (WIDE, NARROW):
        seen.page.set_viewport_size(size)
        assert seen.fits()
        assert seen.page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.scroll'))")
        assert seen.page.get_by_role("row").count() == 3 - (size is NARROW)
        assert seen.page.get_by_role("rowheader").count() == 2
        assert seen.page.locator(".forest svg").first.bounding_box()["width"] > 100
    assert seen.page.locator("#not-asked dt").count() == 1
    assert HOSTILE in seen.page.inner_text("#not-asked dd")
    seen.assert_quiet()


def test_a_treatment_fits_both_widths_and_hostile_text_is_text(visit) -> None:
    kept = Kept(HOSTILE, LONG, (), RTL, LONG, HOSTILE, LONG, HOSTILE, Estimate(0.3, 0.2, 0.4), {LONG: NONE}, 3)
    standing = Standing(0.4, 0.5, 0.6, float("nan"), 2)
    tested = FinalTest(300, *[Estimate(0.3, 0.2, 0.4)] * 3, 0.6, 0.7)
    found = Treatment(
        Diagnosis(HOSTILE, LONG, ()), HOSTILE, RTL, (kept, kept), standing, standing, NONE, tested,
        Flattery(3, 0.1, LONG), {HOSTILE: LONG}, Cost(3.0, 4.0, 5), (LONG,), (HOSTILE,),
    )  # fmt: skip
    seen = visit(verdicts.render(found.diagnosis, HOSTILE, HOSTILE, found))
    for size in (WIDE, NARROW):
        seen.page.set_viewport_size(size)
        assert seen.fits()
        for table in seen.page.locator("#changed .scroll").all():
            assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert seen.page.locator("#changed").get_by_role("rowheader").count() == 5
    assert seen.page.locator("[onerror]").count() == 0
    assert HOSTILE in seen.page.inner_text("#changed")
    seen.assert_quiet()


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_the_page_follows_the_colour_scheme_and_prints_light(visit) -> None:
    seen = visit(series_content(), color_scheme="light")
    title = playwright.expect(seen.page.locator("#figure-losses .xtitle"))
    body = playwright.expect(seen.page.locator("body"))
    title.to_have_css("fill", rgb(LIGHT["quiet"]))
    body.to_have_css("background-color", rgb(LIGHT["page"]))
    seen.page.emulate_media(color_scheme="dark")
    title.to_have_css("fill", rgb(DARK["quiet"]))
    body.to_have_css("background-color", rgb(DARK["page"]))
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    title.to_have_css("fill", rgb(LIGHT["quiet"]))
    assert seen.page.evaluate("document.querySelector('#figure-losses .main-svg').clientWidth") == 640
    seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
    title.to_have_css("fill", rgb(DARK["quiet"]))
    assert seen.page.pdf().startswith(b"%PDF")
    assert seen.page.evaluate("Plotly.version") == plotly.offline.get_plotlyjs_version()
    seen.assert_quiet()


def test_a_run_without_a_finite_loss_is_shown(visit) -> None:
    seen = visit(table_content(run=make_run([float("nan")], [float("inf")])))
    assert seen.figures() == ["figure-scatter"]
    seen.assert_quiet()


def test_without_scripts_the_numbers_are_there(visit) -> None:
    seen = visit(table_content(), java_script_enabled=False)
    assert "The picture needs JavaScript" in seen.page.inner_text("#losses")
    seen.page.click("#losses summary")
    assert "19 (best)" in seen.page.inner_text("#losses table")


@pytest.mark.parametrize("kept", [True, False])
def test_a_mended_run_fits_both_widths_and_hostile_text_is_text(visit, kept: bool) -> None:
    one = Kept(HOSTILE, HOSTILE, (), RTL, LONG, HOSTILE, LONG, HOSTILE, Estimate(0.3, 0.2, 0.4), {LONG: NONE}, 3)
    standing, values = Standing(0.4, 0.5, 0.6, float("nan"), 2), Estimate(31.5, 28.0, 35.0)
    found = Treatment(
        Diagnosis(HOSTILE, LONG, ()), HOSTILE, RTL, (one,), standing, standing, NONE, None,
        Flattery(3, 0.1, LONG), {HOSTILE: LONG}, Cost(3.0, 4.0, 5),
    )  # fmt: skip
    scores = dict.fromkeys(("train", "validation", "test")[: 3 if kept else 2], values)
    unknown = dict.fromkeys(scores, NONE)
    seen = visit(table_content(repair=Repair(kept, HOSTILE, found, scores, scores, unknown, {HOSTILE: LONG}, (RTL,))))
    for size in (WIDE, NARROW):
        seen.page.set_viewport_size(size)
        assert seen.fits()
        assert seen.page.locator("#mended").get_by_role("rowheader").count() == (3 if kept else 2)
    assert seen.page.locator("#mended pre").count() == kept
    assert seen.page.locator("[onerror]").count() == 0
    assert HOSTILE in seen.page.inner_text("#mended")
    seen.assert_quiet()


def hostile_diagnosis() -> Diagnosis:
    """A path of real questions whose words and numbers would break out of a page that trusts them."""
    odd = {HOSTILE: 0.5, "low": 0.1, "high": 0.2, RTL: 0.25, LONG: 1e300}
    steps = [("sound", "yes"), ("training loss", "large"), ("model bias or optimisation", "optimisation")]
    path = (*(Answer(name, answer, LONG, odd) for name, answer in steps), Answer("critical point", HOSTILE, RTL, odd))
    curves = tuple(
        Curve(seed, changed, (1, 2, 3), (3.0 + seed, 2.0, 1.0), (4.0, 3.0, float("nan")))
        for seed in range(3)
        for changed in (False, True)
    )
    ranked = (Evidence(HOSTILE, "", ("a", "b"), Estimate(0.3, 0.2, 0.4), Reading.SUPPORTS, seen=LONG, change=HOSTILE),)
    treated = Treated((HOSTILE,), (), (0.4, 0.5), (0.1, 0.2), 0.1, 0.9)
    idle = {HOSTILE: Estimate(0.0, -0.1, 0.1)}
    return Diagnosis(
        HOSTILE, LONG, path, ranked, cost=Cost(3.0, 4.0, 5), treated=treated, baselines=idle, curves=curves
    )


def test_the_guide_and_the_losses_are_drawn_at_both_widths_and_hostile_text_is_text(visit) -> None:
    text = verdicts.render(hostile_diagnosis(), HOSTILE, HOSTILE)
    assert len(text) < 2_500_000
    seen = visit(text)
    for size, kind, other in ((WIDE, "wide", "narrow"), (NARROW, "narrow", "wide")):
        seen.page.set_viewport_size(size)
        assert seen.fits()
        assert seen.page.locator(f".guide .{kind}").is_visible()
        assert not seen.page.locator(f".guide .{other}").is_visible()
        assert seen.page.locator(f".guide .{kind} .node").count() == 14
        assert seen.page.locator(f".guide .{kind} .edge.taken").count() == 3
        assert seen.page.locator(f".guide .{kind} .node.open").get_attribute("data-name") == "critical point"
        inside = """all => all.every(node => {
            const [box, ...said] = [...node.children].map(each => each.getBoundingClientRect());
            return said.every(each => each.left >= box.left && each.right <= box.right && each.bottom <= box.bottom);
        })"""
        assert seen.page.eval_on_selector_all(f".guide .{kind} .node.off", inside)
        assert seen.page.get_by_role("img").count() == 3  # the tree of this width, and two charts
        for chart in seen.page.locator(".chart svg").all():
            assert chart.bounding_box()["width"] > 300
            assert chart.locator(".line").count() == chart.locator(".area").count() == 2
    assert seen.page.locator("script, [onerror]").count() == 0
    assert HOSTILE in seen.page.inner_text(".card")
    assert "The path taken: Is the job sound? Yes." in seen.page.locator(".guide .narrow").get_attribute("aria-label")
    seen.page.click("#curves summary")
    assert seen.page.locator("#curves tbody tr").count() == 3
    seen.assert_quiet()


@pytest.mark.parametrize("cause", ["learning_rate_too_high", "missing_position", "unnormalised_input", "healthy"])
def test_what_stands_in_a_box_of_the_guide_stays_in_it(visit, cause: str) -> None:
    """With the widest of the common fonts, in both trees."""
    numbers = Judged(0.98, 0.99, 0.1, 0.12, 0.05, "x", 0.4, 0.8, "seen", "a slope", 0.2, (0.5, 0.4, 0.6), 0.3)
    seen = visit(verdicts.render(Diagnosis(cause, "", path(cause, numbers, 0.15)), "job.py"))
    for size, kind in ((WIDE, "wide"), (NARROW, "narrow")):
        seen.page.set_viewport_size(size)
        out = seen.page.eval_on_selector_all(
            f".guide .{kind} .node",
            """all => all.flatMap(node => {
                const [box, ...said] = [...node.children];
                const edge = box.getBoundingClientRect();
                return said.filter(each => each.getBoundingClientRect().right > edge.right
                    || each.getBoundingClientRect().bottom > edge.bottom).map(each => each.textContent);
            })""",
        )
        assert out == []
        assert seen.page.locator(f".guide .{kind} .node.end").count() == 1


def test_the_page_of_a_diagnosis_is_light_on_paper_and_shows_the_wide_tree(visit) -> None:
    seen = visit(verdicts.render(hostile_diagnosis(), "job.py"), color_scheme="dark")
    box = playwright.expect(seen.page.locator(".guide .wide .node.taken rect").first)
    box.to_have_css("fill", rgb(DARK["ours_soft"]))
    seen.page.set_viewport_size(NARROW)
    seen.page.emulate_media(media="print", color_scheme="dark")
    box.to_have_css("fill", rgb(LIGHT["ours_soft"]))
    assert seen.page.locator(".guide .wide").is_visible()
    assert not seen.page.locator(".guide .narrow").is_visible()
    assert seen.page.pdf().startswith(b"%PDF")

"""The live pages in a real browser: they draw, complain of nothing, ask no other machine, and outlive the server."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn

from goodfit.core.run import Measurement
from goodfit.ledger import Ledger
from goodfit.live.app import Site, build
from goodfit.live.server import Address, listening
from goodfit.report.palette import DARK, LIGHT
from tests.live.made import HOSTILE, LONG, finished, rows, started
from tests.live.test_tail import free_port, serving

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LINE = "#losses .drawn path.s0"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield made
        made.close()


@dataclass
class Visit:
    """A page that is open, and everything it did beyond being shown."""

    page: playwright.Page
    base: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def assert_quiet(self) -> None:
        assert self.complaints == []
        assert self.elsewhere == []

    def fits(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def points(self, line: str = LINE) -> int:
        """Points of a drawn line."""
        path = self.page.get_attribute(line, "d") or ""
        return path.count("M") + path.count("L")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The pages of the folder, served by a thread."""
    sock = listening(Address(port=0))
    config = uvicorn.Config(
        build(Site(tmp_path, "token")), log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    sock.close()


@pytest.fixture
def visit(browser: playwright.Browser) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def opened(base: str, **options: object) -> Visit:
        contexts.append(browser.new_context(**{"viewport": WIDE, **options}))
        found = Visit(contexts[-1].new_page(), base)
        found.page.set_default_timeout(15_000)
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("dialog", lambda dialog: (found.complaints.append(dialog.message), dialog.dismiss()))
        found.page.on("request", lambda made: None if made.url.startswith(base) else found.elsewhere.append(made.url))
        return found

    yield opened
    for context in contexts:
        context.close()


def test_hostile_runs_are_text_and_all_pages_fit(site: str, visit: Callable[..., Visit], tmp_path: Path) -> None:
    runs = [finished(tmp_path, HOSTILE), started(tmp_path, LONG), started(tmp_path, f"‮{LONG}")]
    with Ledger(tmp_path) as ledger:
        for text in (HOSTILE, LONG):
            ledger.measure(runs[1], rows(text, 0, 3, text))
            ledger.note(runs[1], "stage", text)
            ledger.note(runs[1], text, text)
            ledger.note(runs[1], "asking", f"{text}: {text}")
    seen = visit(site)
    for path in ("/", f"/runs/{runs[0]}", f"/runs/{runs[1]}", f"/compare?run={runs[0]}&run={runs[1]}"):
        seen.open(path)
        seen.page.wait_for_selector(".drawn path.s0, .spark path.s0")
        for size in (WIDE, NARROW):
            seen.page.set_viewport_size(size)
            assert seen.fits(), path
        assert seen.page.locator("img, [onerror]").count() == 0
        assert "onerror=" in seen.page.inner_text("body")
    seen.assert_quiet()


def test_a_run_is_drawn_as_it_comes(site: str, visit: Callable[..., Visit], tmp_path: Path) -> None:
    run = started(tmp_path, points=20)
    seen = visit(site)
    seen.open(f"/runs/{run}")
    seen.page.wait_for_selector(LINE)
    expect = playwright.expect
    expect(seen.page.locator("#status")).to_have_text("running")
    expect(seen.page.locator("#wire")).to_have_text("live")
    assert seen.points() == 20
    cause = seen.page.locator("[data-cause=learning_rate_too_low]")
    expect(cause).to_have_attribute("data-state", "running")
    expect(seen.page.locator("[data-cause=too_few_epochs]")).to_have_attribute("data-state", "done")
    expect(seen.page.locator("[data-question='training loss'] > .branches > .taken-way > .way")).to_contain_text(
        "large"
    )
    expect(seen.page.locator("#count")).to_contain_text("1 asked, 1 running")
    with Ledger(tmp_path) as ledger:
        ledger.measure(run, [*rows("train_loss", 20, 30), Measurement("train_loss", 30, float("nan"))])
        ledger.note(run, "found", "error 40% lower")
        ledger.note(run, "stage", "writing the report")
        expect(cause).to_have_attribute("data-state", "done")
        expect(seen.page.locator("#stages li").last).to_contain_text("writing the report")
        expect(seen.page.locator("#lines")).to_contain_text("error 40% lower")
        expect(seen.page.locator("#losses .lines")).to_contain_text("1 not finite")
        assert seen.points() == 30
        ledger.end(run, "failed", "ValueError: no good")
    expect(seen.page.locator("#status")).to_have_text("failed")
    expect(seen.page.locator("#verdict")).to_contain_text("no good")
    seen.page.locator("#losses summary").click()
    expect(seen.page.locator("#losses tbody tr")).to_have_count(31)
    seen.assert_quiet()


def test_a_page_outlives_the_server(visit: Callable[..., Visit], tmp_path: Path) -> None:
    run, port = started(tmp_path, points=5), free_port()
    expect = playwright.expect
    with serving(tmp_path, port) as base:
        seen = visit(base)
        seen.open(f"/runs/{run}")
        expect(seen.page.locator("#wire")).to_have_text("live")
        assert seen.points() == 5
    expect(seen.page.locator("#wire")).to_contain_text("trying again")
    with Ledger(tmp_path) as ledger:
        ledger.measure(run, rows("train_loss", 5, 11))
        ledger.note(run, "stage", "told while nobody listened")
    with serving(tmp_path, port):
        expect(seen.page.locator("#wire")).to_have_text("live", timeout=20_000)
        expect(seen.page.locator("#lines")).to_contain_text("told while nobody listened")
        assert seen.points() == 11
        assert seen.page.locator("#lines p", has_text="told while").count() == 1
        # The token of the new start is fetched.
        seen.page.click("#stop")
        seen.page.click("#ask button[value=stop]")
        expect(seen.page.locator("#stop")).to_have_text("Stopping …")
    with Ledger(tmp_path, readonly=True) as ledger:
        assert ledger.notes(run, "stop") == ["from the live page"]
    assert seen.elsewhere == []


def test_by_keyboard_alone(site: str, visit: Callable[..., Visit], tmp_path: Path) -> None:
    run, other = started(tmp_path, "one"), finished(tmp_path, "two")
    seen = visit(site)
    press = seen.page.keyboard.press
    seen.open("/")
    boxes = seen.page.get_by_role("checkbox")
    playwright.expect(boxes).to_have_count(2)
    boxes.first.focus()
    press("Space")
    playwright.expect(boxes.first).to_be_focused()
    seen.page.get_by_label(f"Compare one, {run}").focus()
    press("Space")
    seen.page.get_by_role("button", name="Compare two").focus()
    press("Enter")
    seen.page.wait_for_url("**/compare?*")
    playwright.expect(seen.page.locator("#charts figure")).to_have_count(2)
    playwright.expect(seen.page.locator("#pair a")).to_have_count(2)
    seen.open(f"/runs/{run}")
    seen.page.wait_for_selector(LINE)
    press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    drawn, first = seen.page.locator("#losses .drawn"), "Update 0: training loss 1, validation loss 1"
    for _ in range(10):  # a picture that is drawn anew with the first news is read from its start again
        drawn.focus()
        press("Home")
        if drawn.get_attribute("aria-label") == first:
            break
        seen.page.wait_for_timeout(200)
    playwright.expect(drawn).to_have_attribute("aria-label", first)
    seen.page.locator("#stop").focus()
    press("Enter")
    assert seen.page.evaluate("document.activeElement.value") == "keep"
    press("Escape")
    with Ledger(tmp_path, readonly=True) as ledger:
        assert ledger.notes(run, "stop") == []
    seen.page.locator("#log").focus()
    press("Enter")
    playwright.expect(seen.page.locator("#log")).to_have_attribute("aria-pressed", "true")
    playwright.expect(seen.page.locator("#losses .axes")).to_contain_text("log scale")
    seen.open(f"/runs/{other}")
    playwright.expect(seen.page.locator("[data-cause=learning_rate_too_low]")).to_have_attribute(
        "data-state", "supports"
    )
    seen.assert_quiet()


@pytest.mark.parametrize(("scheme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_colours_follow_the_reader(
    site: str, visit: Callable[..., Visit], tmp_path: Path, scheme: str, palette: dict[str, str]
) -> None:
    run = finished(tmp_path)
    seen = visit(site, color_scheme=scheme)
    seen.open(f"/runs/{run}")
    seen.page.wait_for_selector(LINE)

    def rgb(colour: str) -> str:
        return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"

    playwright.expect(seen.page.locator("body")).to_have_css("background-color", rgb(palette["page"]))
    playwright.expect(seen.page.locator(LINE)).to_have_css("stroke", rgb(palette["ours"]))
    playwright.expect(seen.page.locator("#losses .drawn path.s1")).to_have_css("stroke-dasharray", "7px, 4px")


def test_a_long_run_is_thinned_while_it_grows(site: str, visit: Callable[..., Visit], tmp_path: Path) -> None:
    run = started(tmp_path, points=0)
    with Ledger(tmp_path) as ledger:
        ledger.measure(run, rows("train_loss", 0, 30_000))
        seen = visit(site)
        seen.open(f"/runs/{run}")
        seen.page.wait_for_selector(LINE)
        assert seen.points() < 5000
        for start in range(30_000, 42_000, 1000):
            ledger.measure(run, rows("train_loss", start, start + 1000))
    playwright.expect(seen.page.locator("#key")).to_contain_text("41,999")
    # Polled from here: the policy of the page lets not even a test evaluate text in it again and again.
    for _ in range(100):
        if seen.points() < 8000:
            break
        seen.page.wait_for_timeout(100)
    assert seen.points() < 8000
    seen.assert_quiet()

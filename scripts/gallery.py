"""Make docs/gallery: the top of the page of five real diagnoses, as a browser shows it.

    ./dev python -m scripts.gallery [NAME ...]

Each job is diagnosed anew, which takes about a minute in all. Needs a Chromium (Debian's package ``chromium``).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from goodfit.core.evidence import Diagnosis
from goodfit.diagnosing import diagnose_mapping
from goodfit.report.verdicts import render

GALLERY = Path(__file__).resolve().parents[1] / "docs" / "gallery"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
JOBS: Mapping[str, str] = {
    "saddle": "job_a14",
    "overfitting": "job_b25",
    "mismatch": "job_b27",
    "rate": "job_a33",
    "healthy": "job_c51",
}
"""The jobs of ``bench/jobs`` that are shown."""
WIDTH, MARGIN = 1280, 24


def photograph(page_file: Path, picture: Path, browser: Browser) -> None:
    """The page from its top to the end of the drawn guide."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    page.goto(page_file.as_uri())
    end = page.locator("figure.guide").bounding_box() or {"y": 0, "height": 900}
    height = end["y"] + end["height"] + MARGIN
    page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    page.close()


def diagnosed(name: str) -> Diagnosis:
    return diagnose_mapping(import_module(f"bench.jobs.{JOBS[name]}").case())


def main(names: list[str]) -> int:
    chromium = shutil.which("chromium")
    unknown = [name for name in names if name not in JOBS]
    if chromium is None or unknown:
        missing = "There is no chromium on the path. Install it: apt-get install chromium"
        print(f"Unknown: {unknown}. Choose from {list(JOBS)}" if unknown else missing, file=sys.stderr)
        return 2
    GALLERY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as out, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name in names or JOBS:
            found, page = diagnosed(name), Path(out) / f"{name}.html"
            page.write_text(render(found, f"{name}.py", f"goodfit diagnose {name}.py"), encoding="utf-8")
            photograph(page, GALLERY / f"{name}.png", browser)
            print(f"{name}: {found.cause}")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

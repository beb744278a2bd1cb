"""Make docs/verdict.png: the top of the report of ``goodfit demo``, as a browser shows it.

    ./dev python scripts/verdict_picture.py

Needs a Chromium (Debian's package ``chromium``).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import goodfit

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "verdict.png"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def photograph(page_file: Path, picture: Path, chromium: str) -> None:
    """The page from its top to the end of its score table."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1100, "height": 900}, device_scale_factor=1.5)
        page.goto(page_file.as_uri())
        end = page.locator("#scores").bounding_box() or {"y": 0, "height": 900}
        page.screenshot(
            path=picture, full_page=True, clip={"x": 40, "y": 0, "width": 1020, "height": end["y"] + end["height"]}
        )
        browser.close()


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("There is no chromium on the path. Install it: apt-get install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as out:
        photograph(goodfit.run("demo:views", out=out).report, PICTURE, chromium)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every probe and every function of `goodfit.probes` is on a page, and every page says what it cannot say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import goodfit.probes
from goodfit.probes import PROBES

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "probes"
PAGES = sorted(each for each in FOLDER.glob("*.md") if each.stem != "README")
HEADINGS = ["Formula", "Source", "Cost", "What it cannot say"]
TEXT = "\n".join(each.read_text(encoding="utf-8") for each in PAGES)
NAMED = {*goodfit.probes.__all__, *(each.name for each in PROBES)}


def example(page: Path) -> str | None:
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return found[0] if found else None


def test_every_name_is_on_a_page() -> None:
    assert {name for name in NAMED if not re.search(rf"`{name}\b", TEXT)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_has_the_same_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert text.startswith(f"# {page.stem}\n\n")
    assert headings in (HEADINGS, [*HEADINGS, "Example"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", [each for each in PAGES if example(each)], ids=lambda page: page.stem)
def test_every_example_runs(page: Path) -> None:
    exec(compile(example(page) or "", page.name, "exec"), {})

"""Pages of probes have the headings they must have, and their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "probes").glob("[a-z]*.md"))
HEADINGS = ["Formula", "Source", "Cost", "What it cannot say"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n\n")
    found = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert found in (HEADINGS, [*HEADINGS, "Example"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_runs(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        exec(compile(block, page.name, "exec"), {})

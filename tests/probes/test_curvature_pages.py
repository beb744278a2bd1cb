"""The pages on curvature have the customary headings, and their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

PAGES = Path(__file__).resolve().parents[2] / "docs" / "probes"
HEADINGS = ["Formula", "Source", "Cost", "What it cannot say", "Example"]


@pytest.mark.parametrize("name", ["hessian", "spectrum", "critical_point"])
def test_a_page_is_complete_and_its_example_runs(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    torch.manual_seed(0)
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, name, "exec"), {"__name__": name})

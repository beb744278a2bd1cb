"""The worked example of docs/diagnosis.md runs as it is printed, and what it asserts holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "diagnosis.md"


def test_the_worked_example_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    shown = capsys.readouterr().out
    assert "('learning_rate_too_high', 'supports')" in shown
    assert shown.rstrip().endswith("no symptom")


def test_constants_named_on_the_page_exist():
    from goodfit.guide import candidate, experiments

    for name in re.findall(r"`([A-Z]{4,})`", PAGE.read_text()):
        assert hasattr(candidate, name) or hasattr(experiments, name), name

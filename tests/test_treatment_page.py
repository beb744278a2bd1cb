"""The worked example of docs/treatment.md runs as it is printed, and what it asserts holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "treatment.md"


def test_from_overfit_to_fit(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    shown = capsys.readouterr().out
    assert shown.startswith("Changes to make in your own script")
    assert "may flatter the validation score by up to" in shown
    assert names["treatment"].ensemble(names["x"][:5]).shape == (5, 2)

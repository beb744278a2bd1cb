"""The benchmark of the loss surface runs, on the smallest problem."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import surface
from bench.common import report


def test_it_measures_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "PAIRS", 2)
    monkeypatch.setattr(surface, "STEPS", 1)
    found = surface.rows(("s",), side=2, rounds=2)
    report("Loss surface", found, tmp_path / "rows.json")
    written = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [each["name"] for each in written] == [
        "s: 2 x 2 slice, a point",
        "s: floor, a point",
        "s: sharpness, 1 steps and 2 pairs",
    ]
    assert all(each["value"] > 0 for each in written)
    assert written[0]["holds"] in (True, False)

"""Every demo loads without network, says where it comes from, and is of the kind it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodfit.data import load
from goodfit.data.demos import DEMOS, EMBEDDED


@pytest.mark.parametrize("name", sorted(DEMOS))
def test_a_demo_becomes_a_task(name: str) -> None:
    demo = DEMOS[name]
    task = load(demo.load(), demo.settings)
    assert task.kind == demo.settings.kind
    assert task.test is not None
    assert demo.describe.endswith(".")
    assert demo.source
    assert demo.licence


def test_extracts_are_small_and_their_licences_are_here() -> None:
    files = [path for path in EMBEDDED.rglob("*") if path.is_file() and not path.name.startswith("LICENSE")]
    assert sum(path.stat().st_size for path in files) < 400_000
    for name, demo in DEMOS.items():
        source = demo.load()
        if isinstance(source, Path):
            licence = demo.licence.partition("(")[2].partition(")")[0]
            assert (EMBEDDED / licence).is_file(), name

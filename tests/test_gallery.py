"""The gallery: each job it shows is there, and each picture is small and on its page."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

pytest.importorskip("playwright.sync_api")

from scripts import gallery

LARGEST = 150_000
README = (gallery.GALLERY / "README.md").read_text()


@pytest.mark.parametrize("name", gallery.JOBS)
def test_each_diagnosis_has_its_job_and_its_picture(name: str) -> None:
    assert callable(import_module(f"bench.jobs.{gallery.JOBS[name]}").case)
    picture = (gallery.GALLERY / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == gallery.WIDTH
    assert len(picture) < LARGEST


def test_the_page_shows_every_picture_once() -> None:
    assert re.findall(r"\((\w+)\.png\)", README) == list(gallery.JOBS)
    assert "./dev python -m scripts.gallery" in README


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery.main(["saddles"]) == 2
    assert "saddle" in capsys.readouterr().err

"""The pages of the causes (docs/causes): found, read and listed without waiting for torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goodfit.core.errors import GoodfitError, NotFoundError, did_you_mean

PACKAGE = Path(__file__).resolve().parents[1]
SECTIONS = (
    "What it looks like",
    "How it comes about",
    "How goodfit asks",
    "What would refute it, and what looks alike",
    "What to do",
    "Source",
)
"""Of every page, in this order."""
INDEX = "README.md"
LINK = re.compile(r"\[(\w+)\]\(\1\.md\)")
"""How a page names another cause."""


@dataclass(frozen=True)
class Page:
    """One cause as its page tells it; ``text`` is the whole page in Markdown."""

    label: str
    branch: str
    meaning: str
    prediction: str
    remedy: str
    text: str


def folder(package: Path = PACKAGE) -> Path:
    """Where the pages are: inside the installed package, or in the source tree that holds ``src/goodfit``."""
    for place in (package / "pages", package.parents[1] / "docs" / "causes"):
        if (place / INDEX).is_file():
            return place
    raise NotFoundError("The pages of the causes are missing", "Install goodfit again.", where=str(package))


def pages(place: Path | None = None) -> Mapping[str, Page]:
    """All pages by label, in the order of the index: by branch, and within it by what can bring about what."""
    place = place or folder()
    labels = dict.fromkeys(label for label in LINK.findall(_read(place / INDEX)))
    return {label: parsed(_read(place / f"{label}.md"), f"{label}.md") for label in labels}


def page(label: str) -> Page:
    """The page of one cause; raises `NotFoundError` for a word that is none."""
    known = pages()
    if label not in known:
        raise NotFoundError(f"There is no cause {label!r}", did_you_mean(label, known))
    return known[label]


def parsed(text: str, name: str = "") -> Page:
    """A page from its Markdown: title, branch, meaning, and the paragraphs that begin with a name in bold."""
    return Page(
        label=_only(r"\A# (\w+)\n", text, name),
        branch=_only(r"^Branch: ([\w -]+)$", text, name),
        meaning=_only(r"\A# \w+\n\n(.+?)\n\n", text, name),
        prediction=_only(r"^\*\*Prediction\.\*\* (.+?)(?:\n\n|\Z)", text, name),
        remedy=_only(r"^\*\*Remedy\.\*\* (.+?)(?:\n\n|\Z)", text, name),
        text=text,
    )


def _only(pattern: str, text: str, name: str) -> str:
    found = re.findall(pattern, text, re.MULTILINE | re.DOTALL if "+?" in pattern else re.MULTILINE)
    if len(found) != 1:
        raise GoodfitError("The page is not built like the others", "Install goodfit again.", where=name)
    return " ".join(str(found[0]).split())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")

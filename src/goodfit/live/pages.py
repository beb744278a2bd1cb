"""The pages as HTML. What comes from data is filled in by their script, as text and never as markup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from goodfit.guide.tree import CAUSES_AT, LEAVES, SOUND, TREE
from goodfit.report.palette import DARK, FONT, LIGHT

STATIC = Path(__file__).parent / "static"
REPORT_STYLE = Path(__file__).resolve().parents[1] / "report" / "static" / "report.css"


def home(token: str, folder: str) -> str:
    """The list of runs."""
    return _page("home.html.j2", title="Runs", token=token, folder=folder)


def run(token: str, name: str, data: str) -> str:
    """One run; its numbers come by script."""
    return _page("run.html.j2", title=data, token=token, run=name, guide=_branch(SOUND))


def compare(token: str) -> str:
    return _page("compare.html.j2", title="Compare", token=token)


def problem(sentence: str) -> str:
    """A page that says what is wrong."""
    return _page("problem.html.j2", title="Not found", token="", sentence=sentence)


@cache
def colours() -> str:
    """The palettes of the report as variables of CSS."""

    def variables(palette: Mapping[str, str]) -> str:
        return " ".join(f"--{name}: {colour};" for name, colour in palette.items())

    light, dark = f":root {{ --font: {FONT}; {variables(LIGHT)} }}", f":root {{ {variables(DARK)} }}"
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"


def _branch(name: str) -> dict[str, Any]:
    """The guide below a question or leaf, as nested plain values that a template can walk."""
    question = next((each for each in TREE if each.name == name), None)
    if question is None:
        return {"leaf": name, "meaning": LEAVES[name], "causes": CAUSES_AT.get(name, ())}
    branches = [(answer, _branch(to)) for answer, to in question.branches.items()]
    return {"question": name, "asks": question.asks, "judged_by": question.judged_by, "branches": branches}


def _page(template: str, **values: Any) -> str:
    page = _environment().get_template(template).render(**values)
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("goodfit.live"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

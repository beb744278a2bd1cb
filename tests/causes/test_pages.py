"""The pages of the causes say what the causes themselves say, and their code works as it is printed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from goodfit.causes import CAUSES, Branch, batch, generalisation, labels, loss, rate, sequence
from goodfit.core import task
from goodfit.core.errors import GoodfitError, NotFoundError
from goodfit.data.questions import labels as label_questions
from goodfit.data.questions import leaks, scales
from goodfit.guide import candidate, inquiry
from goodfit.report.pages import INDEX, LINK, SECTIONS, Page, folder, page, pages, parsed

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "docs" / "causes"
LABELS = tuple(cause.label for cause in CAUSES)
PAGES = {label: (PLACE / f"{label}.md").read_text(encoding="utf-8") for label in LABELS}
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
WHERE = (batch, candidate, generalisation, inquiry, label_questions, labels, leaks, loss, rate, scales, sequence, task)


def prose(text: str) -> str:
    return re.sub(r"`[^`]+`", "", CODE.sub("", text))


def test_every_cause_has_a_page_and_every_page_a_cause() -> None:
    assert {path.stem for path in PLACE.glob("*.md")} - {Path(INDEX).stem} == set(LABELS)


@pytest.mark.parametrize("cause", CAUSES, ids=LABELS)
def test_page_and_cause_agree(cause) -> None:
    found = parsed(PAGES[cause.label])
    said = (found.label, found.branch, found.meaning, found.prediction, found.remedy)
    assert said == (cause.label, cause.branch.value, cause.meaning, cause.prediction, cause.remedy)


@pytest.mark.parametrize("label", LABELS)
def test_a_page_has_all_sections_and_fits_on_a_screen(label: str) -> None:
    text = PAGES[label]
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == SECTIONS
    bodies = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(len(body.split()) >= 15 for body in bodies)
    assert 35 <= len(text.splitlines()) <= 70
    assert max(map(len, text.splitlines())) <= 120
    assert "$" not in prose(text)  # a terminal does not typeset formulas


@pytest.mark.parametrize("label", LABELS)
def test_the_code_of_a_page_runs(label: str) -> None:
    (code,) = CODE.findall(PAGES[label])
    assert all(word in code.lower() for word in ("before", "after"))
    exec(compile(code, f"{label}.md", "exec"), {"__name__": label})


@pytest.mark.parametrize("label", LABELS)
def test_other_causes_are_named_by_links_to_their_pages(label: str) -> None:
    text = prose(PAGES[label])
    named = set(LINK.findall(text))
    assert named - {label} == named <= set(LABELS)
    assert len(named) >= 2
    assert set(re.findall(r"\]\(([^)]+)\)", text)) == {f"{other}.md" for other in named}
    bare = re.sub(r"\[\w+\]\([^)]+\)", "", text)
    assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", bare)) <= {label}


@pytest.mark.parametrize("label", LABELS)
def test_constants_that_a_page_names_exist(label: str) -> None:
    for name in re.findall(r"`([A-Z]{3,})`", PAGES[label]):
        assert any(hasattr(module, name) for module in WHERE), name


def test_alike_is_mutual_for_the_pairs_that_are_confused_most() -> None:
    for first, second in (
        ("learning_rate_too_low", "too_few_epochs"),
        ("learning_rate_too_high", "exploding_gradient"),
        ("learning_rate_too_high", "missing_warmup"),
        ("batch_too_large", "too_few_epochs"),
        ("overfitting", "mismatch"),
        ("overfitting", "label_noise"),
        ("bad_initialisation", "saddle_point"),
        ("wrong_loss", "wrong_output_activation"),
    ):
        assert second in LINK.findall(PAGES[first])
        assert first in LINK.findall(PAGES[second])


def test_the_index_lists_every_cause_by_branch_with_its_meaning() -> None:
    text = (PLACE / INDEX).read_text(encoding="utf-8")
    for branch in Branch:
        rows = re.findall(
            r"^\| \[(\w+)\]\(\1\.md\) \| (.+) \|$", text.split(f"\n## {branch.value}\n")[1].split("\n## ")[0], re.M
        )
        assert rows == [(cause.label, cause.meaning) for cause in CAUSES if cause.branch is branch]


def test_pages_come_in_the_order_of_the_index() -> None:
    found = pages(PLACE)
    assert [each.branch for each in found.values()] == [b.value for b in Branch for c in CAUSES if c.branch is b]
    assert tuple(found) == tuple(cause.label for branch in Branch for cause in CAUSES if cause.branch is branch)
    assert found["overfitting"].text == PAGES["overfitting"]


def test_pages_are_found_in_the_source_tree_and_in_an_installed_package(tmp_path: Path) -> None:
    assert folder() == folder(ROOT / "src" / "goodfit") == PLACE
    installed = tmp_path / "lib" / "site-packages" / "goodfit"
    with pytest.raises(NotFoundError, match=r"pages of the causes are missing\. Install goodfit again"):
        folder(installed)
    (installed / "pages").mkdir(parents=True)
    (installed / "pages" / INDEX).write_text("[overfitting](overfitting.md)")
    assert folder(installed) == installed / "pages"


def test_a_wheel_holds_the_pages_where_they_are_looked_for() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert settings["force-include"] == {"docs/causes": "goodfit/pages"}


def test_a_word_that_is_no_cause() -> None:
    with pytest.raises(NotFoundError, match=r"There is no cause 'overfit'. Did you mean 'overfitting'\?"):
        page("overfit")
    with pytest.raises(NotFoundError, match=r"There is no cause '\.\./README'"):
        page("../README")


@pytest.mark.parametrize("lost", ["# overfitting\n", "Branch: ", "**Prediction.**", "**Remedy.**"])
def test_a_damaged_page_is_named(lost: str) -> None:
    with pytest.raises(GoodfitError, match=r"^overfitting\.md: The page is not built like the others"):
        parsed(PAGES["overfitting"].replace(lost, ""), "overfitting.md")
    assert isinstance(parsed(PAGES["overfitting"]), Page)

"""The pages of the remedies say what the remedies themselves say, and their code runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from goodfit.causes import CAUSES
from goodfit.remedies import REMEDIES, Judged, Remedy, remedies_for
from tests.remedies.jobs import quietly
from tests.remedies.test_code import script

PLACE = Path(__file__).resolve().parents[2] / "docs" / "remedies"
SECTIONS = ("Why it helps", "When it harms", "Cost", "Source", "How goodfit judges it")
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
SAID = {Judged.FOLDS: "On folds: ", Judged.VALIDATION: "By the validation rows", Judged.FINDING: "By the fault itself"}
WHERE = {"positions": "words", "cut_padding": "words", "masked_padding": "tags", "shared_weights": "pictures"}
WHERE |= {"augmentation": "pictures", "time_split": "windows", "batch_statistics": "restrained"}
WHERE |= {"raw_outputs": "restrained", "class_weights": "rare", "logit_adjustment": "rare", "oversampling": "rare"}
"""Jobs on which a page's code is run, other than the table."""


def sections(remedy: Remedy) -> dict[str, str]:
    """What stands under each heading, on one line; the beginning under ''."""
    text = (PLACE / f"{remedy.name}.md").read_text(encoding="utf-8")
    found = re.split(r"^#+ (.+)$", CODE.sub("", text), flags=re.MULTILINE)
    assert found[1] == remedy.name
    assert tuple(found[3::2]) == SECTIONS
    bodies = [" ".join(each.split()) for each in found[2::2]]
    return dict(zip(("", *SECTIONS), bodies, strict=True))


def test_every_remedy_has_a_page_and_every_page_a_remedy() -> None:
    assert {each.stem for each in PLACE.glob("*.md")} - {"README"} == {each.name for each in REMEDIES}


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda each: each.name)
def test_page_and_remedy_agree(remedy: Remedy) -> None:
    found = sections(remedy)
    assert len(found[""].split()) >= 5
    assert found["Why it helps"].startswith(remedy.reason)
    assert found["When it harms"].startswith(remedy.harms)
    assert found["Cost"].startswith(remedy.costs)
    assert found["Source"] == f"{remedy.source}."
    judged = found["How goodfit judges it"]
    assert SAID[remedy.judged] in judged
    assert not any(said in judged for way, said in SAID.items() if way is not remedy.judged)
    assert re.findall(r"\[(\w+)\]\(\.\./causes/\1\.md\)", judged) == list(remedy.causes)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda each: each.name)
def test_a_page_is_short_and_its_code_runs(remedy: Remedy) -> None:
    text = (PLACE / f"{remedy.name}.md").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120
    assert len(text.splitlines()) <= 60
    (code,) = CODE.findall(text)
    names: dict[str, Any] = script(WHERE.get(remedy.name, "table"))
    with quietly():
        torch.manual_seed(0)
        exec(compile(code, f"{remedy.name}.md", "exec"), names)


def test_the_index_lists_the_remedies_of_each_label_in_the_order_in_which_they_are_offered() -> None:
    text = (PLACE / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == [each.label for each in CAUSES]
    for label, body in zip(parts[1::2], parts[2::2], strict=True):
        wanted = [f"- [{each.name}]({each.name}.md): {each.reason}" for each in remedies_for(label)]
        assert body.strip().splitlines() == wanted, label

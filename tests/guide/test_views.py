"""What the questions read: the parts of each kind as numbers that have a size."""

from dataclasses import replace

import torch

from goodfit.core.job import Coding, Job
from goodfit.core.task import IGNORED, Rows, Signature, Task
from goodfit.guide.views import taken, view
from tests.tasks import line, recipe, tokens


def job(task: Task, coding: Coding = Coding.REAL) -> Job:
    return Job(task, recipe(task), coding, taken(task.train, torch.arange(4))[0])


def test_plain_rows_are_read_as_they_are() -> None:
    task = line(100)
    seen = view(job(task), 0)
    assert isinstance(task.train, Rows)
    assert seen.numbers[0] is seen.amounts is seen.train[0]
    assert torch.equal(seen.train[0], task.train.inputs)
    assert seen.test is not None


def test_codes_of_a_table_have_no_size() -> None:
    task = line(100)
    parts = {}
    for name in ("train", "validation"):
        rows = task.part(name)  # type: ignore[arg-type]
        assert isinstance(rows, Rows)
        codes = torch.arange(len(rows)).remainder(3)[:, None] + 1.0
        parts[name] = Rows(torch.cat([rows.inputs, codes], dim=1), rows.targets)
    coded = replace(task, **parts, test=None, signature=Signature((3,), 1, (4,)))
    seen = view(job(coded), 0)
    assert seen.amounts.shape[1] == 2
    assert seen.numbers[0].shape[1] == seen.first[0].shape[1] == 2 + 3
    assert seen.many[0][0].shape[1] == 3  # copies are looked for among the rows as they are


def test_sentences_are_told_token_by_token_and_both_parts_have_one_length() -> None:
    task = tokens()
    seen = view(job(task, Coding.TOKENS), 0)
    (one, wanted), (other, truth) = seen.many
    assert one.shape == wanted.shape
    assert other.shape == truth.shape
    assert one.shape[1] == other.shape[1]
    assert seen.objective == "classification"
    assert len(seen.labelled[0][1]) == int((seen.train[1] != IGNORED).sum())
    assert seen.numbers[0].shape[1] == seen.numbers[1].shape[1]

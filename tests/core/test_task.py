"""Rows and tasks: what a batch holds, and what a fingerprint tells apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.data import TensorDataset

from goodfit.core.task import IGNORED, Rows, count_of, first, targets_of, together
from tests.tasks import line, rings, tokens


def test_batches_come_in_the_order_asked_for_and_padded_ones_are_trimmed():
    rows = Rows(torch.arange(12).reshape(3, 4, 1), torch.arange(12).reshape(3, 4), torch.tensor([4, 1, 2]))
    inputs, targets = rows.batch(torch.tensor([2, 1]))
    assert targets.tolist() == [[8, 9], [4, 5]]
    assert inputs.shape == (2, 2, 1)
    assert rows[1][1].tolist() == [4]


@pytest.mark.parametrize(
    "rows", [Rows(torch.arange(5)[:, None], torch.arange(5)), TensorDataset(*[torch.arange(5)] * 2)]
)
def test_the_first_rows_of_any_data_set(rows):
    assert [count_of(first(rows, count)) for count in (2, 9)] == [2, 5]
    assert targets_of(first(rows, 2)).tolist() == [0, 1]


def test_the_first_padded_rows_keep_their_lengths():
    task = tokens()
    few = first(task.train, 3)
    assert few.lengths.tolist() == task.train.lengths[:3].tolist()


@pytest.mark.parametrize("make", [line, rings, tokens])
def test_equal_tasks_have_equal_fingerprints_and_others_do_not(make):
    assert make(seed=1).fingerprint == make(seed=1).fingerprint != make(seed=2).fingerprint
    changed = make(seed=1)
    changed.test.targets[-1] = changed.test.targets[-1].clone() + (changed.test.targets[-1] >= 0)
    assert changed.fingerprint != make(seed=1).fingerprint
    assert replace(make(seed=1), classes=("a", "b")).fingerprint != make(seed=1).fingerprint


def test_padded_rows_that_are_taken_or_put_together_stay_padded_rows():
    one = Rows(
        torch.tensor([[[2], [3], [4]], [[5], [0], [0]]]),
        torch.tensor([[1, 1, 0], [1, -100, -100]]),
        torch.tensor([3, 1]),
    )
    other = Rows(torch.tensor([[[6], [7]]]), torch.tensor([[0, 1]]), torch.tensor([2]))
    both = together(one, other)
    assert both.lengths is not None
    assert both.lengths.tolist() == [3, 1, 2]
    assert both.inputs[2, :, 0].tolist() == [6, 7, 0]
    assert both.targets[2].tolist() == [0, 1, IGNORED]
    few = both.taken(torch.tensor([1, 2]))
    assert few.inputs.shape == (2, 2, 1)
    assert few.lengths is not None
    assert few.lengths.tolist() == [1, 2]

"""Every row once an epoch, whatever the order; padded rows travel with rows of their length."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from goodfit.core.task import Rows
from goodfit.training.batches import batch_count, loader


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 200), size=st.integers(1, 50), shuffle=st.booleans(), padded=st.booleans())
def test_one_pass_visits_every_row_once(rows, size, shuffle, padded):
    lengths = torch.randint(1, 9, (rows,)) if padded else None
    data = Rows(torch.arange(rows)[:, None].repeat(1, 8), torch.arange(rows)[:, None].repeat(1, 8), lengths)
    batches = list(loader(data, size, shuffle=shuffle, generator=torch.Generator().manual_seed(1)))
    assert len(batches) == batch_count(data, size) or padded
    assert sorted(int(i) for inputs, _ in batches for i in inputs[:, 0]) == list(range(rows))
    assert all(torch.equal(inputs, targets) for inputs, targets in batches)


def test_each_pass_is_shuffled_anew_and_a_seed_repeats_the_sequence():
    data = Rows(torch.arange(100)[:, None], torch.zeros(100))

    def passes(seed):
        batches = loader(data, 10, shuffle=True, generator=torch.Generator().manual_seed(seed))
        return [torch.cat([inputs[:, 0] for inputs, _ in batches]).tolist() for _ in range(2)]

    first, second = passes(3)
    assert first != second
    assert passes(3) == [first, second]


def test_batches_of_padded_rows_are_trimmed_and_of_like_length():
    lengths = torch.arange(1, 641) % 40 + 1
    data = Rows(torch.zeros(640, 40, 1), torch.zeros(640, 40), lengths)
    batches = loader(data, 32, shuffle=True, generator=torch.Generator().manual_seed(0))
    padded = sum(inputs.shape[0] * inputs.shape[1] for inputs, _ in batches)
    assert padded < 1.1 * int(lengths.sum())


def test_other_datasets_go_through_a_dataloader_with_the_same_contract():
    data = TensorDataset(torch.arange(25.0)[:, None], torch.arange(25))
    batches = list(loader(data, 10, shuffle=True, generator=torch.Generator().manual_seed(0)))
    assert [len(targets) for _, targets in batches] == [10, 10, 5]
    assert sorted(int(t) for _, targets in batches for t in targets) == list(range(25))

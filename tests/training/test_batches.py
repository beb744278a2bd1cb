"""Every row once an epoch, whatever the order; padded rows travel with rows of their length."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset, TensorDataset

from goodfit.core.task import Rows
from goodfit.training import batches
from goodfit.training.batches import batch_count, loader


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 200), size=st.integers(1, 50), shuffle=st.booleans(), padded=st.booleans())
def test_one_pass_visits_every_row_once(rows, size, shuffle, padded):
    lengths = torch.randint(1, 9, (rows,)) if padded else None
    data = Rows(torch.arange(rows)[:, None].repeat(1, 8), torch.arange(rows)[:, None].repeat(1, 8), lengths)
    found = list(loader(data, size, shuffle=shuffle, generator=torch.Generator().manual_seed(1)))
    assert len(found) == batch_count(data, size) or padded
    assert sorted(int(i) for inputs, _ in found for i in inputs[:, 0]) == list(range(rows))
    assert all(torch.equal(inputs, targets) for inputs, targets in found)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize(("rows", "size", "last"), [(33, 32, 33), (513, 32, 33), (65, 32, 33), (1, 32, 1), (34, 32, 2)])
def test_no_row_is_left_alone_in_the_last_batch(rows, size, last, padded, memory):
    """Batch normalisation cannot learn from a single row: such a training failed at the end of its first epoch."""
    lengths = torch.full((rows,), 3) if padded else None
    data = Rows(torch.arange(rows)[:, None].repeat(1, 3), torch.arange(rows)[:, None].repeat(1, 3), lengths)
    made = loader(data if memory else TensorDataset(data.inputs, data.targets), size)
    sizes = [len(targets) for _, targets in made]
    assert sum(sizes) == rows
    assert sizes[-1] == last
    assert len(sizes) == batch_count(data, size)


def test_each_pass_is_shuffled_anew_and_a_seed_repeats_the_sequence():
    data = Rows(torch.arange(100)[:, None], torch.zeros(100))

    def passes(seed):
        made = loader(data, 10, shuffle=True, generator=torch.Generator().manual_seed(seed))
        return [torch.cat([inputs[:, 0] for inputs, _ in made]).tolist() for _ in range(2)]

    first, second = passes(3)
    assert first != second
    assert passes(3) == [first, second]


def test_batches_of_padded_rows_are_trimmed_and_of_like_length():
    lengths = torch.arange(1, 641) % 40 + 1
    data = Rows(torch.zeros(640, 40, 1), torch.zeros(640, 40), lengths)
    made = loader(data, 32, shuffle=True, generator=torch.Generator().manual_seed(0))
    padded = sum(inputs.shape[0] * inputs.shape[1] for inputs, _ in made)
    assert padded < 1.1 * int(lengths.sum())


def test_other_datasets_go_through_a_dataloader_with_the_same_contract():
    data = TensorDataset(torch.arange(25.0)[:, None], torch.arange(25))
    found = list(loader(data, 10, shuffle=True, generator=torch.Generator().manual_seed(0)))
    assert [len(targets) for _, targets in found] == [10, 10, 5]
    assert sorted(int(t) for _, targets in found for t in targets) == list(range(25))


class Slow(Dataset):
    """Rows that seem to take their time; the clock is what is slow."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return torch.tensor([float(index)]), torch.tensor(index)


@pytest.mark.parametrize(("rows", "seconds", "workers"), [(50, 0.01, False), (2_000, 0.01, True), (2_000, 1e-6, False)])
def test_workers_read_only_what_takes_long(monkeypatch, rows, seconds, workers):
    monkeypatch.setattr(batches, "_seconds_per_row", lambda _: seconds)
    made = loader(Slow(rows), 20)
    assert (made.num_workers > 0) == workers


def test_workers_give_every_row_once(monkeypatch):
    monkeypatch.setattr(batches, "_seconds_per_row", lambda _: 1.0)
    made = loader(Slow(50), 20, shuffle=True, generator=torch.Generator().manual_seed(0))
    assert made.num_workers > 0
    assert sorted(int(t) for _, targets in made for t in targets) == list(range(50))

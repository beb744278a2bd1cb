"""The order in which rows are visited, and the batches made of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from goodfit.core.runtime import cores
from goodfit.core.task import Batch, Rows, count_of

POOL = 64
"""Batches whose padded rows are sorted by length together: little padding, and still a random order."""

CHUNK = 16
"""Batches gathered by one indexing and then cut: half the kernels, and still small enough for the cache."""

SLOW_BATCH = 0.02
SLOW_PASS = 5.0
"""Seconds to read one batch, and all rows, from which worker processes pay for themselves."""


def batch_count(dataset: Dataset[Batch], batch_size: int) -> int:
    """Batches in one pass, the last one perhaps smaller, or larger by the row that `cut` leaves nowhere alone."""
    rows = count_of(dataset)
    return -(-rows // batch_size) - (1 < batch_size < rows and rows % batch_size == 1)


def cut(rows: Tensor, size: int) -> Sequence[Tensor]:
    """Pieces of ``size`` rows. A last row that would be alone joins the piece before it: batch normalisation cannot
    learn from a single row, and fails.
    """
    pieces = torch.split(rows, size)
    if size == 1 or len(pieces) == 1 or len(pieces[-1]) > 1:
        return pieces
    return [*pieces[:-2], rows[-size - 1 :]]


def loader(
    dataset: Dataset[Batch], batch_size: int, *, shuffle: bool = False, generator: Generator | None = None
) -> Iterable[Batch]:
    """Batches, a new pass each time it is iterated: indexed where rows are in memory, else a DataLoader."""
    if isinstance(dataset, Rows):
        return InMemory(dataset, batch_size, shuffle, generator)
    seconds = _seconds_per_row(dataset)
    slow = seconds * batch_size > SLOW_BATCH and seconds * count_of(dataset) > SLOW_PASS
    workers = max(1, cores() - 1) if slow else 0
    return DataLoader(
        dataset,
        batch_sampler=_Indices(count_of(dataset), batch_size, shuffle, generator),
        generator=generator,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


@dataclass(frozen=True, eq=False)
class _Indices(Sampler[list[int]]):
    """The rows of each batch, for a DataLoader."""

    count: int
    batch_size: int
    shuffle: bool
    generator: Generator | None

    def __iter__(self) -> Iterator[list[int]]:
        for rows in cut(_order(self.count, self.shuffle, self.generator), self.batch_size):
            yield rows.tolist()


@dataclass(frozen=True, eq=False)
class InMemory:
    """Batches of `Rows`, without a worker, a copy of single rows, or a collate function."""

    rows: Rows
    batch_size: int
    shuffle: bool = False
    generator: Generator | None = None

    def __iter__(self) -> Iterator[Batch]:
        lengths = self.rows.lengths
        index = _order(len(self.rows), self.shuffle, self.generator)
        if lengths is None:
            for chunk in cut(index, self.batch_size * CHUNK):
                inputs, targets = self.rows.batch(chunk)
                yield from zip(cut(inputs, self.batch_size), cut(targets, self.batch_size), strict=True)
        else:
            for batch in self._by_length(index, lengths):
                yield self.rows.batch(batch)

    def _by_length(self, index: Tensor, lengths: Tensor) -> Iterable[Tensor]:
        if not self.shuffle:
            return cut(index, self.batch_size)
        groups: list[Tensor] = []
        for pool in cut(index, self.batch_size * POOL):
            groups += cut(pool[torch.argsort(lengths[pool], stable=True)], self.batch_size)
        return [groups[i] for i in torch.randperm(len(groups), generator=self.generator).tolist()]


def _order(count: int, shuffle: bool, generator: Generator | None) -> Tensor:
    return torch.randperm(count, generator=generator) if shuffle else torch.arange(count)


def _seconds_per_row(dataset: Dataset[Batch]) -> float:
    """The quickest of a few rows: the first one opens files and wakes libraries."""
    spent = []
    for index in range(min(4, count_of(dataset))):
        began = time.perf_counter()
        dataset[index]
        spent.append(time.perf_counter() - began)
    return min(spent)

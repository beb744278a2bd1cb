"""What the questions to the data read: rows in memory, few enough, and codes of categories told as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from goodfit.core.job import Job
from goodfit.core.task import IGNORED, Batch, Objective, Rows, count_of, lengthened
from goodfit.data.questions import codes

READ = 20_000
"""Rows of a part that the questions to the data read at most."""
MOST_NUMBERS = 4_000_000
"""Input numbers (rows times what one row holds) of a part that they read: with as many they take about ten seconds."""
MANY = 5
"""Copies, and windows of one series, are looked for in so many times as many rows: that is quick."""
LEAST = 500
"""Rows that are read however large one of them is."""
IN_ORDER = 600
"""First rows, read as they come: a shift against the targets shows only there."""
MOST_TOKENS = 2_000


@dataclass(frozen=True, eq=False)
class View:
    """The parts of a job as questions read them; the pairs are of training and validation."""

    train: Batch
    validation: Batch
    test: Batch | None
    numbers: tuple[Tensor, Tensor]
    """Inputs (rows, ...) as numbers that have a size: codes as columns of 0 and 1, coded sequences as their shares."""
    labelled: tuple[Batch, Batch]
    """What has one label each, told in numbers: rows, or tokens of coded sequences."""
    objective: Objective
    """Of ``labelled``."""
    many: tuple[Batch, Batch]
    """More rows, without what one code of a token says beside the token itself; both of one length."""
    first: Batch
    """The first training rows in their order, told in numbers."""
    amounts: Tensor
    """Training inputs without the codes of a table."""


def view(job: Job, seed: int) -> View:
    """Read the rows of a job, always the same ones for the same seed."""
    task = job.task
    train, validation = read(task.train, seed), read(task.validation, seed)
    test = read(task.test, seed) if task.test is not None else None
    many = read(task.train, seed, MANY), read(task.validation, seed, MANY)
    first = taken(task.train, torch.arange(min(IN_ORDER, count_of(task.train))))
    numbers, amounts = (train[0], validation[0]), train[0]
    labelled, objective = (train, validation), task.objective
    if codes.holds_token_codes(train[0], objective):
        known = codes.token_levels(numbers)
        many, objective = _alone(many), "classification"
        labelled = _tokens(train, known, seed), _tokens(validation, known, seed)
        numbers = codes.bags(train[0], known), codes.bags(validation[0], known)
        first = codes.bags(first[0], known), first[1]
    elif task.signature.categories and train[0].ndim == 2:
        table = codes.table_levels(numbers, task.signature.categories)
        amounts = train[0][:, : train[0].shape[1] - len(task.signature.categories)]
        numbers = codes.as_numbers(train[0], table), codes.as_numbers(validation[0], table)
        labelled = (numbers[0], train[1]), (numbers[1], validation[1])
        first = codes.as_numbers(first[0], table), first[1]
    return View(train, validation, test, numbers, labelled, objective, many, first, amounts)


def read(rows: Dataset[Batch], seed: int = 0, times: int = 1) -> Batch:
    """Inputs and targets of the rows that are `drawn`."""
    return taken(rows, drawn(rows, seed, times))


def drawn(rows: Dataset[Batch], seed: int = 0, times: int = 1) -> Tensor:
    """Numbers of at most ``times`` `READ` rows or `MOST_NUMBERS`, drawn at random, in their order."""
    count = count_of(rows)
    most = max(LEAST, times * min(READ, MOST_NUMBERS // _numbers_a_row(rows)))
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most].sort().values


def taken(rows: Dataset[Batch], index: Tensor) -> Batch:
    """Some rows as one batch, put together as a loader does: rows may hold arrays and plain numbers."""
    if isinstance(rows, Rows):
        return rows.batch(index)
    inputs, targets = default_collate([rows[i] for i in index.tolist()])
    return inputs, targets


def numbers_of(rows: Dataset[Batch]) -> int:
    """Input numbers of all rows, padded to the longest."""
    return count_of(rows) * _numbers_a_row(rows)


def _numbers_a_row(rows: Dataset[Batch]) -> int:
    """Of the longest row."""
    longest = int(rows.lengths.argmax()) if isinstance(rows, Rows) and rows.lengths is not None else 0
    return max(1, torch.as_tensor(rows[longest][0]).numel())


def _tokens(part: Batch, known: codes.Levels, seed: int) -> Batch:
    matrix, found, _ = codes.tokens(part, known, MOST_TOKENS, seed)
    return torch.from_numpy(matrix), torch.from_numpy(found)


def _alone(parts: tuple[Batch, Batch]) -> tuple[Batch, Batch]:
    """The first code of each token, and the targets, both parts of one length."""
    (one, wanted), (other, truth) = parts
    inputs, targets = lengthened(one[..., 0], other[..., 0], 0), lengthened(wanted, truth, IGNORED)
    return (inputs[0], targets[0]), (inputs[1], targets[1])

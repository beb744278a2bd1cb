"""Inputs that hold codes of categories, as numbers that say the same: a column for each frequent code.

A code is a name, not an amount: its size says nothing, so neither its mean nor its scale is ever asked for. Rare codes
share the row of zeros with codes that training does not know: otherwise each new word would tell validation from
training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from goodfit.core.task import IGNORED, Batch, Objective
from goodfit.data.questions.features import MOST_COLUMNS, Floats, Ints, sample

RARE_IN_TABLES = 0
UNKNOWN = 1
"""Codes of what is rare or new: 0 in a table; 1 in sequences, where 0 is padding. They say which part a row is from."""
TOKEN_COLUMNS = 200
"""Columns for what a token is, and for what its neighbours are."""
OFTEN = 8
"""Rows (or tokens) in which a code must stand to have a column of its own."""
AROUND = (-1, 1, -2, 2)
"""Neighbours that are told of a token, all together with as many columns as the token itself."""


@dataclass(frozen=True, eq=False)
class Levels:
    """The frequent codes of each feature, the most frequent first."""

    known: tuple[Tensor, ...]

    def __call__(self, codes: Tensor, most: int | None = None) -> Tensor:
        """(..., features) to (..., columns) of 0 and 1, with at most ``most`` columns a feature."""
        parts = [codes[..., i, None] == each[:most] for i, each in enumerate(self.known)]
        return torch.cat(parts, dim=-1).float()


def levels(codes: Tensor, columns: int, first: int) -> Levels:
    """The codes (rows, features) from ``first`` on that get a column, at most ``columns`` of them in all.

    Give the rows of both parts, so that what is frequent in one of them by chance is not what is looked at.
    """
    most = max(2, columns // max(1, codes.shape[1]))
    return Levels(tuple(_frequent(each[each >= first], most) for each in codes.T))


def _frequent(codes: Tensor, most: int) -> Tensor:
    found, counts = codes.unique(return_counts=True)
    order = counts.argsort(descending=True, stable=True)
    often: Tensor = found[order[counts[order] >= OFTEN]][:most]
    return often


def holds_token_codes(inputs: Tensor, objective: Objective) -> bool:
    """Whether inputs are (rows, length, features) of whole-number codes, with a label for each step."""
    whole = inputs.ndim == 3 and not inputs.is_floating_point() and inputs.dtype is not torch.uint8
    return objective == "sequence_labelling" and whole and bool((inputs >= 0).all())


def table_levels(parts: Sequence[Tensor], categories: Sequence[int]) -> Levels:
    """Of the last columns of tables, one for each of the ``categories``."""
    numbers = parts[0].shape[1] - len(categories)
    rows = torch.cat([part[:, numbers:] for part in parts])
    return levels(rows, max(0, MOST_COLUMNS - numbers), RARE_IN_TABLES + 1)


def as_numbers(inputs: Tensor, known: Levels) -> Tensor:
    """Table rows whose last columns are codes, with a column for each frequent code instead."""
    numbers = inputs.shape[1] - len(known.known)
    return torch.cat([inputs[:, :numbers], known(inputs[:, numbers:])], dim=1)


def token_levels(parts: Sequence[Tensor]) -> Levels:
    """Of padded sequences (rows, length, features)."""
    return levels(torch.cat([part[part.any(dim=2)] for part in parts]), TOKEN_COLUMNS, UNKNOWN + 1)


def bags(inputs: Tensor, known: Levels) -> Tensor:
    """Sequences (rows, length, features) as the shares of their frequent codes, and the logarithm of their lengths."""
    real = inputs.any(dim=2)
    lengths = real.sum(dim=1, keepdim=True).clamp(min=1)
    # Row by row: one-hot codes of all places at once may take gigabytes.
    counts = [known(row[kept]).sum(dim=0) for row, kept in zip(inputs, real, strict=True)]
    return torch.cat([torch.stack(counts) / lengths, lengths.float().log()], dim=1)


def tokens(part: Batch, known: Levels, most: int, seed: int) -> tuple[Floats, Ints, Ints]:
    """One row for each of at most ``most`` counted tokens: (features, labels, number of the sequence).

    Features: the frequent codes of the token and, with fewer columns, of its neighbours.
    """
    inputs, targets = part
    rows, places = np.nonzero(targets.numpy() != IGNORED)
    keep = sample(len(rows), most, seed)
    rows, places = rows[keep], places[keep]
    length = inputs.shape[1]
    fewer = max(2, TOKEN_COLUMNS // (len(AROUND) * inputs.shape[2]))
    found = [known(inputs[rows, places])]
    for step in AROUND:
        at = places + step
        codes = inputs[rows, np.clip(at, 0, length - 1)]
        codes[torch.from_numpy((at < 0) | (at >= length))] = 0
        found.append(known(codes, fewer))
    labels = targets.numpy()[rows, places].astype(np.int64)
    return np.asarray(torch.cat(found, dim=1).double().numpy()), labels, rows.astype(np.int64)

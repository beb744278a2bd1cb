"""What is to be learnt: a `Task` and the rows it is learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset

if TYPE_CHECKING:
    from goodfit.core.recipe import Augment

Kind = Literal["series", "table", "images", "sequences", "custom"]
Objective = Literal["regression", "classification", "sequence_labelling"]
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

IGNORED = -100
"""Target of a position that does not count (padding), as torch's cross-entropy has it."""

HASHED = 4096
"""Rows that are read together for a fingerprint."""

Loss = Callable[[Tensor, Tensor], Tensor]
Batch = tuple[Tensor, Tensor]


class Rows(Dataset[Batch]):
    """Rows held in memory; the first axis of ``inputs`` and ``targets`` counts them.

    With ``lengths`` the rows are padded sequences, ``inputs`` (rows, length, features) and ``targets``
    (rows, length), and every batch is trimmed to its longest row.
    """

    def __init__(self, inputs: Tensor, targets: Tensor, lengths: Tensor | None = None) -> None:
        self.inputs, self.targets, self.lengths = inputs, targets, lengths

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Batch:
        inputs, targets = self.batch(torch.tensor([index]))
        return inputs[0], targets[0]

    def batch(self, index: Tensor) -> Batch:
        """The rows at ``index``, in that order."""
        inputs, targets = self.inputs.index_select(0, index), self.targets.index_select(0, index)
        if self.lengths is None:
            return inputs, targets
        longest = int(self.lengths[index].max())
        return inputs[:, :longest], targets[:, :longest]

    def taken(self, index: Tensor) -> Rows:
        """The rows at ``index`` as rows of their own; padded ones stay padded rows."""
        return Rows(*self.batch(index), None if self.lengths is None else self.lengths[index])


class Augmented(Dataset[Batch]):
    """Training rows that come out a little different each time they are read, as a mended job is handed to a person.

    ``augment`` takes and returns a batch (`goodfit.core.recipe.Augment`).
    """

    def __init__(self, rows: Dataset[Batch], augment: Augment) -> None:
        self.rows, self.augment = rows, augment

    def __len__(self) -> int:
        return count_of(self.rows)

    def __getitem__(self, index: int) -> Batch:
        row: Any = self.rows[index]
        inputs, targets = self.augment(*(torch.as_tensor(each)[None] for each in row))
        return inputs[0], targets[0]


def together(one: Rows, other: Rows) -> Rows:
    """All rows of both; padded ones are padded to one length, with code 0 and targets that do not count."""
    lengths = None
    if one.lengths is not None and other.lengths is not None:
        lengths = torch.cat([one.lengths, other.lengths])
    inputs = lengthened(one.inputs, other.inputs, 0)
    targets = lengthened(one.targets, other.targets, IGNORED)
    return Rows(torch.cat(inputs), torch.cat(targets), lengths)


def lengthened(one: Tensor, other: Tensor, fill: int) -> tuple[Tensor, Tensor]:
    """Both tensors with as many steps along axis 1 as the longer one has; those without such an axis as they are."""
    if min(one.ndim, other.ndim) < 2 or one.shape[1] == other.shape[1]:
        return one, other
    width = max(one.shape[1], other.shape[1])
    longer = [each.new_full((len(each), width, *each.shape[2:]), fill) for each in (one, other)]
    for target, values in zip(longer, (one, other), strict=True):
        target[:, : values.shape[1]] = values
    return longer[0], longer[1]


def first(rows: Dataset[Batch], count: int) -> Dataset[Batch]:
    """The first ``count`` rows, or all where there are fewer."""
    return chosen(rows, torch.arange(min(count, count_of(rows))))


def chosen(rows: Dataset[Batch], index: Tensor) -> Dataset[Batch]:
    """The rows at ``index``, in that order; in memory where all of them are."""
    if not isinstance(rows, Rows):
        return Subset(rows, index.tolist())
    return rows.taken(index)


def count_of(rows: Dataset[Batch]) -> int:
    """How many rows a data set has; torch leaves the length of a `Dataset` undeclared."""
    return len(cast(Sized, rows))


def targets_of(rows: Dataset[Batch]) -> Tensor:
    """All targets; from the ``targets`` attribute where the data set has one, else row by row."""
    known = getattr(rows, "targets", None)
    if isinstance(known, Tensor):
        return known
    return torch.stack([torch.as_tensor(rows[i][1]) for i in range(count_of(rows))])


@dataclass(frozen=True)
class Signature:
    """The shapes a model has to accept and return.

    ``inputs`` is the shape of one row without the batch axis: ``(28,)`` numbers, ``(1, 28, 28)`` a picture,
    ``(6,)`` the features of one token (the length is free). ``categories`` are the sizes of the whole-number
    codes among the features: the last ones of a table row, all of them for a token, where code 0 is padding.
    Outputs are ``(batch, outputs)``, with ``tokens`` (one label a token) ``(batch, outputs, length)``.
    """

    inputs: tuple[int, ...]
    outputs: int
    categories: tuple[int, ...] = ()
    tokens: bool = False


@dataclass(frozen=True)
class Metric:
    """How predictions are judged, in words a person uses. Always a mean over rows (or tokens)."""

    name: str
    unit: str
    higher_is_better: bool


ACCURACY = Metric("accuracy", "share right", higher_is_better=True)


def absolute_error(unit: str) -> Metric:
    """Mean absolute error in the target's own unit."""
    return Metric("mean absolute error", unit, higher_is_better=False)


def classes_of(outputs: Tensor, inputs: Tensor) -> Tensor:
    """The most probable class, over axis 1: the `decode` of every classification."""
    return outputs.argmax(dim=1)


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be learnt, with nothing about how.

    Targets are in the model's space (scaled numbers, class numbers). `decode` maps outputs, and for
    regression targets too, to the person's own unit: ``decode(outputs, inputs) -> predictions``.
    """

    name: str
    kind: Kind
    objective: Objective
    train: Dataset[Batch]
    validation: Dataset[Batch]
    test: Dataset[Batch] | None
    signature: Signature
    loss: Loss
    metric: Metric
    decode: Callable[[Tensor, Tensor], Tensor] = classes_of
    classes: tuple[str, ...] = ()
    naive: Mapping[str, Mapping[Part, NDArray[np.float64]]] = field(default_factory=dict)
    """Predictions that need no learning, in the person's unit, by name: yesterday's count, last week's."""
    clusters: Mapping[Part, NDArray[np.int64]] = field(default_factory=dict)
    """Which rows belong together when a score's interval is computed (a week, a person)."""
    times: Mapping[Part, NDArray[Any]] = field(default_factory=dict)
    """When each row was, on any scale that orders all parts, where the split is by time."""
    raw: Mapping[Part, Sequence[Any]] = field(default_factory=dict)
    """What a person would call each row: a date, a picture (height, width[, 3] of uint8), a list of words."""
    encode: Callable[[Any], Tensor] | None = None
    """New data of the same kind, without targets, to model inputs."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was inferred from the data, in words, in the order to be shown."""

    def part(self, name: Part) -> Dataset[Batch] | None:
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the data and what is asked of them; equal for equal tasks on any machine."""
        digest = hashlib.sha256(repr((self.kind, self.objective, self.signature, self.classes)).encode())
        for name in PARTS:
            rows = self.part(name)
            digest.update(f"{name}:{count_of(rows) if rows is not None else 0}".encode())
            if isinstance(rows, Rows):
                for index in torch.split(torch.arange(len(rows)), HASHED):  # all rows at once may be gigabytes
                    for tensor in rows.batch(index):
                        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:16]

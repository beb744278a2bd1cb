"""Sizes, order and padding: what the numbers look like before any model sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import norm, rankdata
from torch import Tensor

from goodfit.core.task import IGNORED, Objective
from goodfit.data.questions.codes import holds_token_codes
from goodfit.data.questions.features import Floats, Ints, classes, columns, is_bytes, is_tokens, numbers

WILD = 10.0
"""A column is named where its spread, or its distance from zero, is this many times (or this part of) one."""
SORTED = 0.9
"""Rank correlation with the row number from which rows count as sorted by a column."""
MOST_INSIDE = 0.01
"""A value that fills more than this share of the positions inside rows is data, not padding."""
LEAST_PADDED = 0.05


@dataclass(frozen=True)
class Scales:
    """Sizes of the varying columns: smallest and largest standard deviation, largest |mean| / deviation, largest
    absolute value; ``affected`` names columns whose deviation or |mean| lies beyond a factor `WILD` from one.
    Pictures and sequences are judged with all positions of a channel together by what calls this; here each counts.
    """

    smallest: float
    largest: float
    offset: float
    peak: float
    affected: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """Largest to smallest standard deviation."""
        return self.largest / self.smallest if self.smallest > 0 else 1.0


@dataclass(frozen=True)
class Order:
    """How far rows come in an order.

    ``longest_run``: the longest stretch of one class (for numbers: of rising or falling targets) as a share of all
    rows; ``autocorrelation`` of neighbouring targets (classes: agreement beyond chance, 1 for one run a class), with
    the ``p`` of a random order; ``sorted_by``: 'targets', the number of a column, or None.
    """

    longest_run: float
    autocorrelation: float
    p: float
    sorted_by: str | int | None


@dataclass(frozen=True)
class Padding:
    """A constant that fills rows up to one length: its value, the side it stands on, the share of all positions, the
    shortest and longest row without it, and which share of the counted targets stands at such positions. ``axis`` is
    the one that counts the positions, 1 or 2.
    """

    value: float
    leading: bool
    share: float
    shortest: int
    longest: int
    counted_share: float
    axis: int = 1

    @property
    def varying(self) -> bool:
        return self.shortest < self.longest


def scales(inputs: Tensor) -> Scales | None:
    """Sizes of the inputs, by column of the flattened rows; None for tokens and where nothing varies."""
    if not (inputs.is_floating_point() or is_bytes(inputs)) or not len(inputs):
        return None
    return _sizes(columns(inputs))


def target_scale(targets: Tensor) -> Scales | None:
    """Sizes of regression targets, by output; None where they never vary."""
    return _sizes(numbers(targets))


def order(targets: Tensor, inputs: Tensor, objective: Objective = "classification") -> Order | None:
    """Whether rows are sorted by their targets or by a column; None with fewer than eight rows."""
    if len(inputs) < 8:
        return None
    column = None if holds_token_codes(inputs, objective) else _sorted_column(inputs)
    if objective == "sequence_labelling":
        return Order(0.0, 0.0, 1.0, column)
    known = classes(targets, objective)
    if known is not None:
        run, value, p = _class_order(known)
    else:
        run, value, p = _number_order(numbers(targets)[:, 0])
    by_target = p < 1e-6 and value > SORTED
    return Order(run, value, p, "targets" if by_target else column)


def padding(inputs: Tensor, targets: Tensor | None = None) -> Padding | None:
    """A trailing or leading constant of varying length in inputs (rows, length), (rows, length, features) or
    (rows, features, length).

    The constant must be (nearly) absent elsewhere in the rows: zeros at the rim of pictures, sparse columns and
    codes that are used as data are no padding.
    """
    if inputs.ndim not in (2, 3) or len(inputs) < 8:
        return None
    for axis in range(1, inputs.ndim):
        turned = inputs if axis == 1 else inputs.transpose(1, 2)
        if turned.shape[1] < 4:
            continue
        for leading in (False, True):
            found = _padded(turned.flip(1) if leading else turned)
            if found is not None:
                value, lengths = found
                return replace(_described(value, leading, lengths, turned.shape[1], targets), axis=axis)
    return None


def _sizes(matrix: Floats) -> Scales | None:
    spread, middle = matrix.std(0), np.abs(matrix.mean(0))
    varied = spread > 1e-12 * np.maximum(middle, 1e-30)
    if not varied.any():
        return None
    wild = varied & ((spread > WILD) | (spread < 1 / WILD) | (middle > WILD))
    return Scales(
        float(spread[varied].min()),
        float(spread[varied].max()),
        float((middle[varied] / spread[varied]).max()),
        float(np.abs(matrix).max()),
        tuple(int(i) for i in np.nonzero(wild)[0]),
    )


def _sorted_column(inputs: Tensor) -> int | None:
    """The column that follows the row number most closely, if any does."""
    if is_tokens(inputs):
        return None
    matrix = columns(inputs)
    ranks = rankdata(matrix, axis=0) - (len(matrix) + 1) / 2
    line = np.arange(len(matrix)) - (len(matrix) - 1) / 2
    found = np.abs(line @ ranks) / np.sqrt((line**2).sum() * (ranks**2).sum(0)).clip(min=1e-9)
    best = int(found.argmax())
    return best if found[best] > SORTED and len(matrix) >= 16 else None


def _class_order(labels: Ints) -> tuple[float, float, float]:
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    count = len(index)
    same = float((index[1:] == index[:-1]).mean())
    chance = float((counts * (counts - 1)).sum() / (count * (count - 1)))
    most = (count - len(counts)) / (count - 1)
    edges = np.flatnonzero(np.diff(index)) + 1
    run = float(np.diff(np.concatenate([[0], edges, [count]])).max() / count)
    if chance >= 1:
        return run, 0.0, 1.0
    p = float(norm.sf((same - chance) / np.sqrt(chance * (1 - chance) / (count - 1))))
    return run, (same - chance) / (most - chance) if most > chance else 0.0, p


def _number_order(values: Floats) -> tuple[float, float, float]:
    ranks = values.argsort(kind="stable").argsort(kind="stable").astype(np.float64)
    ranks = ranks - ranks.mean()
    found = float((ranks[1:] * ranks[:-1]).sum() / max((ranks**2).sum(), 1e-12))
    turns = np.flatnonzero(np.diff(np.sign(np.diff(values)))) + 1
    run = float(np.diff(np.concatenate([[0], turns, [len(values) - 1]])).max() / max(len(values) - 1, 1))
    if len(np.unique(values)) < 3:
        return run, 0.0, 1.0
    return run, found, float(norm.sf(found * np.sqrt(len(values))))


def _padded(inputs: Tensor) -> tuple[float, Ints] | None:
    """The constant at the end of rows and the length of each row without it, or None."""
    last = inputs[:, -1].flatten()
    value = last.mode().values
    fills = (inputs == value).reshape(*inputs.shape[:2], -1).all(-1)
    real = ~fills
    places = torch.arange(1, inputs.shape[1] + 1)
    lengths = (real * places).amax(1)
    inside = places <= lengths[:, None]
    share = 1 - float(inside.float().mean())
    within = float((fills & inside).sum() / inside.sum().clamp(min=1))
    padded = float((lengths < inputs.shape[1]).float().mean())
    # A constant last column is no padding; neither is a value that one row in a few happens to end with.
    varied = len(lengths.unique()) >= 3
    if share < LEAST_PADDED or padded < 0.2 or within > MOST_INSIDE or not varied:
        return None
    return float(value), np.asarray(lengths.numpy(), dtype=np.int64)


def _described(value: float, leading: bool, lengths: Ints, length: int, targets: Tensor | None) -> Padding:
    share = 1 - float(lengths.mean()) / length
    counted_share = 0.0
    if targets is not None and targets.ndim == 2 and targets.shape[1] == length:
        fills = np.arange(length) >= lengths[:, None]
        fills = fills[:, ::-1] if leading else fills
        counted = targets.detach().numpy() != IGNORED
        counted_share = float((counted & fills).sum() / max(counted.sum(), 1))
    return Padding(value, leading, share, int(lengths.min()), int(lengths.max()), counted_share)

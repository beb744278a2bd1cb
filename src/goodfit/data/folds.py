"""N folds of a task's training and validation rows, to choose between recipes; the test part is never touched."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit
from torch.utils.data import Dataset

from goodfit.core.errors import DataError
from goodfit.core.task import HASHED, Batch, Part, Rows, Task, chosen, count_of, targets_of, together
from goodfit.data.questions.features import classes
from goodfit.data.splits import MOST_GROUPS_STRATIFIED, Ints, merged

PARTS: tuple[Part, Part] = ("train", "validation")
LEAST_TRAINING = 0.5
"""Share of the moments before the first fold in time: a recipe is judged at about the size it will be used at."""
FEW_DIFFERENT = 4
"""Different rows a fold, below which copies are no accident but all there is (a truth table), and may be torn apart."""
MOST_GAP = 0.25
"""Share of the moments before the first fold that a gap takes away at most."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Row numbers, ascending, of the union: the task's training rows, and after them its validation rows."""

    train: Ints
    validation: Ints
    note: str = ""
    """How the folds were made, and what did not go as asked."""

    @property
    def held_share(self) -> float:
        """Share of its rows that the fold holds back, for `core.statistics.corrected_difference`."""
        return len(self.validation) / (len(self.train) + len(self.validation))


def folds(
    task: Task, count: int = 5, seed: int = 0, *, mixed: bool = True, ordered: bool = False, gap: int | None = None
) -> tuple[Fold, ...]:
    """``count`` folds, or as many as there are rows, groups or moments for; every fold's note says how they were made.

    Where the task tells when each row was (`Task.times`), or ``ordered`` says that the rows stand in the order of time,
    each fold holds back what follows its training rows, without the ``gap`` moments between (by default a window's
    length). Rows of one group stay together, and so do exact copies of one row. Classes keep their shares. Padded
    sequences are held back whole. ``mixed=False`` takes the training rows alone: for a validation part that is of
    another time or kind. `DataError` where not even two folds can be made.
    """
    if count < 2:
        raise DataError(f"{count} folds do not hold anything back", "Ask for two folds or more.")
    parts = PARTS if mixed else PARTS[:1]
    rows = sum(_count(task, part) for part in parts)
    times = _joined(task.times, parts) if task.times else np.arange(rows) if ordered else None
    if times is not None:
        return _by_time(times, count, _window(task) if gap is None else gap)
    keys = _copies(task, parts)
    strata = _strata(task, parts)
    clusters = _joined(task.clusters, parts) if task.clusters else None
    if clusters is not None:
        return _by_groups(clusters, keys, strata, count, seed)
    return _at_random(rows, keys, strata, count, seed)


def on_fold(task: Task, fold: Fold) -> Task:
    """The task with the fold's rows as training and validation parts, without a test part.

    What was learnt from the task's own training rows stays as it is: the scale of numbers, the vocabulary of words, the
    level of a series. A fold's validation rows are mostly among them, so that its errors are no fresh estimate of how
    well new data will be predicted (a mean or a deviation moves little, but words seen only there have a code of their
    own that the fold never trains). Between two recipes on the same folds this makes no difference: both see the same.
    What a person would call the rows (`Task.raw`) is left out.
    """
    index = {"train": fold.train, "validation": fold.validation}
    made: dict[str, Any] = {part: _taken(task, rows) for part, rows in index.items()}
    for name in ("clusters", "times"):
        values = getattr(task, name)
        if all(part in values for part in PARTS):
            union = _joined(values, PARTS)
            made[name] = {part: union[rows] for part, rows in index.items()}
        else:
            made[name] = {}
    naive = {name: _joined(values, PARTS) for name, values in task.naive.items()}
    made["naive"] = {name: {part: union[rows] for part, rows in index.items()} for name, union in naive.items()}
    return replace(task, **made, test=None, raw={})


# --- kinds of folds


def _by_time(times: NDArray[Any], count: int, gap: int) -> tuple[Fold, ...]:
    """An expanding window over the moments; rows of one moment stay together."""
    moments, which = np.unique(times, return_inverse=True)
    count = min(count, len(moments) // 2)
    if count < 2:
        raise DataError(f"{len(moments)} different times cannot make two folds", "Bring more data.")
    size = max(1, int(len(moments) * (1 - LEAST_TRAINING)) // count)
    first = len(moments) - count * size
    left_out = min(gap, int(MOST_GAP * first))
    words = "by time, each fold after its training rows"
    words += f", {left_out} moments between them left out" if left_out else ""
    words += f" (of {gap} that a window spans: there are too few)" if left_out < gap else ""
    splitter = TimeSeriesSplit(count, test_size=size, gap=left_out)
    return tuple(
        _fold(np.isin(which, train), np.isin(which, held), words) for train, held in splitter.split(moments[:, None])
    )


def _by_groups(groups: Ints, keys: Ints | None, strata: Ints | None, count: int, seed: int) -> tuple[Fold, ...]:
    together, note = merged(np.unique(groups, return_inverse=True)[1], keys)
    members = len(np.unique(together))
    count, few = _possible(count, members, "groups")
    if strata is None or members > MOST_GROUPS_STRATIFIED or np.bincount(strata).max() < count:
        splitter, words = GroupKFold(count, shuffle=True, random_state=seed), "by groups, none torn apart"
        strata = None
    else:
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        words = "by groups, none torn apart, classes in equal shares as well as can be"
    notes = "; ".join(filter(None, [words, few, note, _rare(strata, count)]))
    return _split(splitter, together, strata, together, notes)


def _at_random(rows: int, keys: Ints | None, strata: Ints | None, count: int, seed: int) -> tuple[Fold, ...]:
    """Folds of different rows, stratified by the class of each one's first copy; the copies follow."""
    notes = [] if keys is not None else ["copies are not looked for, as the rows are not held in memory"]
    units = np.arange(rows) if keys is None else keys
    different = len(np.unique(units))
    if different < FEW_DIFFERENT * count and different < rows:
        units, different = np.arange(rows), rows
        notes.append("so few rows are different that copies are on both sides")
    elif different < rows:
        notes.append(f"{rows - different:,} copies of rows on the side of the first")
    count, few = _possible(count, different, "rows")
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    codes = None if strata is None else np.unique(strata[first], return_inverse=True)[1]
    stratified = codes is not None and np.bincount(codes).max() >= count
    splitter = (StratifiedKFold if stratified else KFold)(count, shuffle=True, random_state=seed)
    words = "at random, classes in equal shares" if stratified else "at random"
    notes = [words, few, *notes, _rare(codes if stratified else None, count)]
    return _split(splitter, unit, codes, None, "; ".join(filter(None, notes)))


def _split(splitter: Any, unit: Ints, strata: Ints | None, groups: Ints | None, note: str) -> tuple[Fold, ...]:
    """``unit`` (rows,) numbers what is split; with ``groups`` (rows,) it is the rows themselves that are split."""
    what = np.arange(len(unit)) if groups is not None else np.arange(unit.max() + 1)
    with warnings.catch_warnings():
        # scikit-learn warns of classes with fewer rows than folds; the note says so.
        warnings.simplefilter("ignore", UserWarning)
        pairs = list(splitter.split(what, strata, groups))
    rows = what if groups is not None else unit
    return tuple(_fold(np.isin(rows, train), np.isin(rows, held), note) for train, held in pairs)


def _fold(train: NDArray[np.bool_], held: NDArray[np.bool_], note: str) -> Fold:
    return Fold(np.flatnonzero(train).astype(np.int64), np.flatnonzero(held).astype(np.int64), note)


def _possible(count: int, units: int, what: str) -> tuple[int, str]:
    if units < 2:
        raise DataError(f"{units} different {what} cannot make two folds", "Bring more data.")
    return (count, "") if units >= count else (units, f"only {units} folds, as there are only {units} {what}")


def _rare(strata: Ints | None, count: int) -> str:
    counts = np.bincount(strata) if strata is not None else np.zeros(0)
    rare = int(((counts > 0) & (counts < count)).sum())
    return f"{rare} of the classes have fewer rows than there are folds, and are missing in some" if rare else ""


# --- what is known of the rows


def _count(task: Task, part: Part) -> int:
    rows = task.part(part)
    return 0 if rows is None else count_of(rows)


def _joined(values: Any, parts: Sequence[Part]) -> NDArray[Any]:
    return np.concatenate([np.asarray(values[part]) for part in parts])


def _window(task: Task) -> int:
    """Moments that one row looks back."""
    return task.signature.inputs[0] if task.kind == "series" else 0


def _strata(task: Task, parts: Sequence[Part]) -> Ints | None:
    """The class of each row, if it has one."""
    rows = [task.train, task.validation][: len(parts)]
    found = [each for each in (classes(targets_of(part), task.objective) for part in rows) if each is not None]
    return np.unique(np.concatenate(found), return_inverse=True)[1] if len(found) == len(parts) else None


def _copies(task: Task, parts: Sequence[Part]) -> Ints | None:
    """A number for each row, equal for rows with the same inputs; None where that would mean reading all files."""
    keys: list[bytes] = []
    for part in parts:
        rows = task.part(part)
        if not isinstance(rows, Rows):
            return None
        for index in torch.split(torch.arange(len(rows)), HASHED):
            inputs = rows.batch(index)[0]
            inputs = inputs + 0.0 if inputs.is_floating_point() else inputs  # -0.0 and 0.0 are one number
            ends = [None] * len(index) if rows.lengths is None else rows.lengths[index].tolist()
            values = inputs.numpy()
            keys += [
                blake2b(row[:end].tobytes(), digest_size=16).digest() for row, end in zip(values, ends, strict=True)
            ]
    return np.unique(np.array(keys, dtype="S16"), return_inverse=True)[1]


# --- rows of a fold


def _taken(task: Task, index: Ints) -> Dataset[Batch]:
    """The rows of the union at ``index`` (ascending); in memory where both parts are."""
    cut = _count(task, "train")
    first, second = torch.from_numpy(index[index < cut]), torch.from_numpy(index[index >= cut] - cut)
    pieces = [chosen(rows, at) for rows, at in ((task.train, first), (task.validation, second)) if len(at)]
    if len(pieces) == 1 and isinstance(pieces[0], Rows):
        return pieces[0]
    if len(pieces) == 2 and isinstance(pieces[0], Rows) and isinstance(pieces[1], Rows):
        return together(pieces[0], pieces[1])
    known = [getattr(rows, "targets", None) for rows in (task.train, task.validation)]
    targets = [all_[at] for all_, at in zip(known, (first, second), strict=True) if isinstance(all_, torch.Tensor)]
    return _Pieces(tuple(pieces), torch.cat(targets) if len(targets) == len(PARTS) else None)


class _Pieces(Dataset[Batch]):
    """Rows of several data sets one after the other; ``targets`` where they are known without reading the rows."""

    def __init__(self, pieces: Sequence[Dataset[Batch]], targets: torch.Tensor | None) -> None:
        self.pieces, self.targets = pieces, targets
        self.ends = np.cumsum([count_of(piece) for piece in pieces])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, row: int) -> Batch:
        if not 0 <= row < len(self):
            raise IndexError(row)
        which = int(np.searchsorted(self.ends, row, side="right"))
        return self.pieces[which][row - (int(self.ends[which - 1]) if which else 0)]

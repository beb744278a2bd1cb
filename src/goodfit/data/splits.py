"""Splits that cannot leak: random, grouped, temporal, or given by the person. Shared by all kinds of data.

Every split is made by holding rows back twice, first the test part and then the validation part, from what
is left. What belongs together (copies of a row, rows of a group, rows of one moment) is held back together.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from goodfit.core.errors import DataError
from goodfit.core.task import PARTS, Part

Ints = NDArray[np.int64]
Values = NDArray[Any]
Hold = Callable[[Ints, float, int], tuple[Ints, Ints]]
"""``hold(rows, share, keep) -> (rest, held)``, where the rest has at least ``keep`` units (rows, groups, moments)."""

WORDS: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}

MOST_GROUPS_STRATIFIED = 2_000
"""Balancing classes over groups costs time for every group, and with this many chance does it as well."""


@dataclass(frozen=True, eq=False)
class Indices:
    """Row numbers of the three parts, ascending; every row is in one part."""

    train: Ints
    validation: Ints
    test: Ints
    note: str = ""
    """What did not go as asked, in words; empty where all went well."""

    def part(self, name: Part) -> Ints:
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def random_split(
    n: int,
    *,
    strata: Values | None = None,
    duplicates: Values | None = None,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
) -> Indices:
    """Split ``n`` rows at random.

    ``strata`` (n,) is each row's class: its shares are kept where it has rows enough. ``duplicates`` (n,) is a
    key that is equal for copies of one row: all copies come to the same side, and the shares are of the
    different rows. DataError where there are fewer different rows than parts.
    """
    return _hold_twice(np.arange(n), _random_hold(n, strata, duplicates, seed), strata, validation, test)


def grouped_split(
    groups: Values,
    *,
    strata: Values | None = None,
    duplicates: Values | None = None,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
) -> Indices:
    """Split rows so that no group (n,) is torn apart; with ``strata`` the classes' shares are kept as well as can be.

    Groups that share a copy of a row (``duplicates``) stay together, unless that leaves fewer than three.
    """
    together, note = merged(_codes(groups), duplicates)
    rows = np.arange(len(together))
    return _hold_twice(rows, _grouped_hold(together, strata, seed), strata, validation, test, note)


def temporal_split(order: Values, *, validation: float = 0.2, test: float = 0.2) -> Indices:
    """Split by time (n,): the newest rows are the test, those before them the validation; equal times stay together."""
    return _hold_twice(np.arange(len(order)), _temporal_hold(order), None, validation, test)


def given_split(
    labels: Sequence[Any],
    *,
    strata: Values | None = None,
    duplicates: Values | None = None,
    groups: Values | None = None,
    order: Values | None = None,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
    where: str = "",
    at: Callable[[int], str] | None = None,
) -> Indices:
    """The split a person gives: ``labels`` (n,) says train, dev/val/valid/validation or test in any case.

    A validation or test part that is not given is taken from the training rows, by time, by groups or at
    random as the other arguments say. DataError for another word, or where all rows are in one part;
    ``where`` is the file and ``at`` the place of a row, for the message.
    """
    words = [str(label).strip().lower() for label in labels]
    unknown = next((row for row, word in enumerate(words) if word not in WORDS), None)
    if unknown is not None:
        raise DataError(
            f"{str(labels[unknown])!r} is no part of a split",
            "Use train, validation (or dev, val, valid) and test.",
            where=at(unknown) if at else f"{where} row {unknown + 1}".strip(),
        )
    parts = np.array([WORDS[word] for word in words])
    rows: dict[Part, Ints] = {name: np.flatnonzero(parts == name).astype(np.int64) for name in PARTS}
    found = [name for name in PARTS if len(rows[name])]
    if "train" not in found or len(found) < 2:
        lacking = "no row is for training" if "train" not in found else "all rows are for training"
        raise DataError(lacking, "Give at least train and test rows, or let goodfit split them.", where=where)
    hold = _hold_for(len(words), strata, duplicates, groups, order, seed)
    notes = []
    wanted: tuple[tuple[Part, float], ...] = (("test", test), ("validation", validation))
    for name, share in wanted:
        if name not in found:
            rows["train"], rows[name] = hold(rows["train"], share, 1)
            notes.append(f"no {name} rows were given: {len(rows[name]):,} of the training rows are held back for it")
    return Indices(rows["train"], rows["validation"], rows["test"], "; ".join(notes))


def part_of(name: str) -> Part | None:
    """The part a file or folder name speaks of: ``en-ud-dev.conllu`` the validation; None if none, or several."""
    words = re.findall(r"t10k|[a-z]+", name.lower())
    found = {WORDS[word] for word in words if word in WORDS}
    return found.pop() if len(found) == 1 else None


def _hold_for(
    n: int, strata: Values | None, duplicates: Values | None, groups: Values | None, order: Values | None, seed: int
) -> Hold:
    if order is not None:
        return _temporal_hold(order)
    if groups is not None:
        return _grouped_hold(_codes(groups), strata, seed)
    return _random_hold(n, strata, duplicates, seed)


def _hold_twice(
    rows: Ints, hold: Hold, strata: Values | None, validation: float, test: float, note: str = ""
) -> Indices:
    if validation + test >= 1:
        raise DataError(
            f"validation {validation:g} and test {test:g} leave no rows to train on",
            "Choose shares that add up to less than 1.",
        )
    rest, held = hold(rows, test, 2)
    train, middle = hold(rest, validation / (1 - test), 1)
    notes = [note] if note else []
    missing = _classes_missing((train, middle, held), strata)
    if missing:
        notes.append(f"{missing} of the classes have too few rows to be in every part")
    return Indices(train, middle, held, "; ".join(notes))


def _classes_missing(parts: Sequence[Ints], strata: Values | None) -> int:
    if strata is None:
        return 0
    everywhere = set.intersection(*(set(np.unique(strata[rows]).tolist()) for rows in parts))
    return len(np.unique(strata)) - len(everywhere)


def _random_hold(n: int, strata: Values | None, duplicates: Values | None, seed: int) -> Hold:
    units = np.arange(n) if duplicates is None else _codes(duplicates)

    def hold(rows: Ints, share: float, keep: int) -> tuple[Ints, Ints]:
        ids, first = np.unique(units[rows], return_index=True)
        size = _size(len(ids), share, keep, "different rows")
        classes = None if strata is None else _coarse(strata[rows[first]], size, len(ids) - size)
        rest, _ = train_test_split(ids, test_size=size, random_state=seed, stratify=classes)
        stays = np.isin(units[rows], rest)
        return rows[stays], rows[~stays]

    return hold


def _coarse(strata: Values, held: int, rest: int) -> Ints | None:
    """Classes fit to stratify by: one of a kind joins the largest class; None where a side has not a row for each."""
    codes = _codes(strata)
    counts = np.bincount(codes)
    codes = np.where(counts[codes] < 2, counts.argmax(), codes)
    return codes if len(np.unique(codes)) <= min(held, rest) and counts.max() > 1 else None


def _grouped_hold(groups: Ints, strata: Values | None, seed: int) -> Hold:
    def hold(rows: Ints, share: float, keep: int) -> tuple[Ints, Ints]:
        members = groups[rows]
        size = _size(len(np.unique(members)), share, keep, "groups")
        held = np.zeros(0, dtype=np.int64)
        if strata is not None:
            held = _stratified_groups(members, _codes(strata[rows]), share, keep, seed)
        if not len(held):
            _, held = next(GroupShuffleSplit(1, test_size=size, random_state=seed).split(rows, groups=members))
        return np.delete(rows, held), rows[np.sort(held)]

    return hold


def _stratified_groups(groups: Ints, strata: Ints, share: float, keep: int, seed: int) -> Ints:
    """Positions held back with the classes' shares kept; none where classes, groups or the share do not allow it."""
    ids = len(np.unique(groups))
    folds = min(max(2, round(1 / share)), ids)
    if share > 0.5 or folds > np.bincount(strata).max() or ids > MOST_GROUPS_STRATIFIED:
        return np.zeros(0, dtype=np.int64)
    with warnings.catch_warnings():
        # scikit-learn warns of classes rarer than the folds; `_classes_missing` tells the person what came of it.
        warnings.simplefilter("ignore", UserWarning)
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        rest, held = next(splitter.split(groups, strata, groups))
    enough = len(np.unique(groups[rest])) >= keep
    return np.asarray(held if enough else held[:0], dtype=np.int64)


def _temporal_hold(order: Values) -> Hold:
    def hold(rows: Ints, share: float, keep: int) -> tuple[Ints, Ints]:
        moments, which, counts = np.unique(order[rows], return_inverse=True, return_counts=True)
        _size(len(moments), share, keep, "different times")
        # The cut nearest to the share asked for that falls between two moments.
        before = counts.cumsum()[keep - 1 : -1]
        cut = keep - 1 + int(np.abs(before - len(rows) * (1 - share)).argmin())
        return rows[which <= cut], rows[which > cut]

    return hold


def _size(units: int, share: float, keep: int, what: str) -> int:
    if units <= keep:
        raise DataError(
            f"{units} {what} cannot make {keep + 1} parts ({', '.join(PARTS[: keep + 1])})",
            "Bring more data; each part needs at least one.",
        )
    return min(max(1, round(units * share)), units - keep)


def merged(groups: Ints, duplicates: Values | None) -> tuple[Ints, str]:
    """Groups (n,), from 0 on, with those that share a copy of a row made one; a note where that leaves too few."""
    if duplicates is None:
        return groups, ""
    copies = _codes(duplicates)
    sides = groups.max() + 1, copies.max() + 1
    shape = (sum(sides), sum(sides))
    links = coo_array((np.ones(len(groups)), (groups, copies + sides[0])), shape=shape)
    count, component = connected_components(links, directed=False)
    if count < len(PARTS) <= sides[0]:
        return groups, "copies of rows occur in different groups and may be on different sides"
    return component[groups].astype(np.int64), ""


def _codes(values: Values) -> Ints:
    """Numbers 0, 1, 2 ... in order of first appearance, so that a split does not hang on how a hash sorts."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    codes: Ints = rank[inverse]
    return codes

"""Windows cut from series: which ones follow each other, and did a split at random part neighbours?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from goodfit.data.questions.features import Bools, Floats, Ints, columns, same_rows, sample

MOST_ASKED = 2_000
"""Validation windows that are looked for among the training windows."""
SHORTEST = 4
"""Steps a window has at the least."""
MOST_STEPS = 128
"""Steps of a window that are compared; a part of a window is a window too."""
HEAD = 3
"""Steps that must agree for two windows to overlap."""


@dataclass(frozen=True)
class Interleaved:
    """Windows of one series in both parts.

    ``share``: validation windows whose next AND previous window are training rows; ``lag``: steps from one window to
    the next; ``length``: steps of a window; ``axis``: where they stand in (rows, ..., ...).
    """

    share: float
    lag: int
    length: int
    axis: int = 1

    @property
    def overlap(self) -> int:
        """Windows on one side of a window that share steps with it."""
        return math.ceil(self.length / self.lag) - 1


def interleaved_in_time(train: Tensor, validation: Tensor) -> Interleaved | None:
    """Whether validation windows lie between training windows of the same series.

    For inputs (rows, length), (rows, length, features) or (rows, features, length). A split at random leaves a
    share near the square of the training part's. None where no windows overlap (a cut in time), and for tokens.
    """
    if not train.is_floating_point() or train.ndim not in (2, 3):
        return None
    found = [_interleaved(train, validation, axis) for axis in range(1, train.ndim)]
    return max((each for each in found if each is not None), key=lambda each: each.share, default=None)


def parted_in_time(inputs: Tensor, found: Interleaved, share: float) -> tuple[Ints, Ints]:
    """Rows of a training and a validation part of which neither overlaps the other.

    Of each series the last ``share`` of its windows are for validation, and those before it that reach into them are
    left out. A series too short for that goes to one part as a whole. Validation rows come in the order of time.
    """
    train: list[Ints] = []
    validation: list[Ints] = []
    owed = 0.0
    for chain in chains(_steps(inputs, found.axis), found.lag):
        count, last = len(chain), round(share * len(chain))
        before = count - last - found.overlap
        if last and before >= count / 2:
            train.append(chain[:before])
            validation.append(chain[count - last :])
            continue
        owed += share * count
        whole = owed >= count / 2
        (validation if whole else train).append(chain)
        owed -= count if whole else 0
    first, second = (np.concatenate([np.empty(0, np.int64), *part]) for part in (train, validation))
    return np.sort(first), second


def chains(steps: Floats, lag: int) -> list[Ints]:
    """Row numbers of windows (rows, length), series by series in the order of time; gaps up to a window's length are
    bridged.
    """
    follower = np.full(len(steps), -1)
    led = np.zeros(len(steps), dtype=bool)
    for ahead in range(lag, steps.shape[1] - HEAD + 1, lag):
        _follow(steps, ahead, follower, led)
    seen = np.zeros(len(steps), dtype=bool)
    found = []
    for start in [*np.flatnonzero(~led).tolist(), *np.flatnonzero(led).tolist()]:  # then rings, of exact repetition
        chain: list[int] = []
        at = start
        while at >= 0 and not seen[at]:
            seen[at] = True
            chain.append(at)
            at = int(follower[at])
        if chain:
            found.append(np.asarray(chain, dtype=np.int64))
    return found


def _follow(steps: Floats, ahead: int, follower: Ints, led: Bools) -> None:
    """Give windows without a follower the one that begins ``ahead`` steps later, each to one window only."""
    waiting, free = np.flatnonzero(follower < 0), np.flatnonzero(~led)
    if not len(waiting) or not len(free):
        return
    keys = same_rows(np.concatenate([steps[waiting, ahead:], steps[free, : steps.shape[1] - ahead]]))
    begins = dict(zip(keys[len(waiting) :].tolist(), free.tolist(), strict=True))
    for row, key in zip(waiting.tolist(), keys[: len(waiting)].tolist(), strict=True):
        if begins.get(key, row) != row:
            follower[row] = begins.pop(key)
            led[follower[row]] = True


def _interleaved(train: Tensor, validation: Tensor, axis: int) -> Interleaved | None:
    length = train.shape[axis]
    if length < SHORTEST or validation.shape[axis] != length:
        return None
    known = _steps(train, axis)
    asked = _steps(validation[sample(len(validation), MOST_ASKED, 0)], axis)
    moving = asked[:, 1:-1].std(1) > 0
    lag = _lag(known, asked[moving])
    if lag is None:
        return None
    following = _matches(asked[:, lag:], known[:, :-lag])
    leading = _matches(asked[:, :-lag], known[:, lag:])
    share = float((following & leading & moving).mean())
    return Interleaved(share, lag, length, axis) if share else None


def _lag(known: Floats, asked: Floats) -> int | None:
    """The fewest steps by which a good part of the windows asked for begin after a known one."""
    heads = _heads(asked)[:, 0] if len(asked) else np.empty(0)
    starts = _heads(known)
    if not len(heads) or not np.isin(heads, starts[:, 1:]).any():
        return None
    return next((at for at in range(1, starts.shape[1]) if np.isin(heads, starts[:, at]).mean() > 0.1), None)


def _heads(steps: Floats) -> Floats:
    """One number for each run of `HEAD` steps, equal for equal runs: (rows, length - HEAD + 1)."""
    count = steps.shape[1] - HEAD + 1
    found: Floats = sum((np.sqrt(2 + 3 * i) * steps[:, i : i + count] for i in range(HEAD)), np.zeros(()))
    return found


def _steps(inputs: Tensor, axis: int) -> Floats:
    """One number for each step of each window, equal for equal steps: (rows, at most `MOST_STEPS`)."""
    windows = inputs.detach()[..., None] if inputs.ndim == 2 else inputs.detach()
    windows = windows.movedim(axis, 1)[:, :MOST_STEPS]
    found: Floats = sum((np.sqrt(2 + 3 * i) * columns(windows[..., i]) for i in range(windows.shape[2])), np.zeros(()))
    return found


def _matches(asked: Floats, known: Floats) -> Bools:
    numbered = same_rows(np.concatenate([known, asked]))
    return np.asarray(np.isin(numbered[len(known) :], numbered[: len(known)]))

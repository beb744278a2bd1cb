"""Series: predict the next day (hour, week, month) from the last ones. Dates and counts to a `Task`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch.nn.functional import l1_loss

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.core.task import PARTS, Part, Rows, Signature, Task, absolute_error
from goodfit.data.frames import Frame, frame_of, read_frame
from goodfit.data.series.frames import Dated, Floats, Strand, read_dated
from goodfit.data.series.new_windows import encoder
from goodfit.data.series.spacing import Ints, Spacing
from goodfit.data.series.windows import Window, learn_window, softness
from goodfit.data.splits import temporal_split

LEAST_TRAINING = 20
LEAST_HELD_BACK = 5
"""With fewer targets than these not even the smallest model can be fitted, or judged."""
SUITED = ((80, 4), (20, 2))
"""Seasons a series has at least, and seasons of history that suit it; measured on sixteen daily series, cut short."""
SEASONS_MEANT = 4
FOREVER = int(np.iinfo(np.int64).max)

Cuts = tuple[int, int]
"""Positions of the first validation and of the first test target."""


def load(source: Any, settings: DataSettings, seed: int = 0) -> Task:
    """The task in a file (`Path`) or a frame with a column of dates and one of numbers.

    Inputs (rows, history), targets (rows, 1). The parts follow each other in time, and the days to be predicted
    in validation and test do not depend on the history. A filled day is never a target; nor is the day after
    one, because the filling already used its value. Nothing is drawn at random: ``seed`` changes nothing.
    DataError for data that cannot be used, with place and repair.
    """
    dated = _read(source, settings)
    history = settings.history or _suited_history(dated, settings)
    return _task(dated, settings, history, history)


def load_histories(source: Any, settings: DataSettings, histories: Sequence[int]) -> dict[int, Task]:
    """One task for each history, with the same target days in every part: for comparing histories."""
    dated = _read(source, settings)
    return {history: _task(dated, settings, history, max(histories)) for history in histories}


def _read(source: Any, settings: DataSettings) -> Dated:
    if isinstance(source, Path):
        source = read_frame(source)
    return read_dated(source if isinstance(source, Frame) else frame_of(source), settings)


def _suited_history(dated: Dated, settings: DataSettings) -> int:
    """Four seasons, two or one: as many as the length of the series allows, and less where it is short."""
    season = dated.spacing.season if dated.spacing.season > 1 else 7
    length = int(np.median([len(strand.values) for strand in dated.strands]))
    spare = int(length * (1 - settings.validation - settings.test)) - LEAST_TRAINING - 1
    suited = (number * season for least, number in SUITED if length >= least * season)
    return next(suited, max(1, min(season, length // 8, spare)))


# --- which values are predicted, and in which part


@dataclass(frozen=True, eq=False)
class _Targets:
    """Values (n,) to be predicted, with what a model and what a naive person knows of each."""

    windows: Floats
    """(n, history), oldest first."""
    values: Floats
    naive: Floats
    """(kinds of naive prediction, n)"""
    positions: Ints
    """(n,), steps from the first moment of any series"""
    blocks: Ints
    labels: list[str]


def _task(dated: Dated, settings: DataSettings, history: int, earliest: int) -> Task:
    """The task of predicting from ``history`` values those that have at least ``earliest`` before them."""
    cuts = _cuts(dated, settings, earliest)
    strands = [strand for strand in dated.strands if len(_days(strand, 0, cuts[0], earliest)) >= LEAST_TRAINING]
    if not strands:
        raise _too_short(dated, settings, earliest)
    _check_varies(dated, strands, cuts[0])
    targets = _by_part(dated, strands, cuts, history, earliest)
    _check_parts(dated, targets)
    soft = min(softness(_known(strand, cuts[0])) for strand in strands)
    window = learn_window(targets["train"].windows, targets["train"].values, dated.spacing.season, soft)
    rows = {
        part: Rows(window.inputs(each.windows), window.targets(each.windows, each.values))
        for part, each in targets.items()
    }
    return Task(
        name=_stem(dated.name),
        kind="series",
        objective="regression",
        train=rows["train"],
        validation=rows["validation"],
        test=rows["test"],
        signature=Signature((history,), 1),
        loss=l1_loss,
        metric=absolute_error(dated.columns.target),
        decode=window.decode,
        naive=_naive(dated.spacing, targets),
        clusters={part: each.blocks for part, each in targets.items()},
        times={part: each.positions for part, each in targets.items()},
        raw={part: each.labels for part, each in targets.items()},
        encode=encoder(dated, window),
        facts=_facts(dated, strands, window, targets),
    )


def _by_part(dated: Dated, strands: Sequence[Strand], cuts: Cuts, history: int, earliest: int) -> dict[Part, _Targets]:
    edges = (0, *cuts, FOREVER)
    return {
        part: _joined([_targets(each, _days(each, first, end, earliest), history, dated) for each in strands])
        for part, first, end in zip(PARTS, edges, edges[1:], strict=False)
    }


def _stem(name: str) -> str:
    return name.removesuffix(".gz").rsplit(".", 1)[0] if "." in name else "series"


def _cuts(dated: Dated, settings: DataSettings, history: int) -> Cuts:
    order = np.concatenate([strand.start + _days(strand, 0, FOREVER, 1) for strand in dated.strands])
    if len(np.unique(order)) < LEAST_TRAINING + 2 * LEAST_HELD_BACK:
        raise _too_short(dated, settings, history)
    split = temporal_split(order, validation=settings.validation, test=settings.test)
    if min(len(np.unique(order[part])) for part in (split.validation, split.test)) < LEAST_HELD_BACK:
        raise _too_short(dated, settings, history)
    return int(order[split.validation].min()), int(order[split.test].min())


def _days(strand: Strand, first: int, end: int, earliest: int) -> Ints:
    """Indices into the strand of its targets from position ``first`` on and before ``end``."""
    index = np.arange(len(strand.values))
    position = strand.start + index
    fit = strand.real & np.roll(strand.real, 1) & (index >= earliest) & (position >= first) & (position < end)
    return np.flatnonzero(fit)


def _targets(strand: Strand, index: Ints, history: int, dated: Dated) -> _Targets:
    windows = np.lib.stride_tricks.sliding_window_view(strand.values, history)[index - history]
    rank = strand.real.cumsum() - 1
    prefix = f"{strand.name} " if strand.name else ""
    return _Targets(
        windows=windows,
        values=strand.values[index],
        naive=_naive_values(strand.values, index, dated.spacing.season),
        positions=strand.start + index,
        blocks=(strand.start + index) // dated.spacing.block,
        labels=[prefix + strand.labels[rank[i]] for i in index],
    )


def _joined(parts: Sequence[_Targets]) -> _Targets:
    return _Targets(
        np.concatenate([each.windows for each in parts]),
        np.concatenate([each.values for each in parts]),
        np.concatenate([each.naive for each in parts], axis=1),
        np.concatenate([each.positions for each in parts]),
        np.concatenate([each.blocks for each in parts]),
        [label for each in parts for label in each.labels],
    )


def _known(strand: Strand, end: int) -> Floats:
    """The real values before position ``end``."""
    before = np.arange(len(strand.values)) < end - strand.start
    return strand.values[strand.real & before]


# --- predictions that need no learning


def _naive_values(values: Floats, index: Ints, season: int) -> Floats:
    """(3, n): the value one step ago, one season ago, and the mean of the last four seasons' values.

    What lies before the series begins is left out of the mean, and is replaced by the value one step ago.
    """
    lags = season * np.arange(1, SEASONS_MEANT + 1)
    past = index[:, None] - lags
    last = values[index - 1]
    seasonal = np.where(past >= 0, values[np.maximum(past, 0)], np.nan)
    counted = np.maximum((past >= 0).sum(axis=1), 1)
    mean = np.where(past[:, 0] >= 0, np.nansum(seasonal, axis=1) / counted, last)
    return np.stack([last, np.where(past[:, 0] >= 0, seasonal[:, 0], last), mean])


def _naive(spacing: Spacing, targets: Mapping[Part, _Targets]) -> dict[str, dict[Part, Floats]]:
    names = spacing.naive if spacing.season > 1 else spacing.naive[:1]
    return {name: {part: each.naive[i] for part, each in targets.items()} for i, name in enumerate(names)}


# --- what is said of the data


def _too_short(dated: Dated, settings: DataSettings, history: int) -> DataError:
    """Too few values for the history and three parts."""
    shares = 1 - settings.validation - settings.test, settings.validation, settings.test
    wanted = history + LEAST_TRAINING, LEAST_HELD_BACK, LEAST_HELD_BACK
    least = LEAST_TRAINING + 2 * LEAST_HELD_BACK
    needed = max(least, *(math.ceil(count / share) for count, share in zip(wanted, shares, strict=True) if share > 0))
    count = dated.spacing.count
    longest = max(int(strand.real.sum()) for strand in dated.strands)
    less = " or look back less (--history 1)" if history > 1 else ""
    return DataError(
        f"{count(longest)} with a value, and about {needed + 1} without gaps are needed "
        f"to train, validate and test with a history of {count(history)}",
        f"Bring more data{less}.",
        where=dated.name,
    )


def _check_varies(dated: Dated, strands: Sequence[Strand], end: int) -> None:
    known = [_known(strand, end) for strand in strands]
    if all((values == values[0]).all() for values in known):
        raise DataError(
            f"column {dated.columns.target!r} is {known[0][0]:g} on every {dated.spacing.step} of the training part: "
            "there is nothing to learn",
            "Choose another --target or another time.",
            where=dated.name,
        )


def _check_parts(dated: Dated, targets: Mapping[Part, _Targets]) -> None:
    for part, each in targets.items():
        if len(each.values) < LEAST_HELD_BACK:
            problem = f"only {dated.spacing.count(len(each.values))} can be predicted in the {part} part"
            repair = (
                "Leave out the series that end early, or change the shares of the parts (data.validation, data.test)."
            )
            raise DataError(problem, repair, where=dated.name)


def _facts(dated: Dated, strands: Sequence[Strand], window: Window, targets: Mapping[Part, _Targets]) -> dict[str, str]:
    spacing, columns = dated.spacing, dated.columns
    values = spacing.count(sum(int(strand.real.sum()) for strand in strands))
    facts = {
        "kind": f"{spacing.name} series of {columns.target!r}, dates in {columns.date!r}",
        "rows": f"{values}, {dated.span}{_gaps(dated, strands)}",
    }
    if columns.group:
        left_out = len(dated.strands) - len(strands)
        short = f"; {left_out} left out, too short" if left_out else ""
        facts["groups"] = f"{len(strands)} series told apart by {columns.group!r}{short}"
    facts["asked"] = f"the next {spacing.step} from the last {spacing.count(window.history)}"
    facts["split"] = "by time: " + ", ".join(_days_in_words(part, targets[part].labels) for part in PARTS)
    facts["scale"] = f"logarithm, relative to {_level_in_words(spacing, window)}; learnt on the training part"
    if columns.unused:
        facts["not used"] = ", ".join(columns.unused[:12]) + (" ..." if len(columns.unused) > 12 else "")
    return facts


def _days_in_words(part: Part, labels: Sequence[str]) -> str:
    dates = sorted(label.rsplit(" ", 1)[-1] for label in labels)
    return f"{part} {dates[0]} to {dates[-1]} ({len(labels):,})"


def _gaps(dated: Dated, strands: Sequence[Strand]) -> str:
    filled = sum(int((~strand.real).sum()) for strand in strands)
    empty = f", {dated.empty:,} row{'s' * (dated.empty > 1)} without a value" if dated.empty else ""
    if not filled:
        return f"{empty}, no gap"
    longest = max(int(np.diff(np.flatnonzero(strand.real)).max()) - 1 for strand in strands)
    return f"{empty}, {filled:,} missing filled by interpolation (longest gap {longest:,}), none of them predicted"


def _level_in_words(spacing: Spacing, window: Window) -> str:
    last, season, _ = spacing.naive
    if window.season == 1 or window.last_weight == 1:
        return f"the value of {last!r}"
    share = round(100 * window.last_weight)
    return f"{share} % of {last!r} and {100 - share} % of {season!r}"

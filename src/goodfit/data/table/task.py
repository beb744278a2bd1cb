"""Tables: rows of numbers, categories and dates, and one column to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from polars.exceptions import PolarsError
from torch import Tensor
from torch.nn import functional

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.core.task import ACCURACY, PARTS, Part, Rows, Signature, Task, absolute_error, classes_of
from goodfit.data.columns import strays
from goodfit.data.files import parts_in
from goodfit.data.frames import Frame, frame_of, read_frame
from goodfit.data.splits import Indices
from goodfit.data.table.preprocessing import Preprocessing, fit_preprocessing
from goodfit.data.table.roles import Roles, find_roles, group_codes, split_rows, times_of
from goodfit.data.table.targets import Target, read_target

LEAST_TRAINING = 2
"""In a single row every column is constant."""


@dataclass(frozen=True)
class Unscale:
    """Outputs (rows, 1) of a model trained on standardised targets to numbers (rows,) in the target's unit."""

    mean: float
    deviation: float

    def __call__(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        return outputs.reshape(-1).double() * self.deviation + self.mean


@dataclass(frozen=True, eq=False)
class Encoder:
    """New rows (a frame by column names, or a matrix with the columns in the order of the file) to inputs."""

    columns: tuple[str, ...]
    """All columns of the training file but the target."""
    preprocessing: Preprocessing

    def __call__(self, data: Any) -> Tensor:
        frame = frame_of(data, "the new rows").data
        if isinstance(data, np.ndarray | Tensor):
            if frame.width != len(self.columns):
                wanted = f"{len(self.columns)} columns in the order of the training data"
                raise DataError(f"the new rows have {frame.width} columns", f"Give {wanted}, without the target.")
            frame.columns = list(self.columns)
        missing = [name for name in self.preprocessing.readings if name not in frame.columns]
        if missing:
            shown = ", ".join(repr(name) for name in missing[:5])
            raise DataError(f"the new rows lack the columns {shown}", "Add them; empty values are allowed.")
        return torch.from_numpy(self.preprocessing(frame))


def load(source: Path | Any, settings: DataSettings, seed: int = 0) -> Task:
    """Read, check, split and encode a table.

    ``source`` is a CSV, Parquet or NDJSON file, a folder of such files named train, validation and test, or a
    frame or matrix in memory. Inputs are (rows, features) float32 with category codes in the last columns;
    targets (rows,) int64 classes, or (rows, 1) float32 numbers scaled by mean and deviation of the training
    part. DataError, with file and line or column, for data that cannot be used.
    """
    frame, given = _read(source)
    roles = find_roles(frame, settings, given=given is not None)
    target = read_target(frame, roles.target, settings.objective)
    split, split_words = split_rows(frame, roles, given, target, settings, seed)
    _check_enough(frame, split)
    preprocessing = _fit(frame, roles, split)
    scale = _scale(target, split)
    parts = {part: _rows(preprocessing, frame, target, scale, split.part(part)) for part in PARTS}
    return Task(
        name=_name(source),
        kind="table",
        objective=target.objective,
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        signature=Signature(tuple(parts["train"].inputs.shape[1:]), len(target.classes) or 1, preprocessing.categories),
        loss=functional.cross_entropy if target.classes else functional.mse_loss,
        metric=ACCURACY if target.classes else absolute_error(roles.target),
        decode=classes_of if target.classes else scale,
        classes=target.classes,
        clusters=_clusters(frame, roles, split),
        times=_times(frame, roles, split),
        raw=_row_names(frame, roles, split),
        encode=Encoder(tuple(name for name in frame.data.columns if name != roles.target), preprocessing),
        facts=_facts(frame, roles, target, preprocessing, split) | {"split": _sizes(split, split_words)},
    )


# --- reading


def _name(source: Path | Any) -> str:
    return source.name.split(".")[0] if isinstance(source, Path) else "table"


def _read(source: Path | Any) -> tuple[Frame, Sequence[str] | None]:
    """The rows, and the part each belongs to where the files say so."""
    if not isinstance(source, Path):
        return frame_of(source), None
    if not source.is_dir():
        return read_frame(source), None
    parts = parts_in(source)
    if not parts:
        raise DataError(
            "a folder without files named train, validation and test",
            "Name one file, or name the files after their part.",
            where=str(source),
        )
    frames = [(part, read_frame(path)) for part, paths in parts.items() for path in paths]
    labels = [part for part, frame in frames for _ in range(frame.data.height)]
    return _stacked(source.name, [frame for _, frame in frames]), labels


def _stacked(name: str, frames: Sequence[Frame]) -> Frame:
    first = frames[0]
    for other in frames[1:]:
        lacking = [column for column in first.data.columns if column not in other.data.columns]
        if lacking:
            repair = f"All parts need the columns of {first.name}."
            raise DataError(f"no column {lacking[0]!r}", repair, where=other.name)
    try:
        data = pl.concat([frame.data.select(first.data.columns) for frame in frames], how="vertical_relaxed")
    except PolarsError as error:
        raise DataError(f"the files do not agree ({error})", "Give each column one type.", where=name) from None
    starts = np.cumsum([0, *(frame.data.height for frame in frames)])

    def at(row: int) -> str:
        which = int(np.searchsorted(starts, row, side="right")) - 1
        return frames[which].at(row - int(starts[which]))

    return Frame(data, name, at)


# --- from columns to tensors


def _check_enough(frame: Frame, split: Indices) -> None:
    if len(split.train) < LEAST_TRAINING:
        problem = f"{frame.data.height} rows leave {len(split.train)} to train on, and {LEAST_TRAINING} are needed"
        raise DataError(problem, "Bring more data.", where=frame.name)


def _fit(frame: Frame, roles: Roles, split: Indices) -> Preprocessing:
    try:
        return fit_preprocessing(frame.data.select(roles.inputs)[split.train], split.train, roles.time)
    except DataError as error:
        raise DataError(error.problem, error.repair, where=frame.name) from None


def _scale(target: Target, split: Indices) -> Unscale:
    train = target.values[split.train].astype(float)
    return Unscale(float(train.mean()), float(train.std()) or 1.0)


def _rows(preprocessing: Preprocessing, frame: Frame, target: Target, scale: Unscale, rows: NDArray[np.int64]) -> Rows:
    inputs = torch.from_numpy(preprocessing(frame.data[rows]))
    values = target.values[rows]
    if target.classes:
        return Rows(inputs, torch.from_numpy(values))
    scaled = (values - scale.mean) / scale.deviation
    return Rows(inputs, torch.from_numpy(scaled).float().unsqueeze(1))


def _clusters(frame: Frame, roles: Roles, split: Indices) -> dict[Part, NDArray[np.int64]]:
    if roles.group is None:
        return {}
    codes = group_codes(frame, roles.group)
    return {part: codes[split.part(part)] for part in PARTS}


def _times(frame: Frame, roles: Roles, split: Indices) -> dict[Part, NDArray[Any]]:
    if roles.time is None:
        return {}
    order = times_of(frame, roles.time)
    return {part: order[split.part(part)] for part in PARTS}


def _row_names(frame: Frame, roles: Roles, split: Indices) -> dict[Part, list[str]]:
    times = frame.data[roles.time].cast(pl.String).to_list() if roles.time else None
    return {part: [times[i] if times else f"row {i + 1}" for i in split.part(part).tolist()] for part in PARTS}


# --- in words


def _facts(frame: Frame, roles: Roles, target: Target, preprocessing: Preprocessing, split: Indices) -> dict[str, str]:
    facts = {
        "kind": "table",
        "rows": f"{frame.data.height:,} rows, {frame.data.width} columns",
        "target": f"{roles.target!r}: {target.words}",
        "inputs": preprocessing.words,
    }
    if preprocessing.left_out:
        shown = list(preprocessing.left_out.items())[:8]
        more = f" and {len(preprocessing.left_out) - 8} more" if len(preprocessing.left_out) > 8 else ""
        facts["left out"] = "; ".join(f"{name!r}: {why}" for name, why in shown) + more
    unread = _strays_in_words(frame, preprocessing)
    return facts | ({"unread values": unread} if unread else {})


def _strays_in_words(frame: Frame, preprocessing: Preprocessing) -> str:
    found = []
    for name, reading in preprocessing.readings.items():
        rows = strays(frame.data[name], reading)
        if rows:
            first = f"the first is {frame.data[name][rows[0]]!r} at {frame.at(rows[0])}"
            found.append(f"{len(rows):,} in {name!r}, not a {reading.kind}, counted as missing: {first}")
    return "; ".join(found)


def _sizes(split: Indices, words: str) -> str:
    sizes = ", ".join(f"{len(split.part(part)):,} {part}" for part in PARTS)
    return f"{sizes}: {words}"

"""From new values of a series to the inputs of a fitted model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goodfit.core.errors import DataError, did_you_mean
from goodfit.core.settings import DataSettings
from goodfit.data.frames import Frame, frame_of, read_frame
from goodfit.data.series.frames import Dated, Floats, read_dated
from goodfit.data.series.windows import Window


def encoder(dated: Dated, window: Window) -> Callable[[Any], Tensor]:
    """``encode(new) -> inputs (rows, history)``.

    ``new`` is a file or frame that has the series' columns and ends before the value to be predicted (one row,
    or one for each group, in the order of their names), or an array (history,) or (rows, history) of values,
    oldest first.
    """

    def encode(new: Any) -> Tensor:
        if isinstance(new, np.ndarray | Tensor | list | tuple):
            return window.inputs(_from_array(new, window.history))
        frame = read_frame(new) if isinstance(new, Path) else new if isinstance(new, Frame) else frame_of(new)
        return window.inputs(_from_frame(frame, dated, window.history))

    return encode


def _from_array(new: Any, history: int) -> Floats:
    values = np.asarray(torch.as_tensor(new).cpu() if isinstance(new, Tensor) else new, dtype=np.float64)
    values = values[None, -history:] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != history:
        problem = f"values of shape {tuple(values.shape)}, where (rows, {history}) is needed"
        raise DataError(problem, f"Give the last {history} values of each series, oldest first.")
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).any(axis=1).argmax())
        raise DataError("a value is missing or infinite", "Interpolate it.", where=f"row {row + 1} of the values")
    return values


def _from_frame(frame: Frame, dated: Dated, history: int) -> Floats:
    columns = dated.columns
    for name in (columns.target, columns.date, columns.group):
        if name is not None and name not in frame.data.columns:
            raise DataError(f"no column {name!r}", did_you_mean(name, frame.data.columns), where=frame.name)
    settings = DataSettings(target=columns.target, time_col=columns.date, group_col=columns.group)
    new = read_dated(frame, settings, dated.spacing)
    for strand in new.strands:
        if len(strand.values) < history:
            which = f"{strand.name!r} has " if strand.name else ""
            problem = f"{which}{dated.spacing.count(len(strand.values))}, and the last {history} are needed"
            raise DataError(problem, "Add the ones before.", where=frame.name)
    return np.stack([strand.values[-history:] for strand in new.strands])

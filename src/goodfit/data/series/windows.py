"""How a model sees a series: windows of past values, on a scale that does not move when the level does.

Counts drift by factors, jump at times and keep a weekly rhythm. So a window is put on a logarithmic scale, and
its own *level* (a mean of its last value and the one a season before the day to be predicted) is taken off; the
model predicts how far the next value will be from that level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

SOFTENED = 0.03
"""Below this share of the mean, counts are nearly linear rather than logarithmic: zeros are no abyss."""
LEVEL_WEIGHT = 0.1
"""How loudly the model hears the level, in standard deviations: at 1 it learns levels by heart and follows no shift."""
LAST_WEIGHTS = (0.25, 0.5, 0.75, 1.0)
STEEPEST = 60.0
"""Largest logarithm that is turned back into a count: an untrained model must not overflow."""


@dataclass(frozen=True)
class Window:
    """The map between counts and what a model sees, learnt on training windows alone.

    ``inputs`` keep the last ``history`` values: in place of the newest one (which level and the others tell)
    stands the level, and the others stand as signed logarithmic distances from it.
    """

    history: int
    season: int
    """Steps back to the value in the level beside the last one; 1 where the history does not reach a season."""
    last_weight: float
    soft: float
    centre: float
    width: float
    spread: float

    def inputs(self, windows: Floats) -> Tensor:
        """Past values (rows, history) in their own unit, oldest first, to model inputs of the same shape."""
        logs = self._log(windows)
        level = self._level(logs)
        seen = np.arcsinh((logs - level[:, None]) / self.spread)
        seen[:, -1] = LEVEL_WEIGHT * (level - self.centre) / self.width
        return torch.as_tensor(seen, dtype=torch.float32)

    def targets(self, windows: Floats, values: Floats) -> Tensor:
        """Values (rows,) that follow the windows to targets (rows, 1) in the model's space."""
        targets = (self._log(values) - self._level(self._log(windows))) / self.spread
        return torch.as_tensor(targets[:, None], dtype=torch.float32)

    def decode(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Outputs or targets (rows, 1) for inputs (rows, history) to values (rows,) in the series' own unit."""
        level = inputs[:, -1].double() * (self.width / LEVEL_WEIGHT) + self.centre
        logs = level + outputs[:, 0].double() * self.spread
        return logs.sign() * logs.abs().clamp(max=STEEPEST).expm1() * self.soft

    def _log(self, values: Floats) -> Floats:
        return _signed_log(values, self.soft)

    def _level(self, logs: Floats) -> Floats:
        return _level(logs, self.season, self.last_weight)


def learn_window(windows: Floats, values: Floats, season: int, soft: float) -> Window:
    """Fit the scale on training windows (rows, history) and the values (rows,) that followed them.

    ``soft`` is the count around which the logarithm begins, see `softness`. The level's mixture is the one
    nearest to the values in absolute terms. All values must not be equal.
    """
    history = windows.shape[1]
    season = season if season <= history else 1
    logs, following = _signed_log(windows, soft), _signed_log(values, soft)

    def error(weight: float) -> float:
        return float(np.abs(following - _level(logs, season, weight)).mean())

    best = min(LAST_WEIGHTS, key=error) if season > 1 else 1.0
    level = _level(logs, season, best)
    return Window(
        history=history,
        season=season,
        last_weight=best,
        soft=soft,
        centre=float(level.mean()),
        width=float(level.std()) or 1.0,
        spread=error(best) or 1.0,
    )


def softness(values: Floats) -> float:
    """Where the logarithm of values (n,) begins: a share of their mean size; 1 for zeros alone."""
    return SOFTENED * float(np.abs(values).mean()) or 1.0


def _signed_log(values: Floats, soft: float) -> Floats:
    return np.sign(values) * np.log1p(np.abs(values) / soft)


def _level(logs: Floats, season: int, last_weight: float) -> Floats:
    """Weighted mean (rows,) of each window's last value and of the one a season before the value to be predicted."""
    return last_weight * logs[:, -1] + (1 - last_weight) * logs[:, -season]

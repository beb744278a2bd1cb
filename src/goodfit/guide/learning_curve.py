"""How much more data would help: errors at a few sizes, a power law through them, and how far it may be trusted.

Held-out error falls with the number of rows n as a n^-b + c (Hestness et al. 2017, "Deep Learning Scaling is
Predictable, Empirically"; Viering & Loog 2023, "The Shape of Learning Curves: a Review", section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import t as student

from goodfit.core.errors import TrainingError
from goodfit.core.statistics import Estimate

Floats = NDArray[np.float64]

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
SEEDS = (0, 1, 2)
FEWEST_SIZES = 3
STEEPEST = 2.0
"""Largest exponent: measured ones lie between 0.05 and 0.5, and 1 to 2 where a simple rule is found."""
USUAL_SPREAD = 0.05
USUAL_WEIGHT = 2.0
"""Spread of an error's logarithm that is expected before any was seen, and how many errors that is worth."""
LEAST = 1e-4
"""Smaller errors count as this one: their logarithm has no end."""
FURTHEST = 100.0
"""Times the largest size: no law is believed beyond."""
WORTH = 0.02
"""Share of the error that more rows must surely take away to be called a help."""
NEAREST = 300
"""Laws around which the grid is drawn closer at least, as long as it is too coarse to hit those that are as good."""
GRID, ROUNDS = 31, 4
"""Values of each of the three parameters that are tried for the interval, and how often the grid is drawn closer."""


@dataclass(frozen=True)
class Reach:
    """How many rows an error would take: None where no number does, or none within reason; in words."""

    rows: Estimate | None
    words: str


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """error = a n^-b + c, fitted by least squares on the logarithm of the errors, with b > 0 and c >= 0.

    Intervals (95 %) are profiles: the smallest and the largest value that any law has which fits not much worse than
    the best one. Errors at all sizes that are judged on the same rows share the luck of those rows: the intervals hold
    for these rows.
    """

    a: float
    b: float
    c: float
    largest: float
    """The largest size that was measured."""
    laws: Floats = field(repr=False)
    """(laws, 3): a, b and c of the laws that fit not much worse."""

    def predict(self, rows: float) -> Estimate:
        """The error with so many rows."""
        return self._profiled(lambda law: _errors(law, rows))

    def gain(self, factor: float) -> Estimate:
        """How much lower the error is with ``factor`` times the largest size."""
        return self._profiled(lambda law: _errors(law, self.largest) - _errors(law, factor * self.largest))

    def rows_for(self, error: float) -> Reach:
        """The rows that this error takes. "Not reachable" is an answer, and in doubt the upper end is infinite."""
        if not error > 0:
            return Reach(None, "No number of rows takes an error to nothing.")
        found = self._profiled(lambda law: _rows(law, error))
        if not np.isfinite(found.value):
            level = f"The error seems to level off at {_percent(self.c)}, so that no number of rows takes it to"
            sure = found.low > FURTHEST * self.largest
            doubt = "." if sure else f"; but {_count(found.low)} rows are not excluded."
            return Reach(None, f"{level} {_percent(error)}{doubt}")
        if found.value > FURTHEST * self.largest:
            words = f"{_percent(error)} would take more than {FURTHEST:g} times the rows"
            return Reach(None, f"{words}, further than the measured errors tell.")
        if found.value <= self.largest:
            return Reach(found, f"{_percent(error)} is reached with the rows there are.")
        high = _count(found.high) if found.high <= FURTHEST * self.largest else "perhaps never"
        words = f"About {_count(found.value)} rows would take the error to {_percent(error)}"
        return Reach(found, f"{words} [{_count(found.low)}, {high}].")

    def in_words(self, factor: float = 2.0) -> str:
        """What more rows would do to the validation error."""
        now, then, gain = self.predict(self.largest), self.predict(factor * self.largest), self.gain(factor)
        times = "Twice the rows" if factor == 2 else f"{factor:g} times the rows"
        course = f"from {_percent(now.value)} to {_percent(then.value)} [{_ends(then)}]"
        if gain.value < WORTH * now.value:
            return f"{times} would hardly help: they would take the validation error {course}."
        if gain.low < WORTH * now.value:
            return f"{times} may help or not: they are guessed to take the validation error {course}."
        return f"{times} would take the validation error {course}."

    def _profiled(self, quantity: Callable[[Floats], Any]) -> Estimate:
        value = float(quantity(np.array([[self.a, self.b, self.c]]))[0])
        others = quantity(self.laws)
        return Estimate(value, min(value, float(others.min())), max(value, float(others.max())))


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Errors by size, and the law through them."""

    sizes: tuple[int, ...]
    errors: tuple[tuple[float, ...], ...]
    """Of each size, one a seed."""
    law: PowerLaw
    sentence: str


def learning_curve(
    train: Callable[[float, int], float],
    rows: int,
    *,
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = SEEDS,
    factor: float = 2.0,
) -> LearningCurve:
    """Ask how the error falls with the number of training rows.

    ``train(share, seed)`` trains on a share of the ``rows`` and gives the validation error (a share: of the rows, or of
    the best constant's error); each size is asked with every seed. The small sizes are trained first, the cheapest.
    `TrainingError` where fewer than three sizes gave errors that are numbers.
    """
    found = {share: tuple(train(share, seed) for seed in seeds) for share in sorted(shares)}
    sizes = tuple(max(1, round(share * rows)) for share in found)
    law = power_law(sizes, list(found.values()))
    return LearningCurve(sizes, tuple(found.values()), law, law.in_words(factor))


def power_law(sizes: Sequence[float], errors: Sequence[Sequence[float]]) -> PowerLaw:
    """The law through ``errors``, those of each size; errors that are no numbers are left out.

    `TrainingError` where they are of fewer than three sizes.
    """
    pairs = [(n, max(e, LEAST)) for n, each in zip(sizes, errors, strict=True) for e in each if np.isfinite(e)]
    n, logs = np.array([n for n, _ in pairs], dtype=float), np.log([e for _, e in pairs])
    if len(np.unique(n)) < FEWEST_SIZES:
        problem = f"A learning curve needs errors at {FEWEST_SIZES} sizes, and {len(np.unique(n))} gave any"
        raise TrainingError(problem, "Ask for more shares of the rows, or mend the training first.")
    best = _fitted(n, logs)
    return PowerLaw(*best, largest=float(n.max()), laws=_nearly_as_good(n, logs, np.array(best)))


def _fitted(n: Floats, logs: Floats) -> tuple[float, float, float]:
    """Least squares from several starts, over the error at the largest size, the exponent and the floor's share of it.

    In these terms the three are far less entangled than a, b and c are.
    """
    last = float(logs[n == n.max()].mean())
    span = float(np.ptp(logs)) + 1.0
    low, high = (last - span, 1e-3, 0.0), (last + span, STEEPEST, 1 - 1e-6)
    starts = [(last, exponent, floor) for exponent in (0.1, 0.5, 1.0) for floor in (0.01, 0.5)]
    tries = [least_squares(lambda p: _logs(p, n) - logs, start, bounds=(low, high)) for start in starts]
    found: Floats = min(tries, key=lambda each: each.cost).x
    a, b, c = _law(found[None], float(n.max()))[0].tolist()
    return a, b, c


def _nearly_as_good(n: Floats, logs: Floats, best: Floats) -> Floats:
    """Laws (any, 3) whose squares exceed the best law's by no more than one parameter's 95 % allows.

    Found on a grid that is drawn closer around them: the region is long, thin and bent.
    """
    sizes, which, counts = np.unique(n, return_inverse=True, return_counts=True)
    means = np.bincount(which, logs) / counts
    squares = float(((np.log(_errors(best[None], n[None])) - logs) ** 2).sum())
    freedom = max(0, len(n) - 3) + USUAL_WEIGHT
    variance = (squares + USUAL_WEIGHT * USUAL_SPREAD**2) / freedom
    # The squares about the mean of each size are the same for all laws.
    most = squares - float(((logs - means[which]) ** 2).sum()) + variance * float(student.ppf(0.975, freedom)) ** 2
    reach = 2 * np.sqrt(most / counts[-1])
    box = np.array([[means[-1] - reach, np.log(1e-3), np.log(1e-3)], [means[-1] + reach, np.log(STEEPEST), 0.0]])
    for _ in range(ROUNDS):
        axes = [np.linspace(low, high, GRID) for low, high in box.T]
        grid = np.stack([each.ravel() for each in np.meshgrid(*axes, indexing="ij")], axis=1)
        terms = np.stack([grid[:, 0], np.exp(grid[:, 1]), -np.expm1(grid[:, 2])])
        excess = (counts * (_logs(terms[..., None], sizes[None]) - means) ** 2).sum(axis=1)
        kept = excess <= most
        near = grid[excess <= max(most, np.partition(excess, NEAREST)[NEAREST])]
        step = (box[1] - box[0]) / (GRID - 1)
        box = np.stack([np.maximum(near.min(axis=0) - step, box[0]), np.minimum(near.max(axis=0) + step, box[1])])
    return np.concatenate([best[None], _law(terms.T[kept], float(n.max()))])


def _logs(terms: Any, n: Floats) -> Floats:
    """Logarithm of the errors; the terms are that of the error at the largest size, the exponent, the floor's share."""
    last, exponent, floor = terms
    return np.asarray(last + np.log((1 - floor) * (n / n.max()) ** -exponent + floor))


def _law(terms: Floats, largest: float) -> Floats:
    """a, b and c (laws, 3)."""
    last, exponent, floor = np.exp(terms[:, 0]), terms[:, 1], terms[:, 2]
    return np.stack([(1 - floor) * last * largest**exponent, exponent, floor * last], axis=1)


def _errors(laws: Floats, rows: Any) -> Floats:
    a, b, c = laws.T if np.ndim(rows) < 2 else laws.T[..., None]
    return np.asarray(a * rows**-b + c)


def _rows(laws: Floats, error: float) -> Floats:
    a, b, c = laws.T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(c < error, (a / np.maximum(error - c, 0)) ** (1 / b), np.inf)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if share >= 0.1 else f"{share:.1%}".replace("%", " %")


def _ends(estimate: Estimate) -> str:
    return ", ".join(_percent(end).removesuffix(" %") for end in (estimate.low, estimate.high))


def _count(rows: float) -> str:
    """Two digits are more than is known."""
    digits = max(0, int(np.log10(max(rows, 1))) - 1)
    return f"{round(rows / 10**digits) * 10**digits:,}"

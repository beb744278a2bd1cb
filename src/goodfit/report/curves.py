"""How a job trained as it was found and as it was mended: bands over seeds, placed for a drawing, and as a table.

Pure functions from the curves of a diagnosis; lengths are units of the picture, which is scaled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from goodfit.core.evidence import Curve, Diagnosis
from goodfit.report.words import MISSING, count, listed, number

WIDTH, HEIGHT = 400.0, 236.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 10.0, 40.0
STEEP = 12.0
"""Losses that differ by such a factor are drawn on a scale of powers of ten."""
DECADES = 3.0
"""Powers of ten below the largest loss that are shown at most."""
MOST_ROWS = 12

Part = Literal["train", "validation"]
PARTS: tuple[tuple[Part, str], ...] = (("train", "Training loss"), ("validation", "Validation loss"))


@dataclass(frozen=True)
class Tick:
    """A value on an axis and where it lies."""

    at: float
    text: str


@dataclass(frozen=True)
class Band:
    """Several seeds of one job: their middle as a line and what lies between lowest and highest as an area, both as
    paths of SVG; ``dots`` stand where an epoch has no neighbour to draw a line to.
    """

    changed: bool
    line: str
    area: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """The losses of one part of the data."""

    title: str
    told: str
    bands: tuple[Band, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclass(frozen=True)
class Losses:
    """The two charts share their scales; ``notes`` say what cannot be seen."""

    charts: tuple[Chart, ...]
    before: int
    """Seeds of the job as it was found."""
    after: int
    powers: bool
    notes: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """The same as a table: an epoch, then training and validation loss before, and both after."""


Spread = Mapping[int, tuple[float, float, float]]
"""By epoch: lowest, middle, highest loss over seeds."""


def losses(diagnosis: Diagnosis) -> Losses | None:
    """The charts of a diagnosis, None where it has no finite loss to show."""
    spreads = {
        (part, changed): _spread([each for each in diagnosis.curves if each.changed is changed], part)
        for part, _ in PARTS
        for changed in (False, True)
    }
    values = [value for spread in spreads.values() for three in spread.values() for value in three]
    if not values:
        return None
    scale = Scale.of(values, max(each.epochs[-1] for each in diagnosis.curves if each.epochs))
    sizes = [sum(each.changed is changed for each in diagnosis.curves) for changed in (False, True)]
    charts = tuple(_chart(title, part, spreads, scale) for part, title in PARTS)
    notes = _notes(diagnosis, spreads, sizes)
    if min(values) < scale.low:
        notes += (f"Losses below {number(scale.low, 2)} lie on the lower edge.",)
    return Losses(charts, sizes[0], sizes[1], scale.powers, notes, _rows(spreads))


@dataclass(frozen=True)
class Scale:
    """Places epochs and losses; ``powers`` where the loss is drawn on a scale of powers of ten."""

    low: float
    high: float
    epochs: int
    powers: bool

    @classmethod
    def of(cls, values: Sequence[float], epochs: int) -> Scale:
        low, high = min(values), max(values)
        powers = low > 0 and high / low > STEEP
        low = max(low, high / 10**DECADES) if powers else min(0.0, low)
        return cls(low, high if high > low else low + 1.0, epochs, powers)

    def x(self, epoch: float) -> float:
        share = (epoch - 1) / (self.epochs - 1) if self.epochs > 1 else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, loss: float) -> float:
        low, high, value = self.low, self.high, min(max(loss, self.low), self.high)
        if self.powers:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    def across(self) -> tuple[Tick, ...]:
        marks = [each for each in round_steps(1, self.epochs, 5) if each == int(each) and each > 1]
        return tuple(Tick(self.x(each), f"{each:,.0f}") for each in dict.fromkeys([1.0, *marks]))

    def up(self) -> tuple[Tick, ...]:
        marks = powers_of_ten(self.low, self.high) if self.powers else round_steps(self.low, self.high, 4)
        return tuple(Tick(self.y(each), _short(each)) for each in marks)


def round_steps(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between ``low`` and ``high``, about so many."""
    rough = (high - low) / about
    if not rough > 0 or not math.isfinite(rough):
        return [low]
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * each for each in (1, 2, 5, 10) if size * each >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [each * step for each in range(first, math.floor(high / step + 1e-9) + 1)]


def powers_of_ten(low: float, high: float) -> list[float]:
    """Powers of ten between ``low`` and ``high``, with 2 and 5 times them where there are few, each other of many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / 5))
    for factors in ((1,), (1, 3), (1, 2, 5)):
        marks = [each * 10.0**power for power in range(first, last + 1, every) for each in factors]
        found = [each for each in marks if low * 0.999 <= each <= high * 1.001]
        if len(found) >= 3:
            break
    return found


def _chart(title: str, part: Part, spreads: Mapping[tuple[Part, bool], Spread], scale: Scale) -> Chart:
    shown = [(changed, spreads[part, changed]) for changed in (False, True) if spreads[part, changed]]
    bands = tuple(_band(changed, spread, scale) for changed, spread in shown)
    ends = [
        f"{'as mended' if changed else 'as it was found'} from {number(spread[min(spread)][1])} in epoch {min(spread)} "
        f"to {number(spread[max(spread)][1])} in epoch {max(spread)}"
        for changed, spread in shown
    ]
    return Chart(title, f"{title} by epoch: {'; '.join(ends) or 'nothing finite'}.", bands, scale.across(), scale.up())


def _spread(curves: Iterable[Curve], part: Part) -> Spread:
    found: dict[int, list[float]] = {}
    for curve in curves:
        for epoch, loss in zip(curve.epochs, curve.train if part == "train" else curve.validation, strict=True):
            if math.isfinite(loss):
                found.setdefault(epoch, []).append(loss)
    return {epoch: (min(each), median(each), max(each)) for epoch, each in sorted(found.items())}


def _band(changed: bool, spread: Spread, scale: Scale) -> Band:
    places = [(scale.x(epoch), *(scale.y(value) for value in three)) for epoch, three in spread.items()]
    line = _path([(x, middle) for x, _, middle, _ in places])
    edges = [(x, high) for x, _, _, high in places] + [(x, low) for x, low, _, _ in reversed(places)]
    alone = len(places) == 1
    area = "" if alone else f"{_path(edges)}Z"
    return Band(changed, "" if alone else line, area, tuple((x, middle) for x, _, middle, _ in places if alone))


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _notes(diagnosis: Diagnosis, spreads: Mapping[tuple[Part, bool], Spread], sizes: Sequence[int]) -> tuple[str, ...]:
    found = []
    if sizes[0] and not spreads["train", False]:
        found.append("The job as it was found has no finite loss: it diverged in its first epoch.")
    elif any(not math.isfinite(loss) for each in diagnosis.curves for loss in (*each.train, *each.validation)):
        found.append("Epochs whose loss is not finite are left out: there the training diverged.")
    if diagnosis.treated is not None and any(name.startswith("task.loss") for name in diagnosis.treated.fields):
        found.append("The change touches the loss itself, so compare the shapes of the lines and not their heights.")
    words = zip(sizes, ("as it was found", "with the change"), strict=True)
    told = listed([f"{count(size, 'seed')} {how}" for size, how in words if size])
    return (f"Shown are {told}.", *found)


def _rows(spreads: Mapping[tuple[Part, bool], Spread]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    epochs = sorted({epoch for spread in spreads.values() for epoch in spread})
    kept = {round(each * (len(epochs) - 1) / (MOST_ROWS - 1)) for each in range(MOST_ROWS)}
    columns = [spreads[part, changed] for changed in (False, True) for part, _ in PARTS]
    chosen = epochs if len(epochs) <= MOST_ROWS else [epochs[each] for each in sorted(kept)]
    return tuple((epoch, tuple(_told(each.get(epoch)) for each in columns)) for epoch in chosen)


def _told(three: tuple[float, float, float] | None) -> str:
    if three is None:
        return MISSING
    low, middle, high = (number(each) for each in three)
    return middle if low == high else f"{middle} ({low} to {high})"


def _short(value: float) -> str:
    """As few digits as a round value needs."""
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.0e}".replace("e-0", "e−").replace("e-", "e−").replace("e+0", "e").replace("e+", "e")
    return f"{value:.6g}".replace("-", "−")

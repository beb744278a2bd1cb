"""How a model's outputs answer to rotation, scaling, shift, permutation and padding of its inputs.

Invariant: outputs stay. Equivariant: they change as the inputs do (Cohen & Welling 2016, "Group equivariant
convolutional networks"). Both are told apart from "hardly": exactly, to rounding, or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.probes.answers import FAINT, NAN, Answer, evaluation, rms
from goodfit.probes.positions import position_axes, real_positions
from goodfit.probes.transformations import Family, Layout, Transformation, transformations

Exactness = Literal["bit-exact", "within rounding", "no", "not asked"]

ROUNDING = 100
"""Times the precision of the weights' type, of the largest output: differences up to it may come from sums that are
added up in another order. Where larger numbers cancel inside the model, rounding is larger and reads as "no"."""

DIMENSIONS = {"images": (4,), "sequences": (2, 3), "series": (2, 3), "tables": (2,)}


@dataclass(frozen=True)
class Departure:
    """How far outputs are from what they would be. Shares are root mean squares over the spread of the outputs between
    rows: 0 is none, 1 as much as another row would differ. They have no unit."""

    share: float
    """nan: not asked, or the outputs hardly depend on the row"""
    error: float
    """Standard error of ``share`` over rows (delta method)."""
    exact: Exactness

    @property
    def none(self) -> bool:
        return self.exact in ("bit-exact", "within rounding")


NOT_ASKED = Departure(NAN, NAN, "not asked")


@dataclass(frozen=True)
class Response:
    """The answer to one change of the inputs."""

    family: Family
    name: str
    amount: float
    """In ``unit``; nan where the change has no size."""
    unit: str
    invariance: Departure
    """From outputs that stay as they were; not asked where the model refuses the changed inputs."""
    equivariance: Departure
    """From outputs that change alike; not asked where the outputs have no axis to which that could be done."""
    flips: float
    """Share of the rows (or points, where each has a class) whose predicted class changes; nan: outputs are no classes.
    A point's class goes with the point."""
    flips_error: float
    """Standard error over rows; 0 where no class, or every one, changes: true shares up to 3 / rows look like that."""

    @property
    def reading(self) -> Literal["invariant", "equivariant", "responds", "not asked"]:
        if self.invariance.exact == "not asked":
            return "not asked"
        return "invariant" if self.invariance.none else "equivariant" if self.equivariance.none else "responds"


@dataclass(frozen=True)
class Responses:
    """One line for each change."""

    layout: Layout
    rows: int
    table: tuple[Response, ...]

    def of(self, family: Family) -> tuple[Response, ...]:
        """The lines of one family of changes."""
        return tuple(each for each in self.table if each.family == family)


def responses(
    model: nn.Module, inputs: Tensor, *, layout: Layout | None = None, classes: bool = False, padding: float = 0
) -> Responses:
    """Change ``inputs`` in every way their layout allows, and see what becomes of the outputs, in evaluation.

    Layouts are ``images`` (rows, channels, height, width), ``sequences`` (rows, length[, features]) of codes or
    vectors, ``series`` of the same shape, and ``tables`` (rows, features). Unsaid, it is told by shape and type: two
    axes of whole numbers are sequences, of fractions tables; three axes are sequences or series likewise. With
    ``classes`` outputs are scores of classes over axis 1 (or one score, above 0, or 0.5 where all are shares).
    Positions at a row's end that hold nothing but ``padding`` stay as they are and do not count.

    Costs one forward pass a change, about 20 for images and 10 for the others.

    Raises:
        SettingsError: fewer than two rows, inputs that do not fit the layout, a model that refuses the plain inputs.
    """
    kind = _layout(inputs, layout)
    real = real_positions(inputs, padding) if kind in ("sequences", "series") else None
    with evaluation(model) as answer:
        plain = answer(inputs)
        if plain is None:
            raise SettingsError("The model does not accept the inputs", "Pass rows as it takes them in evaluation.")
        asked = _Asked(plain, kind, inputs.shape[1], real, classes, _precision(model))
        table = tuple(_response(each, asked, answer, inputs) for each in transformations(inputs, kind, real, padding))
    return Responses(kind, len(inputs), table)


@dataclass(frozen=True, eq=False)
class _Asked:
    """The plain outputs, and how to read those of the same model."""

    plain: Tensor
    layout: Layout
    length: int
    real: Tensor | None
    classes: bool
    precision: float

    @property
    def axis(self) -> int | None:
        """Of the outputs' positions. Scores (rows, classes) have none, even if there are as many as positions."""
        scores = self.classes and self.plain.dim() == 2
        axes = position_axes(self.plain, self.length) if self.real is not None and not scores else []
        return axes[0] if axes else None

    def arranged(self, outputs: Tensor) -> Tensor:
        """(rows, length, channels) where there are positions, else as they are."""
        if self.axis is None or outputs.dim() != self.plain.dim():
            return outputs
        return outputs.movedim(self.axis, 1).reshape(len(outputs), outputs.shape[self.axis], -1)

    def points(self, outputs: Tensor) -> Tensor:
        """(rows, points, channels) of arranged outputs; one point where they are of the whole row."""
        if self.layout == "images" and outputs.dim() == 4:
            return outputs.flatten(2).transpose(1, 2)
        return outputs if self.axis is not None else outputs.reshape(len(outputs), 1, -1)

    def predicted(self, outputs: Tensor) -> Tensor:
        """(rows, points): the class of each point of arranged outputs."""
        scores = self.points(outputs)
        if scores.shape[2] > 1:
            return scores.argmax(dim=2)
        shares = bool(((self.plain >= 0) & (self.plain <= 1)).all())
        return scores[..., 0] > (0.5 if shares else 0.0)

    def counted(self, points: Tensor) -> Tensor:
        """(rows, points): the points that are no padding."""
        if self.real is not None and self.axis is not None:
            return self.real
        return torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)


def _response(change: Transformation, asked: _Asked, answer: Answer, inputs: Tensor) -> Response:
    plain = asked.arranged(asked.plain)
    found = answer(change.apply(inputs))
    if found is not None:
        found = change.cropped(asked.arranged(found))
    moved = change.moved(plain)
    return Response(
        change.family,
        change.name,
        change.amount,
        change.unit,
        _departure(asked, plain, found),
        _departure(asked, moved, found),
        *_flips(asked, plain if moved is None or not change.places else moved, found),
    )


def _departure(asked: _Asked, expected: Tensor | None, found: Tensor | None) -> Departure:
    if expected is None or found is None or expected.shape != found.shape:
        return NOT_ASKED
    wanted, given = asked.points(expected), asked.points(found)
    counted = asked.counted(wanted)
    wanted, given = (torch.where(counted[..., None], each, 0.0) for each in (wanted, given))
    plain = asked.points(asked.arranged(asked.plain))
    apart = plain - plain[counted].mean(dim=0)
    spread = torch.where(counted[..., None], apart.square(), 0.0).flatten(1).sum(1)
    exact: Exactness = "no"
    if torch.equal(wanted, given):
        exact = "bit-exact"
    elif float((wanted - given).abs().max()) <= ROUNDING * asked.precision * float(wanted.abs().max()):
        exact = "within rounding"
    if not math.sqrt(float(spread.mean()) / plain[0].numel()) > FAINT * rms(plain):
        return Departure(NAN, NAN, exact)
    return Departure(*_root_ratio((wanted - given).square().flatten(1).sum(1), spread), exact)


def _root_ratio(parts: Tensor, wholes: Tensor) -> tuple[float, float]:
    """sqrt(sum of parts / sum of wholes) over rows, and its standard error by the delta method."""
    rows, whole = len(parts), float(wholes.mean())
    ratio = float(parts.mean()) / whole
    if ratio == 0 or not math.isfinite(ratio):
        return (0.0, 0.0) if ratio == 0 else (NAN, NAN)
    error = float((parts - ratio * wholes).std()) / math.sqrt(rows) / whole
    return math.sqrt(ratio), error / (2 * math.sqrt(ratio))


def _flips(asked: _Asked, expected: Tensor, found: Tensor | None) -> tuple[float, float]:
    if not asked.classes or found is None or expected.shape != found.shape:
        return NAN, NAN
    counted = asked.counted(asked.points(expected)).double()
    before, after = (asked.predicted(each) for each in (expected, found))
    flipped = ((before != after) * counted).sum(1) / counted.sum(1).clamp_min(1)
    return float(flipped.mean()), float(flipped.std()) / math.sqrt(len(flipped))


def _layout(inputs: Tensor, layout: Layout | None) -> Layout:
    """As asked for, or by shape and type."""
    flat: Layout = "tables" if inputs.is_floating_point() else "sequences"
    deep: Layout = "series" if inputs.is_floating_point() else "sequences"
    told: dict[int, Layout] = {2: flat, 3: deep, 4: "images"}
    kind = layout or told.get(inputs.dim())
    if kind not in DIMENSIONS or inputs.dim() not in DIMENSIONS[kind]:
        shape = tuple(inputs.shape)
        raise SettingsError(
            f"Inputs of shape {shape} are no {layout or 'known layout'}", f"Known: {', '.join(DIMENSIONS)}."
        )
    if len(inputs) < 2:
        raise SettingsError("Responses are compared with how much rows differ, and there is one row", "Pass more rows.")
    return kind


def _precision(model: nn.Module) -> float:
    """Of the coarsest type among the weights."""
    kinds = {each.dtype for each in model.parameters() if each.dtype.is_floating_point}
    return max((torch.finfo(each).eps for each in kinds), default=torch.finfo(torch.float32).eps)

"""Ways to change the rows of a batch, and what outputs that go along with the change would become.

Each is told by what it does to the inputs; nothing is known of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from goodfit.probes.positions import SEED, along, permutation

Layout = Literal["images", "sequences", "tables", "series"]
"""(rows, channels, height, width); (rows, length[, features]) of codes or vectors; (rows, features); (rows, length
[, features]) of numbers over time."""

Family = Literal["rotation", "scaling", "shift", "permutation", "padding"]

View = Callable[[Tensor], Tensor | None]
"""Outputs, or None where they have no axes to which it could be done."""

ANGLES = (15.0, 45.0)
"""Degrees by which pictures are turned beside 90 and 180."""
ZOOMS = (0.8, 1.25)
FACTORS = (0.5, 2.0)
STEPS = (1, 4)
"""Positions or pixels of a shift; a longer shift than a quarter of the axis is left out."""


def _same(outputs: Tensor) -> Tensor:
    return outputs


def _none(outputs: Tensor) -> None:
    return None


@dataclass(frozen=True, eq=False)
class Transformation:
    """One change of the inputs. Views get outputs as `responses` arranges them: maps (rows, channels, height, width),
    one answer a position (rows, length, channels), else as the model returns them."""

    family: Family
    name: str
    amount: float
    unit: str
    apply: Callable[[Tensor], Tensor]
    moved: View = _none
    """What becomes of outputs that change as the inputs do."""
    cropped: View = _same
    """Takes the outputs of the changed inputs back to the size of the plain ones."""
    places: bool = False
    """Points or positions are moved, and the labels they have go with them."""


def transformations(inputs: Tensor, layout: Layout, real: Tensor | None, padding: float) -> Iterator[Transformation]:
    """All that the shape and type of ``inputs`` allow; ``real`` (rows, length) marks positions that are no padding."""
    if layout == "images":
        yield from _of_images(inputs)
    elif layout == "tables":
        yield from _reordered("features", inputs, 1)
    elif real is not None:
        yield from _of_positions(inputs, real, padding)
    if inputs.is_floating_point():
        yield from _of_values(inputs, real)


def _of_images(inputs: Tensor) -> Iterator[Transformation]:
    high, wide = inputs.shape[-2:]
    for quarters in (1, 2) if high == wide else (2,):
        turn = partial(torch.rot90, k=quarters, dims=(-2, -1))
        yield Transformation("rotation", "rotation", 90.0 * quarters, "degrees", turn, _on_maps(turn), places=True)
    if inputs.is_floating_point():
        yield from _warps()
    for axis, size, where in ((-1, wide, "right"), (-2, high, "down")):
        for step in _steps(size):
            yield from _shifts(axis, size, step, where)
    yield from _reordered("channels", inputs, 1)
    if high * wide > 1:
        yield _pixels(high, wide)
    for step in _steps(min(high, wide)):
        more = partial(functional.pad, pad=(step,) * 4)
        crop = partial(_uncropped, sizes=(high, wide), step=step)
        yield Transformation("padding", "padding with zeros", float(step), "pixels", more, cropped=crop)


def _warps() -> Iterator[Transformation]:
    for angle in ANGLES:
        turn = partial(_warped, matrix=_rotation(angle))
        yield Transformation("rotation", "rotation", angle, "degrees", turn, _on_maps(turn), places=True)
    for factor in ZOOMS:
        zoom = partial(_warped, matrix=((1 / factor, 0.0), (0.0, 1 / factor)))
        yield Transformation("scaling", "scaling of the picture", factor, "times", zoom, _on_maps(zoom), places=True)


def _shifts(axis: int, size: int, step: int, where: str) -> Iterator[Transformation]:
    for name, change in (("around the edge", _rolled), ("edge repeated", _slid)):
        apply = partial(change, axis=axis, step=step)
        moved = _on_maps(partial(_shifted_map, change=change, axis=axis, size=size, step=step))
        yield Transformation("shift", f"shift {where}, {name}", float(step), "pixels", apply, moved, places=True)


def _pixels(high: int, wide: int) -> Transformation:
    order = _cycle(high * wide)

    def shuffled(values: Tensor) -> Tensor:
        return values.flatten(-2)[..., order.to(values.device)].view_as(values)

    def moved(outputs: Tensor) -> Tensor | None:
        return shuffled(outputs) if outputs.dim() == 4 and tuple(outputs.shape[-2:]) == (high, wide) else None

    return Transformation("permutation", "permutation of pixels", math.nan, "", shuffled, moved, places=True)


def _of_positions(inputs: Tensor, real: Tensor, padding: float) -> Iterator[Transformation]:
    length = inputs.shape[1]
    if length > 1:
        yield _indexed("permutation", "permutation of positions", math.nan, "", permutation(real))
    for step in _steps(length):
        name = "shift along positions, around the end"
        yield _indexed("shift", name, float(step), "positions", _later(real, step))
        more = partial(_appended, padding=padding, step=step)
        crop = partial(_shortened, length=length, step=step)
        yield Transformation("padding", "padding appended", float(step), "positions", more, cropped=crop)
    if inputs.dim() == 3:
        yield from _reordered("features", inputs, -1)


def _indexed(family: Family, name: str, amount: float, unit: str, index: Tensor) -> Transformation:
    """Positions of each row taken from ``index`` (rows, length)."""

    def moved(outputs: Tensor) -> Tensor | None:
        return along(outputs, index) if outputs.dim() == 3 and outputs.shape[1] == index.shape[1] else None

    return Transformation(family, name, amount, unit, partial(along, index=index), moved, places=True)


def _of_values(inputs: Tensor, real: Tensor | None) -> Iterator[Transformation]:
    """Larger and shifted numbers. Padding stays what it is."""
    kept = torch.ones_like(inputs, dtype=torch.bool)
    if real is not None:
        kept &= real.reshape(*real.shape, *(1,) * (inputs.dim() - 2))
    level = float(inputs[kept].double().std(correction=0))
    changes = [(factor, 0.0) for factor in FACTORS] + ([(1.0, level)] if level else [])
    for factor, shift in changes:
        apply = partial(_valued, kept=kept, factor=factor, shift=shift)
        moved = partial(_valued, kept=None, factor=factor, shift=shift)
        if shift:
            yield Transformation("shift", "shift of the values", shift, "units of the inputs", apply, moved)
        else:
            yield Transformation("scaling", "scaling of the values", factor, "times", apply, moved)


def _valued(values: Tensor, kept: Tensor | None, factor: float, shift: float) -> Tensor:
    changed = values * factor + shift
    return changed if kept is None else torch.where(kept, changed, values)


def _reordered(what: str, inputs: Tensor, axis: int) -> Iterator[Transformation]:
    """Of sequences the last axis, of all others axis 1; outputs have theirs in the same place."""
    size = inputs.shape[axis]
    order = _cycle(size)

    def reorder(values: Tensor) -> Tensor:
        return values.index_select(axis, order.to(values.device))

    def moved(outputs: Tensor) -> Tensor | None:
        return reorder(outputs) if outputs.dim() > 1 and outputs.shape[axis] == size else None

    if size > 1:
        yield Transformation("permutation", f"permutation of {what}", math.nan, "", reorder, moved)


def _steps(size: int) -> list[int]:
    return [each for each in STEPS if 4 * each <= size]


def _cycle(size: int) -> Tensor:
    """(size,): a random permutation that leaves nothing in its place."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(SEED))
    return torch.empty_like(order).scatter_(0, order, order.roll(1))


def _on_maps(change: View) -> View:
    return lambda outputs: change(outputs) if outputs.dim() == 4 else None


def _rotation(angle: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """From where each point is taken when a picture is turned counter-clockwise; y points down."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return (cosine, -sine), (sine, cosine)


def _warped(values: Tensor, matrix: tuple[tuple[float, float], tuple[float, float]]) -> Tensor:
    """Bilinear, about the middle, with the edge repeated beyond it."""
    high, wide = values.shape[-2:]
    (a, b), (c, d) = matrix
    theta = torch.tensor([[a, b * high / wide, 0.0], [c * wide / high, d, 0.0]], dtype=values.dtype)
    size = [len(values), 1, high, wide]
    grid = functional.affine_grid(theta.to(values.device).expand(len(values), 2, 3), size, align_corners=False)
    return functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _rolled(values: Tensor, axis: int, step: int) -> Tensor:
    return values.roll(step, axis)


def _slid(values: Tensor, axis: int, step: int) -> Tensor:
    index = (torch.arange(values.shape[axis], device=values.device) - step).clamp_min(0)
    return values.index_select(axis, index)


def _shifted_map(
    outputs: Tensor, change: Callable[[Tensor, int, int], Tensor], axis: int, size: int, step: int
) -> Tensor | None:
    """On a map that has fewer or more points than the picture; None where the shift there is no whole number."""
    own, rest = divmod(step * outputs.shape[axis], size)
    return None if rest else change(outputs, axis, own)


def _uncropped(outputs: Tensor, sizes: tuple[int, int], step: int) -> Tensor | None:
    """Without the border that was added to the picture."""
    if outputs.dim() != 4:
        return outputs
    grown = tuple(each + 2 * step for each in sizes)
    return outputs[..., step:-step, step:-step] if tuple(outputs.shape[-2:]) == grown else None


def _appended(values: Tensor, padding: float, step: int) -> Tensor:
    return torch.cat([values, torch.full_like(values[:, :1], padding).expand(-1, step, *values.shape[2:])], dim=1)


def _shortened(outputs: Tensor, length: int, step: int) -> Tensor | None:
    if outputs.dim() == 3 and outputs.shape[1] == length + step:
        return outputs[:, :length]
    return outputs


def _later(real: Tensor, step: int) -> Tensor:
    """(rows, length): from where each is filled when what is real moves on by ``step``, the last to the front."""
    places = torch.arange(real.shape[1], device=real.device).expand(real.shape)
    counts = real.sum(dim=1, keepdim=True).clamp_min(1)
    return torch.where(real, (places - step) % counts, places)

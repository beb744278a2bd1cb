"""The loss along one or two directions from the weights as they stand, and on the straight way between two runs.

Goodfellow, Vinyals & Saxe 2015, "Qualitatively characterizing neural network optimization problems"; Li et al. 2018,
"Visualizing the loss landscape of neural nets". Forward passes only: a point costs a third to a half of a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from goodfit.core.errors import SettingsError
from goodfit.core.task import Batch, Loss
from goodfit.probes.pieces import Pieces, pieces
from goodfit.probes.undisturbed import Mode, undisturbed
from goodfit.probes.weights import checked, filter_norms, flattened, move, shaped, trained, weight_vector

Floats = NDArray[np.float64]

SurfaceMode = Mode | Literal["recalculated"]
"""``no dropout``: each batch is normalised by its own statistics. ``recalculated``: at every point the running
statistics are first averaged over the batches and then used, as in evaluation; costs a second forward pass.
``eval`` keeps the running statistics of the origin, which are wrong for any other point."""

PARALLEL = 1e-6
"""Sine between two directions below which they span no plane in float32."""


@dataclass(frozen=True, eq=False)
class Slice1D:
    """The loss along a line. Position 0 is the origin, position 1 the origin plus the direction."""

    positions: Floats
    """(n,), in ``unit``"""
    losses: Floats
    """(n,); inf and nan are kept"""
    length: float
    """Euclidean length in the space of the weights of one unit of the axis."""
    unit: str

    @property
    def distances(self) -> Floats:
        """(n,): how far from the origin in the space of the weights, with sign."""
        return self.positions * self.length

    @property
    def barrier(self) -> float:
        """Highest rise of the loss above the straight line between its ends, 0 if there is none (Frankle et al. 2020,
        "Linear mode connectivity and the lottery ticket hypothesis"); nan unless all losses are finite."""
        share = (self.positions - self.positions[0]) / (self.positions[-1] - self.positions[0])
        if not np.isfinite(self.losses).all():
            return math.nan
        return max(0.0, float((self.losses - (1 - share) * self.losses[0] - share * self.losses[-1]).max()))


@dataclass(frozen=True, eq=False)
class Slice2D:
    """The loss on a plane. Position (0, 0) is the weights as they stood."""

    first: Floats
    """(n,), in ``unit``"""
    second: Floats
    """(m,), in ``unit``"""
    losses: Floats
    """(n, m); inf and nan are kept"""
    lengths: tuple[float, float]
    """Euclidean lengths in the space of the weights of one unit of each axis."""
    cosine: float
    """Between the two directions: 0 where the picture's right angle is one in the space of the weights."""
    unit: str


@dataclass(frozen=True, eq=False)
class TrainingPath:
    """A training, projected on the plane through the model's weights along two directions."""

    positions: Floats
    """(states, 2), in lengths of the directions; (0, 0) is the model's weights as they stand"""
    beside: Floats
    """(states,): Euclidean distance of each state from the plane"""
    explained: float
    """Share of the squared distances from the origin that lies in the plane; the rest is not in the picture."""
    directions: tuple[Tensor, Tensor]
    """(parameters,) each"""

    def spans(self, margin: float = 0.2) -> tuple[tuple[float, float], tuple[float, float]]:
        """The rectangle of `slice_2d` that holds path and origin, wider by ``margin`` of its size on each side."""
        with_origin = np.vstack([self.positions, np.zeros(2)])
        low, high = with_origin.min(axis=0), with_origin.max(axis=0)
        more = margin * np.maximum(high - low, 1e-3 * (high - low).max())
        (a, c), (b, d) = (low - more).tolist(), (high + more).tolist()
        return (a, b), (c, d)


def slice_1d(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    direction: Tensor | None = None,
    *,
    points: int = 21,
    span: tuple[float, float] = (-1.0, 1.0),
    mode: SurfaceMode = "no dropout",
    seed: int = 0,
) -> Slice1D:
    """The loss of all rows of ``batches`` at ``points`` steps along ``direction`` (parameters,).

    Without a direction it is a random one, filter-normalised. Several batches count as `goodfit.probes.pieces` weighs
    them. Costs a forward pass over all batches a point.

    Raises:
        SettingsError: no batch, too few points, an empty span, a direction of another size or of length zero.
    """
    ways, vectors, unit = _ways(model, (direction,), seed)
    positions = _positions(points, span)
    parameters = list(trained(model).values())
    origin = [each.detach().clone() for each in parameters]
    losses = []
    with _levels(model, loss, batches, mode, seed) as level:
        for step in positions:
            move(parameters, origin, ways[0], float(step))
            losses.append(level())
    return Slice1D(positions, np.array(losses), _length(vectors[0]), unit)


def slice_2d(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    directions: tuple[Tensor, Tensor] | None = None,
    *,
    points: int | tuple[int, int] = 21,
    spans: tuple[tuple[float, float], tuple[float, float]] = ((-1.0, 1.0), (-1.0, 1.0)),
    mode: SurfaceMode = "no dropout",
    seed: int = 0,
) -> Slice2D:
    """The loss of all rows of ``batches`` on a grid along two ``directions`` (parameters,) each.

    Without directions they are random ones, filter-normalised. n x m points cost n x m forward passes over all batches.

    Raises:
        SettingsError: as `slice_1d`; directions that are parallel.
    """
    ways, vectors, unit = _ways(model, directions or (None, None), seed)
    cosine = _cosine(*vectors)
    counts = (points, points) if isinstance(points, int) else points
    first, second = (_positions(count, span) for count, span in zip(counts, spans, strict=True))
    parameters = list(trained(model).values())
    origin = [each.detach().clone() for each in parameters]
    losses = np.empty((len(first), len(second)))
    with _levels(model, loss, batches, mode, seed) as level:
        for row, a in enumerate(first):
            base = [start.add(way, alpha=float(a)) for start, way in zip(origin, ways[0], strict=True)]
            for column, b in enumerate(second):
                move(parameters, base, ways[1], float(b))
                losses[row, column] = level()
    return Slice2D(first, second, losses, (_length(vectors[0]), _length(vectors[1])), cosine, unit)


def linear_interpolation(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    *,
    points: int = 21,
    span: tuple[float, float] = (0.0, 1.0),
    mode: SurfaceMode = "no dropout",
    seed: int = 0,
) -> Slice1D:
    """The loss on the straight way from one state dict (position 0) to another of the same model (position 1).

    Frozen weights move too. Of the buffers those of fractions are interpolated, others come from the nearer end; the
    statistics of normalisation layers are taken as ``mode`` says, because interpolated ones fit no point in between.

    Raises:
        SettingsError: as `slice_1d`; a state dict of another model, or two that are equal.
    """
    positions = _positions(points, span)
    with _levels(model, loss, batches, mode, seed) as level, torch.no_grad():
        state = {name: each for name, each in model.state_dict(keep_vars=True).items() if isinstance(each, Tensor)}
        start, end = (_copied(each, state) for each in (first, second))
        distance = _length(flattened((end[name] - start[name]).double() for name, _ in model.named_parameters()))
        if not distance:
            raise SettingsError("The two state dicts have the same weights", "Pass those of two runs or moments.")
        losses = []
        for step in positions:
            for name, each in state.items():
                each.copy_(_between(start[name], end[name], float(step)))
            losses.append(level())
    return Slice1D(positions, np.array(losses), distance, "share of the way")


def training_path(
    model: nn.Module, states: Sequence[Mapping[str, Tensor]], directions: tuple[Tensor, Tensor] | None = None
) -> TrainingPath:
    """Project a training's state dicts on the plane through the model's weights as they stand.

    Without directions it is the plane that holds most of the path: the first two principal components, of unit
    length, of the states' differences from these weights (Li et al. 2018, section 7). Holds all states in memory once.

    Raises:
        SettingsError: fewer than two states, states of another model, directions that span no plane.
    """
    if len(states) < 2:
        raise SettingsError(f"A path needs at least 2 states, and there are {len(states)}", "Keep more of them.")
    origin = weight_vector(model)
    away = torch.stack([weight_vector(model, each) - origin for each in states]).double()
    plane = _components(away) if directions is None else directions
    _cosine(*plane)
    basis = torch.stack([each.double().flatten() for each in plane], dim=1)
    positions = torch.linalg.lstsq(basis, away.T).solution
    beside = torch.linalg.vector_norm(away.T - basis @ positions, dim=0)
    total = float(away.square().sum())
    explained = 1 - float(beside.square().sum()) / total if total else math.nan
    return TrainingPath(positions.T.cpu().numpy(), beside.cpu().numpy(), explained, plane)


def filter_normalised(model: nn.Module, seed: int = 0) -> Tensor:
    """(parameters,): a random direction in which each filter is as long as the model's own (Li et al. 2018, section 4).

    Filters are all weights into one output unit or channel. Vectors (biases, gains) do not move, as in the source.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for parameter, norms in zip(trained(model).values(), filter_norms(model), strict=True):
        drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
        if norms is None:
            parts.append(torch.zeros_like(drawn))
            continue
        within = [axis for axis in range(drawn.dim()) if norms.shape[axis] == 1]
        parts.append(drawn * (norms / torch.linalg.vector_norm(drawn, dim=within, keepdim=True)))
    return flattened(parts)


@contextmanager
def _levels(
    model: nn.Module, loss: Loss, batches: Iterable[Batch], mode: SurfaceMode, seed: int
) -> Iterator[Callable[[], float]]:
    """A function that gives the loss of all rows at the weights as they stand when it is called."""
    inside: Mode = "no dropout" if mode == "recalculated" else mode
    level = partial(loss_level, pieces(model, loss, listed(batches), inside, seed))
    with ExitStack() as stack:
        stack.enter_context(undisturbed(model, inside))
        stack.enter_context(torch.no_grad())
        if mode != "recalculated":
            yield level
            return
        layers = [each for each in model.modules() if isinstance(each, _NormBase) and each.training]
        running = [each for each in layers if each.running_mean is not None]
        stack.enter_context(_averaging(running))
        yield partial(_recalculated, level, running)


def listed(batches: Iterable[Batch]) -> list[Batch]:
    """All batches, to be gone through more than once."""
    kept = list(batches)
    if not any(len(inputs) for inputs, _ in kept):
        raise SettingsError("There is no row to measure the loss on", "Pass at least one batch of inputs and targets.")
    return kept


def loss_level(source: Pieces) -> float:
    """The loss of all rows; random layers draw the same each time."""
    return sum(float(each) for each in source.losses())


def _recalculated(level: Callable[[], float], running: Sequence[_NormBase]) -> float:
    for each in running:
        each.reset_running_stats()
        each.training = True
    level()
    for each in running:
        each.training = False
    return level()


@contextmanager
def _averaging(layers: Sequence[_NormBase]) -> Iterator[None]:
    """Running statistics as plain averages over batches instead of fading ones."""
    before = [each.momentum for each in layers]
    for each in layers:
        each.momentum = None
    try:
        yield
    finally:
        for each, momentum in zip(layers, before, strict=True):
            each.momentum = momentum


def _ways(
    model: nn.Module, directions: Sequence[Tensor | None], seed: int
) -> tuple[list[list[Tensor]], list[Tensor], str]:
    """Each direction in the shapes of the parameters, and as a vector; and what one unit of the axes is."""
    parameters = list(trained(model).values())
    size = sum(each.numel() for each in parameters)
    random = all(each is None for each in directions)
    vectors = [filter_normalised(model, seed + i) if d is None else d.flatten() for i, d in enumerate(directions)]
    for each in vectors:
        if len(each) != size:
            raise SettingsError(f"A direction has {len(each)} entries, and {size} weights are trained")
        if not _length(each) > 0 or not bool(each.isfinite().all()):
            raise SettingsError("A direction has no length, or one that is not finite", "Pass another direction.")
    unit = "filter norms" if random else "lengths of the direction"
    return [shaped(each, parameters) for each in vectors], vectors, unit


def _positions(points: int, span: tuple[float, float]) -> Floats:
    low, high = span
    if points < 2 or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SettingsError(f"A slice needs at least 2 points from low to high, and got {points} from {low} to {high}")
    positions = np.linspace(low, high, points)
    positions[np.abs(positions) < 1e-9 * (high - low)] = 0.0  # the origin itself, not a rounding beside it
    return positions


def _length(vector: Tensor) -> float:
    return float(torch.linalg.vector_norm(vector.double()))


def _cosine(first: Tensor, second: Tensor) -> float:
    """Of the angle between two directions, which must not be parallel."""
    a, b = (each.double().flatten() / max(_length(each), 1e-300) for each in (first, second))
    cosine = float(a @ b)
    if not float(torch.linalg.vector_norm(b - cosine * a)) > PARALLEL:
        raise SettingsError("The two directions are parallel and span no plane", "Pass two that differ.")
    return cosine


def _components(away: Tensor) -> tuple[Tensor, Tensor]:
    """The first two right singular vectors of ``away`` (states, parameters), by way of its small Gram matrix."""
    values, vectors = torch.linalg.eigh(away @ away.T)
    if not float(values[-2]) > PARALLEL**2 * float(values[-1]):
        raise SettingsError("The states lie on one line and span no plane", "Pass two directions, or more states.")
    first, second = (away.T @ vectors[:, -1 - i] for i in range(2))
    return first / torch.linalg.vector_norm(first), second / torch.linalg.vector_norm(second)


def _copied(state: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the model at hand shares its memory with the weights that are about to be written."""
    checked(state, like)
    return {name: state[name].detach().to(each, copy=True) for name, each in like.items()}


def _between(first: Tensor, second: Tensor, step: float) -> Tensor:
    if first.is_floating_point() or first.is_complex():
        return torch.lerp(first, second, step)
    return first if step < 0.5 else second

"""Measurements that a person asks of a model or a job by name: `goodfit.critical_point`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from goodfit.core.errors import SettingsError
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng, seed_everything
from goodfit.core.task import Batch, Loss, Rows, count_of
from goodfit.intake import read_job
from goodfit.probes.critical import FLAT, ROUNDINGS, Escape, Scale, descent, escape, fresh, length, responsive
from goodfit.probes.curvature import told
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.spectrum import Signs, condition_at_least, condition_number, draws, exact_signs, signs
from goodfit.probes.undisturbed import Mode, trainable

Kind = Literal["not critical", "saddle", "flat", "no negative direction found"]

EXACT = 256
"""Parameters up to which the Hessian is written out in float64 and nothing is estimated."""
ROWS = 2048
"""Rows of a job's training data that are measured where no batch is named."""
MICRO = 512
"""Of them, rows in one pass."""
SHARES = (3, 16)
"""Draws, and products in each, from which the shares of positive and negative eigenvalues are estimated."""
SETTLED = 0.1
"""Of the lowest curvature, its residual: the way out of a saddle is then nearly the steepest."""
RADII = tuple(10.0 ** (power / 4) for power in range(-8, 3))
"""Lengths of the steps out of a saddle, relative to the length of the weights (or of fresh ones, if longer)."""


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """What kind of point the weights are at; printed, it is its sentence.

    A minimum is never claimed: that nothing curves down cannot be proven by products with some vectors.
    """

    kind: Kind
    sentence: str
    loss: float
    gradient_norm: float
    scale: Scale
    """What the gradient is judged by."""
    curvature: float = math.nan
    """The lowest found: v'Hv of `direction`. nan where the point is not critical."""
    residual: float = math.nan
    """|Hv - curvature v|: an eigenvalue lies within that distance. 0 but for rounding where `exact`."""
    direction: Tensor | None = None
    """(parameters,) unit vector in the order of the model's trainable parameters"""
    signs: Signs | None = None
    """Shares of positive and negative eigenvalues; ``signs.minimum_ratio`` is the lecture's."""
    condition: float = math.nan
    """Largest over smallest magnitude of the eigenvalues; a bound from below unless `exact`."""
    escape: Escape | None = None
    """For a saddle, the loss measured again along the direction."""
    exact: bool = False
    """All eigenvalues were computed, in float64."""
    products: int = 0

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, eq=False)
class _Point:
    """What is measured."""

    model: nn.Module
    loss: Loss
    batches: Sequence[Batch]
    mode: Mode
    seed: int

    def hessian(self, *, precise: bool = False) -> Hessian:
        single = len(self.batches) == 1
        return hessian(
            self.model, self.loss, self.batches, mode=self.mode, seed=self.seed, keep_graph=single, precise=precise
        )

    def in_double(self) -> Hessian | None:
        """None where a copy of the model cannot be made, or cannot compute in float64."""
        try:
            return self.hessian(precise=True)
        except Exception:
            return None


@dataclass(frozen=True, eq=False)
class _Curved:
    """What the Hessian showed."""

    curvature: float
    residual: float
    direction: Tensor
    negative: bool
    unseen: float
    signs: Signs
    condition: float
    exact: bool
    products: int


def critical_point(
    subject: nn.Module | Job | Mapping[str, Any],
    loss: Loss | None = None,
    inputs: Tensor | None = None,
    targets: Tensor | None = None,
    *,
    batch: Batch | Sequence[Batch] | None = None,
    model: nn.Module | None = None,
    products: int = 80,
    mode: Mode = "no dropout",
    seed: int = 0,
) -> CriticalPoint:
    """Is this a critical point of the loss, and of what kind: saddle, plateau, or nothing found that leads down?

    ``critical_point(model, loss, inputs, targets)``, or with ``batch=(inputs, targets)`` or a list of such pairs, which
    are measured together as one. ``critical_point(job)`` takes the mapping that `goodfit.diagnose` takes as keywords:
    its training rows (at most 2048, evenly spread) unless ``batch`` names others, and a fresh model unless ``model``
    is the trained one. ``products`` bounds the Hessian-vector products of the search. Nothing is changed.

    - *not critical*: the gradient is more than a tenth of that at fresh weights, or a step as long as fresh weights
      would change the loss by more than half of itself.
    - *saddle*: a direction of negative curvature, proven by a product of its own, in float64 where float32 leaves
      doubt; the loss is measured again along it.
    - *flat*: none, and the loss curves along fewer than half of the weights.
    - *no negative direction found*: the sentence says below what, and with how many products.

    Raises:
        SettingsError: for a subject without loss or rows, or without trainable parameters.
    """
    point = _point(subject, loss, inputs, targets, batch, model, mode, seed)
    if not trainable(point.model):
        raise SettingsError("The model has no trainable parameters", "Set requires_grad on what is to be learnt.")
    compared = fresh(point.model, point.loss, point.batches, mode=mode, seed=seed)
    operator = point.hessian()
    norm = length(operator.gradient)
    scale = compared.scale(norm, operator.loss)
    if not scale.small:
        return CriticalPoint("not critical", told(scale), operator.loss, norm, scale)
    return _curved(point, operator, scale, compared.weights, products)


def _curved(point: _Point, operator: Hessian, scale: Scale, fresh_length: float, products: int) -> CriticalPoint:
    """Of which kind a point with a small gradient is."""
    found = _exact(point, operator) if len(operator.gradient) <= EXACT else _searched(point, operator, products)
    share = responsive(operator, point.seed)
    kind: Kind = "saddle" if found.negative else "flat" if share < FLAT else "no negative direction found"
    out = _out(point, found.direction, fresh_length) if found.negative else None
    return CriticalPoint(
        kind=kind,
        sentence=f"{told(scale)}{_told(kind, found, share, out)}",
        loss=operator.loss,
        gradient_norm=length(operator.gradient),
        scale=scale,
        curvature=found.curvature,
        residual=found.residual,
        direction=found.direction,
        signs=found.signs,
        condition=found.condition,
        escape=out,
        exact=found.exact,
        products=found.products,
    )


def _exact(point: _Point, operator: Hessian) -> _Curved:
    """All eigenvalues of the matrix."""
    twin = point.in_double() or operator
    matrix = twin.dense()
    values, vectors = (each.numpy() for each in torch.linalg.eigh((matrix + matrix.T).cpu() / 2))
    direction = _upright(torch.from_numpy(vectors[:, 0])).to(operator.gradient)
    residual = length(matrix @ direction.double() - values[0] * direction.double())
    doubt = ROUNDINGS * torch.finfo(twin.gradient.dtype).eps * float(np.abs(values).max())
    return _Curved(
        curvature=float(values[0]),
        residual=residual,
        direction=direction,
        negative=bool(values[0] < -doubt),
        unseen=doubt,
        signs=exact_signs(values),
        condition=condition_number(values),
        exact=twin is not operator or twin.gradient.dtype is torch.float64,
        products=len(values),
    )


def _searched(point: _Point, operator: Hessian, products: int) -> _Curved:
    """As much as a few products tell."""
    found = descent(operator, products=products, settled=SETTLED, seed=point.seed, precise=point.in_double)
    runs = draws(operator, *SHARES, seed=point.seed + 1)
    return _Curved(
        curvature=found.value,
        residual=found.residual,
        direction=_upright(found.vector),
        negative=found.proven,
        unseen=found.unseen,
        signs=signs(runs),
        condition=max(map(condition_at_least, (found.run, *runs))),
        exact=False,
        products=found.products + sum(run.products for run in runs),
    )


def _upright(vector: Tensor) -> Tensor:
    """A direction has two senses: that in which its largest entry is positive."""
    return vector if vector[vector.abs().argmax()] >= 0 else -vector


def _out(point: _Point, direction: Tensor, fresh_length: float) -> Escape:
    here = math.hypot(*(length(each) for each in trainable(point.model).values()))
    size = max(here, fresh_length) or 1.0
    radii = [size * radius for radius in RADII]
    return escape(point.model, point.loss, point.batches, direction, radii, mode=point.mode, seed=point.seed)


def _told(kind: Kind, found: _Curved, share: float, out: Escape | None) -> str:
    if kind == "saddle" and out is not None:
        step = f"a step of {abs(out.step):.2g} along it lowers the loss by {out.gain:.2g} of itself"
        gain = step if out.gain > 0 else "but no step along it lowers the loss"
        return f", and one direction curves down ({found.curvature:.2g}): this is a saddle; {gain}."
    if kind == "flat":
        return f", and the loss curves along only {share:.0%} of the weights: this is a plateau."
    if found.exact:
        return f"; of all {found.products} eigenvalues none is below {-found.unseen:.2g}."
    return f"; no direction that curves down by more than {found.unseen:.2g} was found in {found.products} products."


def _point(
    subject: nn.Module | Job | Mapping[str, Any],
    loss: Loss | None,
    inputs: Tensor | None,
    targets: Tensor | None,
    batch: Batch | Sequence[Batch] | None,
    model: nn.Module | None,
    mode: Mode,
    seed: int,
) -> _Point:
    if (inputs is None) != (targets is None):
        raise SettingsError("Inputs and targets belong together. Got one of them")
    pairs = [(inputs, targets)] if inputs is not None and targets is not None else _pairs(batch)
    if isinstance(subject, nn.Module):
        if loss is None or not pairs:
            missing = "a loss" if loss is None else "rows"
            raise SettingsError(f"A model is measured by a loss on rows, and {missing} was not given", CALL)
        return _Point(subject, loss, pairs, mode, seed)
    if not isinstance(subject, Job | Mapping):
        raise SettingsError(
            f"A critical point is asked of a model or a job. Got {type(subject).__name__} instead", CALL
        )
    job = subject if isinstance(subject, Job) else read_job(subject)
    return _Point(model or _made(job, seed), loss or job.task.loss, pairs or _rows(job), mode, seed)


CALL = "Call critical_point(model, loss, inputs, targets), or critical_point(job)."


def _pairs(batch: Batch | Sequence[Batch] | None) -> list[Batch]:
    """One batch, or several: a pair of tensors is one."""
    if batch is None or not len(batch):
        return []
    given: Iterable[Any] = [batch] if isinstance(batch[0], Tensor) else batch
    pairs = [(each[0], each[1]) for each in given if len(each) == 2]
    if len(pairs) != len(list(given)) or not all(isinstance(part, Tensor) for pair in pairs for part in pair):
        raise SettingsError("The 'batch' must be (inputs, targets), two tensors, or a list of such pairs", CALL)
    return pairs


def _made(job: Job, seed: int) -> nn.Module:
    with preserved_rng():
        seed_everything(seed)
        return job.recipe.model()


def _rows(job: Job) -> list[Batch]:
    count = count_of(job.task.train)
    index = torch.linspace(0, count - 1, min(ROWS, count), dtype=torch.float64).round().long()
    return [_taken(job.task.train, part) for part in index.split(MICRO)]


def _taken(rows: Dataset[Batch], index: Tensor) -> Batch:
    """Some rows as one batch, put together as a loader does."""
    if isinstance(rows, Rows):
        return rows.batch(index)
    inputs, targets = default_collate([rows[i] for i in index.tolist()])
    return inputs, targets

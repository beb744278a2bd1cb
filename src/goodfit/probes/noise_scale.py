"""The gradient noise scale: the batch size from which on a larger batch brings little.

McCandlish, Kaplan, Amodei et al. 2018, "An empirical model of large-batch training", appendix A.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.core.probe import Cost, Need, Reading, Schedule, Sight
from goodfit.core.task import Loss
from goodfit.probes.undisturbed import trainable, undisturbed

SCHEDULE = Schedule(every=100)


@dataclass(frozen=True)
class NoiseScale:
    """What the gradients of the parts of one batch say."""

    value: float
    """tr(Sigma) / |G|^2 in rows, an estimate of the critical batch size; inf where the noise hides the gradient."""
    standard_error: float
    """By the jackknife over the parts."""
    gradient_square: float
    """|G|^2 of the true gradient, unbiased; zero or below: too noisy to say."""
    noise: float
    """tr(Sigma): the variance of one row's gradient, over all parameters."""
    rows: int
    parts: int

    @property
    def critical_batch_size(self) -> float:
        """With this batch a training takes twice the fewest updates and twice the fewest rows (section 2.3)."""
        return self.value


def noise_scale(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, *, parts: int = 8) -> NoiseScale:
    """The noise scale at the weights as they are, from the gradients of ``parts`` equal parts of one batch.

    ``loss`` must be a mean over the rows. The rows must be in random order; what does not fill a part is left out.
    """
    if parts < 3:
        raise SettingsError(f"parts must be at least 3 (a standard error is taken over them), got {parts}")
    if len(inputs) < parts:
        raise SettingsError(f"the batch has {len(inputs)} rows, too few for {parts} parts", "Give more rows.")
    small = len(inputs) // parts
    products = _products(
        model, loss, ((inputs[low : low + small], targets[low : low + small]) for low in range(0, small * parts, small))
    )
    return from_products(products, small)


def from_products(products: Tensor, small: int) -> NoiseScale:
    """From the inner products (parts, parts) of the mean gradients of parts of ``small`` rows each."""
    products = products.double().cpu()
    parts = len(products)
    square, noise = _moments(products, small)
    kept = [torch.arange(parts) != left for left in range(parts)]
    without = [_ratio(*_moments(products[each][:, each], small)) for each in kept]
    spread = torch.tensor(without, dtype=torch.float64)
    error = float(((parts - 1) / parts * (spread - spread.mean()).square().sum()).sqrt())
    return NoiseScale(_ratio(square, noise), error, square, noise, small * parts, parts)


def _moments(products: Tensor, small: int) -> tuple[float, float]:
    """|G|^2 and tr(Sigma), both unbiased: the mean inner product of two parts, and what a part has beyond it."""
    parts = len(products)
    alone = float(products.trace()) / parts
    square = (float(products.sum()) - alone * parts) / (parts * (parts - 1))
    return square, small * (alone - square)


def _ratio(square: float, noise: float) -> float:
    return noise / square if square > 0 else float("inf")


def _products(model: nn.Module, loss: Loss, batches: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    parameters = list(trainable(model).values())
    with undisturbed(model, "train"), torch.enable_grad():
        rows = [_gradient(loss(model(inputs), targets), parameters) for inputs, targets in batches]
    stacked = torch.stack(rows)
    return stacked @ stacked.T


def _gradient(value: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    found = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([(each.to_dense() if each.is_sparse else each).flatten() for each in found])


@dataclass(frozen=True, eq=False)
class NoiseScaleProbe:
    """`noise_scale` as a probe, for a loop whose steps carry targets; ``loss`` must be a mean over the rows."""

    loss: Loss
    parts: int = 8
    schedule: Schedule = SCHEDULE
    name: str = "noise_scale"
    unit: str = "rows"
    needs: frozenset[Need] = frozenset({Need.MICROBATCHES})
    cost: Cost = Cost.GRADIENT

    def measure(self, sight: Sight) -> Reading | None:
        inputs, targets = sight.inputs, sight.targets
        if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor) or len(inputs) < self.parts:
            return None
        found = noise_scale(sight.model, self.loss, inputs, targets, parts=self.parts)
        return Reading(("",), _one(found.value, inputs), _one(found.standard_error, inputs))


def _one(value: float, like: Any) -> Tensor:
    return torch.tensor([value], dtype=torch.float32, device=like.device)

"""The Hessian of a loss as an operator: products with vectors, exact, by a second backward pass.

Pearlmutter 1994, "Fast exact multiplication by the Hessian". The graph of the gradient is built once and kept, so
a product costs about two gradients, and memory for that graph is held as long as the operator lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from goodfit.core.task import Batch, Loss
from goodfit.probes.undisturbed import Mode, trainable, undisturbed


@dataclass(frozen=True, eq=False)
class Hessian:
    """Symmetric operator over all parameters that require a gradient, flattened in the order of the model.

    Dropout masks are those of the one forward pass: the operator is the same in each product. It dies with the
    first change of the weights (torch then refuses the product).
    """

    loss: float
    gradient: Tensor
    """(parameters,)"""
    parameters: tuple[nn.Parameter, ...]
    _slopes: tuple[Tensor | None, ...]

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with ``vector`` (parameters,), same shape and dtype as the gradient."""
        parts = vector.to(self.gradient.dtype).split([each.numel() for each in self.parameters])
        pairs = [
            (slope, part.view_as(slope))
            for slope, part in zip(self._slopes, parts, strict=True)
            if slope is not None and slope.requires_grad
        ]
        if not pairs:  # a loss linear in the weights
            return torch.zeros_like(self.gradient)
        slopes, weights = zip(*pairs, strict=True)
        with sdpa_kernel(SDPBackend.MATH):
            found = torch.autograd.grad(slopes, self.parameters, weights, retain_graph=True, allow_unused=True)
        return flat(found, self.parameters)


def hessian(
    model: nn.Module, loss: Loss, batches: Iterable[Batch], *, mode: Mode = "no dropout", seed: int = 0
) -> Hessian:
    """The Hessian of the mean loss over the rows of ``batches`` at the weights as they stand.

    Only attention's plain arithmetic has second derivatives in torch, so that backend is forced.
    """
    parameters = tuple(trainable(model).values())
    with undisturbed(model, mode), _dense(model), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        torch.manual_seed(seed)
        value = mean_loss(model, loss, batches)
        if not value.requires_grad or not parameters:
            none = (None,) * len(parameters)
            return Hessian(float(value), flat(none, parameters), parameters, none)
        slopes = torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)
    return Hessian(float(value.detach()), flat(slopes, parameters), parameters, slopes)


def mean_loss(model: nn.Module, loss: Loss, batches: Iterable[Batch]) -> Tensor:
    """Mean over all rows, as one scalar with its graph."""
    losses, rows = [], []
    for inputs, targets in batches:
        losses.append(loss(model(inputs.clone()), targets))
        rows.append(len(inputs))
    weights = torch.tensor(rows, dtype=losses[0].dtype, device=losses[0].device)
    return torch.stack(losses) @ (weights / weights.sum())


@contextmanager
def _dense(model: nn.Module) -> Iterator[None]:
    """Embeddings with ordinary gradients: sparse ones have no second derivatives."""
    sparse = [each for each in model.modules() if isinstance(each, nn.Embedding | nn.EmbeddingBag) and each.sparse]
    for module in sparse:
        module.sparse = False
    try:
        yield
    finally:
        for module in sparse:
            module.sparse = True


def flat(tensors: Iterable[Tensor | None], parameters: Iterable[nn.Parameter]) -> Tensor:
    """One vector of all ``tensors``, zeros where there is none."""
    pairs = zip(tensors, parameters, strict=True)
    parts = [torch.zeros_like(p).flatten() if each is None else each.detach().flatten() for each, p in pairs]
    return torch.cat(parts) if parts else torch.zeros(0)

"""The Hessian of a loss as an operator: products with vectors, exact, by a second backward pass.

Pearlmutter 1994, "Fast exact multiplication by the Hessian". The graph of the gradient is built once and kept, so
a product costs about two gradients, and memory for that graph is held as long as the operator lives.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from goodfit.core.errors import SettingsError, TrainingError, did_you_mean
from goodfit.core.task import Batch, Loss
from goodfit.probes.pieces import Pieces, measuring, pieces
from goodfit.probes.undisturbed import Mode, trainable

Slopes = tuple[Tensor | None, ...]

LARGEST_DENSE = 4096
"""Parameters up to which the matrix is written out: 134 MB in float64."""
STALE = "The weights were changed since the Hessian was made", "Make it anew."


@dataclass(frozen=True, eq=False)
class Hessian:
    """Symmetric operator over all parameters that require a gradient, flattened in the order of the model.

    Dropout masks are those of the one forward pass: the operator is the same in each product. It dies with the
    first change of the weights.
    """

    loss: float
    gradient: Tensor
    """(parameters,)"""
    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]
    _weights: tuple[Tensor, ...]
    """What the parameters were."""
    _slopes: Callable[[], Iterable[Slopes]]

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with ``vector`` (parameters,), same shape and dtype as the gradient.

        Raises:
            SettingsError: for a vector of another shape.
            TrainingError: where the weights were changed since.
        """
        if vector.shape != self.gradient.shape:
            wanted, got = tuple(self.gradient.shape), tuple(vector.shape)
            raise SettingsError(f"A product with the Hessian needs a vector of shape {wanted}. Got {got} instead")
        if not all(torch.equal(now, then) for now, then in zip(self.parameters, self._weights, strict=True)):
            raise TrainingError(*STALE)
        parts = vector.to(self.gradient.dtype).split([each.numel() for each in self.parameters])
        found = torch.zeros_like(self.gradient)
        for slopes in self._slopes():
            found += self._product(slopes, parts)
        return found

    def _product(self, slopes: Slopes, parts: Iterable[Tensor]) -> Tensor | float:
        pairs = [
            (slope, part.view_as(slope))
            for slope, part in zip(slopes, parts, strict=True)
            if slope is not None and slope.requires_grad
        ]
        if not pairs:  # a loss linear in the weights
            return 0.0
        grown, weights = zip(*pairs, strict=True)
        try:
            with sdpa_kernel(SDPBackend.MATH):
                found = torch.autograd.grad(grown, self.parameters, weights, retain_graph=True, allow_unused=True)
        except RuntimeError as error:
            if "inplace" not in str(error):
                raise
            raise TrainingError(*STALE) from error
        return flat(found, self.parameters)

    def block(self, *names: str) -> Hessian:
        """The diagonal block of some parameters, given by their names or by those of modules they belong to.

        Raises:
            SettingsError: for a name that no trainable parameter has.
        """
        for name in names:
            if not any(_within(each, name) for each in self.names):
                raise SettingsError(f"No trainable parameter is called {name!r}", did_you_mean(name, self.names))
        chosen = [i for i, each in enumerate(self.names) if any(_within(each, name) for name in names)]
        gradients = self.gradient.split([each.numel() for each in self.parameters])
        return Hessian(
            self.loss,
            torch.cat([gradients[i] for i in chosen]) if chosen else self.gradient[:0],
            tuple(self.names[i] for i in chosen),
            tuple(self.parameters[i] for i in chosen),
            tuple(self._weights[i] for i in chosen),
            lambda: (tuple(slopes[i] for i in chosen) for slopes in self._slopes()),
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the modules that hold parameters: what `block` takes, one layer each."""
        return tuple(dict.fromkeys(each.rpartition(".")[0] or each for each in self.names))

    def dense(self) -> Tensor:
        """The matrix (parameters, parameters) in float64, column by column: as exact as the operator's own type.

        Raises:
            SettingsError: above `LARGEST_DENSE` parameters.
        """
        size = len(self.gradient)
        if size > LARGEST_DENSE:
            problem = f"A Hessian of {size} parameters is not written out; the limit is {LARGEST_DENSE}"
            raise SettingsError(problem, "Ask a block of it, or its spectrum.")
        columns = [self(unit).double() for unit in torch.eye(size).to(self.gradient)]
        return torch.stack(columns, dim=1) if columns else torch.zeros(0, 0, dtype=torch.float64)


def hessian(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    *,
    mode: Mode = "no dropout",
    seed: int = 0,
    keep_graph: bool = True,
    precise: bool = False,
) -> Hessian:
    """The Hessian of the loss of all rows of ``batches`` together, at the weights as they stand.

    What is measured is ``loss`` as it would be on all rows at once: of a loss that sums it is the sum, of one that
    averages over tokens the average over all tokens. Batches of any size give the same operator, but for those
    normalisations and dropout masks that depend on the batch.

    ``keep_graph=False`` holds the graph of one micro-batch at a time and makes it anew in each product, which then
    costs four gradients instead of two. ``precise`` measures a copy of the model in float64.

    Raises:
        SettingsError: without rows, or where the loss compares rows and more than one batch is given.
    """
    if precise:
        model, loss, batches = doubled(model, loss, batches)
    source = pieces(model, loss, batches, mode, seed)
    named = trainable(model)
    parameters = tuple(named.values())
    level, gradient = 0.0, flat([None] * len(parameters), parameters)
    kept: list[Slopes] = []
    for value, slopes in _parts(source, parameters, graph=keep_graph):
        level += value
        gradient += flat(slopes, parameters)
        kept += [slopes] if keep_graph else []

    def again() -> Iterator[Slopes]:
        return (slopes for _, slopes in _parts(source, parameters, graph=True))

    weights = tuple(each.detach().clone() for each in parameters)
    return Hessian(level, gradient, tuple(named), parameters, weights, (lambda: kept) if keep_graph else again)


def _parts(source: Pieces, parameters: tuple[nn.Parameter, ...], *, graph: bool) -> Iterator[tuple[float, Slopes]]:
    """Loss and slopes of one micro-batch after the other."""
    with measuring(source.model, source.mode):
        for value in source.losses():
            none: Slopes = (None,) * len(parameters)
            asked = value.requires_grad and bool(parameters)
            slopes = torch.autograd.grad(value, parameters, create_graph=graph, allow_unused=True) if asked else none
            yield float(value.detach()), slopes


def doubled(model: nn.Module, loss: Loss, batches: Iterable[Batch]) -> tuple[nn.Module, Loss, list[Batch]]:
    """Copies in float64; the originals are not touched. Model and loss are copied together: they may share parts."""
    twin, judge = copy.deepcopy((model, loss))
    if isinstance(judge, nn.Module):
        judge.double()
    return twin.double(), judge, [(_double(inputs), _double(targets)) for inputs, targets in batches]


def _double(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


def _within(parameter: str, name: str) -> bool:
    return parameter == name or parameter.startswith(f"{name}.")


def flat(tensors: Iterable[Tensor | None], parameters: Iterable[nn.Parameter]) -> Tensor:
    """One vector of all ``tensors``, zeros where there is none."""
    pairs = zip(tensors, parameters, strict=True)
    parts = [torch.zeros_like(p).flatten() if each is None else each.detach().flatten() for each, p in pairs]
    return torch.cat(parts) if parts else torch.zeros(0)

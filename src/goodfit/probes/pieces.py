"""The loss of many rows as a weighted sum over micro-batches, whatever the loss averages over.

A loss is opaque: it may sum, average over rows, over the tokens that count, or over weights of classes. How much a
micro-batch's own loss counts in the loss of all rows is read off the slopes with respect to the outputs: those of the
whole are those of the part times that weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from goodfit.core.errors import SettingsError
from goodfit.core.task import IGNORED, Batch, Loss
from goodfit.probes.undisturbed import Mode, undisturbed

Reduction = Literal["mean", "sum", "other"]
"""What a loss does when each row is there twice: stay, double, something else."""

SAME = 1e-3
"""Relative difference up to which two losses, or slopes, are the same but for rounding."""
APART = 7919
"""Between the seeds of two micro-batches."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """``weights[i] * loss(batches[i])`` summed is the loss of all rows at once.

    Each batch has its own dropout masks, the same ones each time. A normalisation by the batch uses each
    micro-batch's own statistics, as accumulation in training does.
    """

    model: nn.Module
    loss: Loss
    batches: tuple[Batch, ...]
    mode: Mode
    seed: int
    weights: tuple[float, ...]

    def losses(self) -> Iterator[Tensor]:
        """One weighted loss after the other, to be asked inside `measuring`; what does not count is left out."""
        for index, ((inputs, targets), weight) in enumerate(zip(self.batches, self.weights, strict=True)):
            if weight:
                torch.manual_seed(self.seed + APART * index)
                value = self.loss(self.model(inputs.clone()), targets)
                yield value if weight == 1.0 else value * weight


def pieces(model: nn.Module, loss: Loss, batches: Iterable[Batch], mode: Mode, seed: int) -> Pieces:
    """One batch counts as it is; several cost one more forward pass.

    Raises:
        SettingsError: without batches, or where the loss of all rows is no weighted sum (rows are compared).
    """
    kept = tuple(batches)
    if not kept:
        raise SettingsError("A loss needs at least one batch of rows. Got none instead")
    if len(kept) == 1:
        return Pieces(model, loss, kept, mode, seed, (1.0,))
    with measuring(model, mode), torch.no_grad():
        torch.manual_seed(seed)
        outputs = [model(inputs.clone()) for inputs, _ in kept]
    return Pieces(model, loss, kept, mode, seed, shares(loss, outputs, [targets for _, targets in kept]))


@contextmanager
def measuring(model: nn.Module, mode: Mode) -> Iterator[None]:
    """The frame in which losses that are differentiated twice are made; nothing is changed by it.

    Of the kernels of attention only plain arithmetic has second derivatives in torch.
    """
    with undisturbed(model, mode), _dense(model), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        yield


def shares(loss: Loss, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[float, ...]:
    """How much the loss of each part counts in the loss of all; parts need not be equally long."""
    if _ragged(outputs) or _ragged(targets):
        return _counted(loss, outputs, targets)
    leaves = [each.detach().requires_grad_() for each in outputs]
    with torch.enable_grad():
        whole = torch.autograd.grad(loss(torch.cat(leaves), torch.cat(list(targets))), leaves)
        levels = [loss(each, part) for each, part in zip(leaves, targets, strict=True)]
        own = torch.autograd.grad(levels, leaves)
    counts = [bool(level.isfinite()) for level in levels]  # the mean over none of its positions is not a number
    found = [_share(part, alone) if some else 0.0 for part, alone, some in zip(whole, own, counts, strict=True)]
    known = [each for each in found if each is not None]
    return tuple(known) if len(known) == len(found) else _counted(loss, outputs, targets)


def reduction_of(loss: Loss, outputs: Tensor, targets: Tensor) -> Reduction:
    """Told by giving each row twice."""
    with torch.no_grad():
        once = float(loss(outputs, targets))
        twice = float(loss(torch.cat([outputs, outputs]), torch.cat([targets, targets])))
    if abs(twice - once) <= SAME * abs(once):
        return "mean"
    return "sum" if abs(twice - 2 * once) <= SAME * abs(once) else "other"


def _share(whole: Tensor, alone: Tensor) -> float | None:
    """None where there are no slopes to tell it by, as at a perfect fit."""
    if not bool(whole.any()):
        return 0.0 if bool(alone.any()) else None
    part, own = whole.flatten().double(), alone.flatten().double()
    share = float(part @ own / (own @ own))
    if not float(torch.linalg.vector_norm(part - share * own)) <= SAME * float(torch.linalg.vector_norm(part)):
        raise SettingsError("The loss compares rows: it is no sum over micro-batches", "Pass all rows as one batch.")
    return share


def _counted(loss: Loss, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[float, ...]:
    """By the targets that count, where parts are of different lengths or have no slopes."""
    if reduction_of(loss, outputs[0], targets[0]) == "sum":
        return (1.0,) * len(targets)
    counts = [each.numel() if each.is_floating_point() else int((each != IGNORED).sum()) for each in targets]
    return tuple(each / max(1, sum(counts)) for each in counts)


def _ragged(tensors: Sequence[Tensor]) -> bool:
    return len({each.shape[1:] for each in tensors}) > 1


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

"""What gradients, weights and updates say of each parameter: lengths, ratios, signal and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from goodfit.core.probe import Need, Quantity, Reading, Schedule, Sight

HALF = (torch.float16, torch.bfloat16)


def dense(gradient: Tensor) -> Tensor:
    """The values of a gradient: of a sparse one (an embedding's) those that are stored."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """(len(tensors),): the Euclidean length of each tensor, in one pass and without waiting for a device."""
    if not tensors:
        return torch.empty(0)
    dtypes = {each.dtype for each in tensors}
    dtype = torch.float32 if len(dtypes) > 1 or not dtypes.isdisjoint(HALF) else None  # halves are added up in single
    lengths = torch._foreach_norm(list(tensors), 2, dtype=dtype)
    try:
        return torch.stack(lengths)
    except RuntimeError:  # on several devices; asking each tensor for its device costs more than the stack
        return torch.stack([each.to(lengths[0].device) for each in lengths])


def update_ratios(updates: Tensor, weights: Tensor) -> Tensor:
    """(P,): length of the update over length of the weights; inf where weights are zero and move, nan if they rest."""
    return updates / weights


class Dots(NamedTuple):
    """Inner products of two gradients, parameter by parameter, (P,) each."""

    first: Tensor
    second: Tensor
    both: Tensor


def dots(first: Sequence[Tensor], second: Sequence[Tensor]) -> Dots:
    """The inner products of two gradients of the same parameters."""
    # Sums of products and not torch.dot: they need no copy of what does not lie in one piece.
    products = torch._foreach_mul(list(first), list(second))
    both = torch.stack([each.sum() for each in products])
    return Dots(norms(first).square(), norms(second).square(), both)


def signal_to_noise(found: Dots) -> Tensor:
    """(P,): |G|^2 over the noise's power, from two gradients of independent batches at (nearly) the same weights.

    The inner product has the expectation |G|^2 and half the squared distance that of the noise's power,
    tr(Sigma) / batch (McCandlish et al. 2018, appendix A.1, for two batches of one size). Zero or slightly below:
    the noise hides the gradient.
    """
    return found.both / ((found.first + found.second) / 2 - found.both)


def alignment(gradient: Tensor, vectors: Tensor) -> Tensor:
    """(k,): the share of the gradient's squared length along each vector; their sum is that in the whole space.

    ``gradient`` (P,), ``vectors`` (k, P) orthonormal, as eigenvectors are. A random direction has about 1 / P along
    each; early training lies almost wholly in the top eigenspace (Gur-Ari, Roberts and Dyer 2018). nan for no gradient.
    """
    along = vectors.double() @ gradient.double()
    return along.square() / gradient.double().square().sum()


def _gradient_norm(sight: Sight) -> Reading | None:
    return None if sight.gradient_norms is None else Reading(sight.parameters, sight.gradient_norms)


def _weight_norm(sight: Sight) -> Reading | None:
    return None if sight.weight_norms is None else Reading(sight.parameters, sight.weight_norms)


def _update_ratio(sight: Sight) -> Reading | None:
    if sight.update_norms is None or sight.weight_norms is None:
        return None
    return Reading(sight.parameters, update_ratios(sight.update_norms, sight.weight_norms))


def _gradient_snr(sight: Sight) -> Reading | None:
    if sight.previous is None or not sight.gradients:
        return None
    found = dots([dense(each) for each in sight.gradients], sight.previous)
    whole = Dots(*(torch.cat([each, each.sum()[None]]) for each in found))
    return Reading((*sight.parameters, ""), signal_to_noise(whole))


ALWAYS, SELDOM = Schedule(first=5), Schedule(every=200)
GRADIENT_NORM = Quantity("gradient_norm", frozenset({Need.GRADIENTS}), _gradient_norm, schedule=ALWAYS)
WEIGHT_NORM = Quantity("weight_norm", frozenset({Need.PARAMETERS}), _weight_norm, schedule=ALWAYS)
UPDATE_RATIO = Quantity("update_ratio", frozenset({Need.PARAMETERS, Need.UPDATES}), _update_ratio, schedule=ALWAYS)
GRADIENT_SNR = Quantity(
    "gradient_snr", frozenset({Need.GRADIENTS, Need.PREVIOUS_GRADIENTS}), _gradient_snr, schedule=SELDOM
)
"""Of each parameter against the update before; under the name ``""`` of all together."""

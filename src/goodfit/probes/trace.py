"""The trace of the Hessian: exact where the structure of the network allows it, else an estimate with its error.

Random signs are drawn at the outputs of layers, afresh for each row (`goodfit.probes.sites`), and for all other
weights at the weights, afresh for each group of rows. An estimate is the mean of v'Hv over passes (Hutchinson 1990).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from goodfit.core.errors import SettingsError
from goodfit.core.task import Loss
from goodfit.probes.pieces import measuring
from goodfit.probes.piecewise import bend
from goodfit.probes.sites import Call, Half, Recorder, Site, half, sites, uses
from goodfit.probes.undisturbed import Mode, trainable

PILOT = 3
"""Passes that show whether the rows have to be grouped; they do not count."""

FIRST = 8
"""Passes from which the spread is judged, and with it how many there will be (Stein 1945)."""

GROUP = 32
"""Positions (tokens, else rows) in a group: with fewer, passes cost more than they gain."""

MOST_GROUPS = 64

MOST_OUTPUTS = 64
"""With more outputs a row an estimate is cheaper than the exact trace."""

MOST_NUMBERS = 10**8
"""Of the loss's Hessian in the outputs, for the exact trace."""

ROUNDING = 4
"""Times the spacing of the outputs' numbers: an eigenvalue that is this small a share of the largest is none."""

Signs = Callable[[Sequence[int]], Tensor]


@dataclass(frozen=True)
class Trace:
    """A trace, and its share for each layer: value and standard error, which add up to the whole (the values do).

    The errors have ``degrees`` degrees of freedom: Student's t, not the normal distribution, gives intervals.
    """

    value: float
    standard_error: float
    passes: int
    """Backward passes of one output each if ``exact``, else products with a random vector."""
    exact: bool
    degrees: float
    layers: Mapping[str, tuple[float, float]]
    sentence: str

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Where the trace lies with probability ``level``."""
        reach = float(stats.t.ppf((1 + level) / 2, self.degrees)) * self.standard_error if self.standard_error else 0.0
        return self.value - reach, self.value + reach


@dataclass(frozen=True)
class NotExact:
    """Why a trace cannot be had exactly. It is false, so that ``exact_trace(...) or trace(...)`` works."""

    reason: str

    def __bool__(self) -> bool:
        return False


def exact_trace(
    model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, *, mode: Mode = "no dropout", seed: int = 0
) -> Trace | NotExact:
    """The trace from as many backward passes as a row has outputs, none of them with gradients of weights.

    For networks that are piecewise linear in each weight tensor (rectifiers, no tanh, no layer normalisation), whose
    weights are those of linear and convolution layers, each used once, and rows that do not depend on each other.
    The loss may be any.

    Raises:
        SettingsError: for no rows.
    """
    with measuring(model, mode):
        seen = _forward(model, loss, inputs, targets, 1, seed)
        return _exact(seen, MOST_NUMBERS // max(1, len(inputs)))


def trace(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    *,
    tolerance: float = 0.01,
    passes: int = 200,
    exact: bool = True,
    mode: Mode = "no dropout",
    seed: int = 0,
) -> Trace:
    """The trace, exact where that is possible and ``exact`` is true, else with a standard error.

    The first passes say how many are needed for a standard error of ``tolerance`` of the value; there are at most
    ``passes`` of them (2 or more). Nothing is decided after that, so that the error is honest: a mean that is looked
    at until it seems settled is not as sure as it says. Works for any network; where rows depend on each other
    (batch statistics) all share one random vector and many more passes are needed.

    Raises:
        SettingsError: for fewer than two passes, a tolerance that is not above zero, or no rows.
    """
    if passes < 2 or not tolerance > 0:
        raise SettingsError(f"A trace needs 2 passes and a tolerance above 0, not {passes} and {tolerance}")
    with measuring(model, mode):
        seen = _forward(model, loss, inputs, targets, 1, seed)
        found = _exact(seen, MOST_OUTPUTS**2) if exact else NotExact("it was not asked for")
        if isinstance(found, Trace):
            return found
        probing, signs = _probing(seen), _signs(seen.value, seed)
        groups = _groups(inputs) if seen.rest and seen.apart else 1
        if groups > 1 and _wanted(probing.passes(signs, PILOT).sum(1), tolerance) > FIRST:
            probing = _probing(_forward(model, loss, inputs, targets, groups, seed))
        return _estimate(probing, signs, tolerance, passes)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A forward pass of all rows, in groups that have copies of the weights, and what was found about it."""

    value: Tensor
    outputs: Tensor
    targets: Tensor
    loss: Loss
    weights: tuple[Mapping[str, Tensor], ...]
    """The trained ones, of each group"""
    uses: Counter[int]
    sites: tuple[Site, ...]
    apart: bool
    """No row depends on another."""

    @property
    def rest(self) -> dict[str, list[Tensor]]:
        """The weights that are used and not measured at a site, by name, one of each group."""
        covered = {id(each) for site in self.sites for each in site.weights}
        left = {
            name: [each[name] for each in self.weights if self.uses[id(each[name])] and id(each[name]) not in covered]
            for name in self.weights[0]
        }
        return {name: each for name, each in left.items() if each}


def _forward(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, groups: int, seed: int) -> _Seen:
    if not len(inputs):
        raise SettingsError("A trace needs at least one row. Got none instead")
    torch.manual_seed(seed)
    given = inputs.detach().clone()
    if given.is_floating_point():
        given.requires_grad_()
    calls, weights, outputs = [], [], []
    for part in given.tensor_split(groups):
        recorder, used = Recorder(), _weights(model, groups > 1)
        with recorder:
            outputs.append(model(part.clone()) if groups == 1 else functional_call(model, used, (part.clone(),)))
        calls.append(tuple(recorder.calls))
        weights.append(used)
    whole = outputs[0] if groups == 1 else torch.cat(outputs)
    value = loss(whole, targets)
    counted = uses(value)
    seen = _Seen(value, whole, targets, loss, tuple(weights), counted, (), False)
    if not isinstance(whole, Tensor) or not whole.requires_grad or not whole.dim() or len(whole) != len(given):
        return seen
    shared = any(isinstance(each, _BatchNorm) and each.training for each in model.modules())
    found = _looked_over(seen, given, calls, seed)
    return replace(found, apart=found.apart and not shared)


def _weights(model: nn.Module, copies: bool) -> dict[str, Tensor]:
    """The trained ones; copies are new leaves on the same memory."""
    return {name: each.detach().requires_grad_() if copies else each for name, each in trainable(model).items()}


def _looked_over(seen: _Seen, given: Tensor, calls: Sequence[tuple[Call, ...]], seed: int) -> _Seen:
    """What half of the outputs depends on: sites, if the loss does not compare rows."""
    halves = [half(len(part), given, seed) for part in given.tensor_split(len(calls))]
    chosen = Half(torch.cat([each.rows for each in halves]))
    change = chosen.change(seen.outputs)
    if not chosen.alone(_output_products(seen, [change])[0]):
        return seen
    asked = [each.output for group in calls for each in group]
    *answers, reached = _slopes(seen.outputs, [*asked, given], change)
    found = list[Site]()
    for group, each, used in zip(calls, halves, seen.weights, strict=True):
        names = {id(weight): name for name, weight in used.items()}
        found += sites(group, answers[: len(group)], each, names, seen.uses)
        answers = answers[len(group) :]
    apart = chosen.alone(reached) if reached is not None else len(found) == len(asked) > 0
    return replace(seen, sites=tuple(found), apart=apart)


def _slopes(outputs: Tensor, asked: Sequence[Tensor], change: Tensor) -> list[Tensor | None]:
    """Of the outputs times ``change`` with respect to each; those that need none have none."""
    wanted = [each for each in asked if each.requires_grad]
    if not wanted:
        return [None] * len(asked)
    found = iter(torch.autograd.grad(outputs, wanted, change, retain_graph=True, allow_unused=True))
    return [next(found) if each.requires_grad else None for each in asked]


def _output_products(seen: _Seen, vectors: Iterable[Tensor]) -> list[Tensor]:
    """Products of the Hessian of the loss in the outputs with vectors of their shape."""
    leaf = seen.outputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(seen.loss(leaf, seen.targets), leaf, create_graph=True)
    if not slope.requires_grad:
        return [torch.zeros_like(leaf) for _ in vectors]
    return [torch.autograd.grad(slope, leaf, each, retain_graph=True)[0] for each in vectors]


def _exact(seen: _Seen, most: int) -> Trace | NotExact:
    """``most``: numbers in the Hessian of the loss in one row's outputs."""
    reason = _obstacle(seen, most)
    if reason:
        return NotExact(reason)
    columns = _columns(seen) if seen.sites else []
    values = np.zeros(len(seen.sites))
    for change, weights in columns:
        answers = _slopes(seen.outputs, [each.call.output for each in seen.sites], change)
        for index, (site, answer) in enumerate(zip(seen.sites, answers, strict=True)):
            values[index] += 0.0 if answer is None else float(weights @ site.squares(answer))
    layers, member = _members([_layer(each.names[0]) for each in seen.sites])
    shares = {layer: (float(share), 0.0) for layer, share in zip(layers, values @ member, strict=True)}
    value = float(values.sum())
    why = "the network is piecewise linear in each of its weights"
    sentence = f"The trace is {value:.4g}, exactly, as {why}."
    return Trace(value, 0.0, len(columns), True, math.inf, shares, sentence)


def _obstacle(seen: _Seen, most: int) -> str:
    if not seen.sites and not seen.rest:
        return ""
    if not seen.sites:
        return "rows depend on each other, or no layer is one whose weights can be followed"
    if seen.outputs[0].numel() ** 2 > most:
        return f"a row has {seen.outputs[0].numel()} outputs, which are too many"
    if problem := bend(seen.outputs, {id(each) for used in seen.weights for each in used.values()}):
        return f"the network is not piecewise linear in each of its weights: {problem}"
    return f"the weights {', '.join(list(seen.rest)[:3])} cannot be followed" if seen.rest else ""


def _columns(seen: _Seen) -> list[tuple[Tensor, Tensor]]:
    """The loss's Hessian H in each row's outputs as a sum of d s s': pairs of s, as the outputs, and d (rows,).

    The most of d is 1; softmax has one pair fewer than classes.
    """
    flat = seen.outputs.detach().flatten(1)
    units = torch.eye(flat.shape[1], dtype=flat.dtype, device=flat.device)
    vectors = [each.expand_as(flat).reshape(seen.outputs.shape) for each in units]
    matrix = torch.stack([each.flatten(1) for each in _output_products(seen, vectors)], dim=1).double()
    found = torch.linalg.eigh((matrix + matrix.mT) / 2)
    roots = (found.eigenvectors * found.eigenvalues.abs().sqrt()[:, None]).to(flat.dtype)
    kept = found.eigenvalues.abs().amax(0) > ROUNDING * torch.finfo(flat.dtype).eps * found.eigenvalues.abs().max()
    return [
        (roots[..., place].reshape(seen.outputs.shape), found.eigenvalues[:, place].sign())
        for place in kept.nonzero().flatten().tolist()
    ]


@dataclass(frozen=True, eq=False)
class _Probing:
    """What is asked of the second derivatives: variables, how to draw at each, and its layer."""

    variables: tuple[Tensor, ...]
    draws: tuple[Callable[[Signs], Tensor], ...]
    layers: tuple[str, ...]
    slopes: tuple[Tensor, ...]

    def once(self, signs: Signs) -> NDArray[np.float64]:
        """v'Hv, the part of each variable: (variables,). The products of parts have a mean of zero."""
        if not self.variables:
            return np.zeros(0)
        vectors = [draw(signs) for draw in self.draws]
        found = torch.autograd.grad(self.slopes, self.variables, vectors, retain_graph=True, allow_unused=True)
        return np.array(
            [
                0.0 if image is None else float(torch.sum(vector * image, dtype=torch.float64))
                for vector, image in zip(vectors, found, strict=True)
            ]
        )

    def passes(self, signs: Signs, count: int) -> NDArray[np.float64]:
        """(count, variables)"""
        return np.array([self.once(signs) for _ in range(count)]).reshape(count, len(self.variables))


def _probing(seen: _Seen) -> _Probing:
    asked: list[tuple[Tensor, Callable[[Signs], Tensor], str]] = [
        (site.call.output, site.probe, _layer(site.names[0])) for site in seen.sites
    ]
    for name, weights in seen.rest.items():
        asked += [(each, partial(_at_weights, each), _layer(name)) for each in weights]
    if not asked:
        return _Probing((), (), (), ())
    slopes = torch.autograd.grad(seen.value, [each[0] for each in asked], create_graph=True, allow_unused=True)
    kept = [(*each, slope) for each, slope in zip(asked, slopes, strict=True) if slope is not None]
    kept = [each for each in kept if each[3].requires_grad]
    return _Probing(*map(tuple, zip(*kept, strict=True))) if kept else _Probing((), (), (), ())


def _at_weights(weight: Tensor, signs: Signs) -> Tensor:
    return signs(weight.shape).to(weight.dtype)


def _signs(like: Tensor, seed: int) -> Signs:
    """+1 and -1 with equal chances, independent, from bits."""
    generator = np.random.default_rng(seed)

    def signs(shape: Sequence[int]) -> Tensor:
        size = math.prod(shape)
        bits = np.unpackbits(np.frombuffer(generator.bytes(-(-size // 8)), np.uint8), count=size)
        return torch.from_numpy(bits).to(like.device, like.dtype).mul_(2).sub_(1).view(*shape)

    return signs


def _estimate(probing: _Probing, signs: Signs, tolerance: float, most: int) -> Trace:
    """In two stages: the spread of the first one says how many passes there are, and is the error (Stein 1945)."""
    first = probing.passes(signs, min(FIRST, most))
    wanted = min(most, _wanted(first.sum(1), tolerance))
    values = np.concatenate([first, probing.passes(signs, max(0, wanted - len(first)))])
    layers, member = _members(probing.layers)
    errors = (first @ member).std(0, ddof=1) / math.sqrt(len(values))
    parts = zip((values @ member).mean(0).tolist(), errors.tolist(), strict=True)
    error = float(first.sum(1).std(ddof=1)) / math.sqrt(len(values))
    value = float(values.sum(1).mean())
    sentence = _sentence(value, error, len(values), tolerance)
    return Trace(value, error, len(values), False, len(first) - 1, dict(zip(layers, parts, strict=True)), sentence)


def _members(names: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """The layers, and which of the variables belong to which: (variables, layers)."""
    layers = list(dict.fromkeys(names))
    return layers, np.array([[each == layer for layer in layers] for each in names], float).reshape(
        len(names), len(layers)
    )


def _layer(name: str) -> str:
    return name.rpartition(".")[0] or name


def _wanted(totals: NDArray[np.float64], tolerance: float) -> int:
    """Passes for a standard error of ``tolerance`` of the mean."""
    aim = (tolerance * abs(float(totals.mean()))) ** 2
    spread = float(totals.var(ddof=1))
    return (
        math.ceil(min(spread / aim, MOST_NUMBERS)) if aim > 0 and math.isfinite(spread) else MOST_NUMBERS * (spread > 0)
    )


def _groups(inputs: Tensor) -> int:
    sequence = inputs.dim() == 3 or (inputs.dim() == 2 and not inputs.is_floating_point())
    positions = len(inputs) * (inputs.shape[1] if sequence else 1)
    return max(1, min(MOST_GROUPS, len(inputs), positions // GROUP))


def _sentence(value: float, error: float, passes: int, tolerance: float) -> str:
    found = f"The trace is {value:.4g} with a standard error of {error:.2g} after {passes} products"
    if error <= 1.5 * tolerance * abs(value):
        return f"{found}."
    return f"{found}, which is more than the {tolerance:.2g} of it that was asked for: allow more of them."

"""What the trace of the Hessian costs, how right it is, and whether its interval holds it as often as it says.

Gradient-equivalents are CPU seconds over those of one gradient on the same batch, in turns with one thread. The truth
is found in other ways: from the matrix written out in float64 (s), from the Jacobians of all rows in float64 (a, b:
piecewise linear, so that the trace is that of the Gauss-Newton matrix), or from many products with random signs (c).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from bench.common import Row, parser, report
from bench.curvature import cost
from bench.curvature_peers import Answer
from bench.curvature_problems import NAMES, QUICK, Problem, problems
from bench.hessian_models import case, oracle
from goodfit.core.task import Loss
from goodfit.probes.hessian import doubled, hessian
from goodfit.probes.trace import exact_trace, trace

TOLERANCE = 0.01
EXACT = 1e-5
"""Relative error of a trace that calls itself exact, in float32."""
DENSE = 2000
"""Parameters up to which the matrix is written out."""
PRODUCTS = 400
"""For the truth where there is no other way."""
CHUNK = 16
"""Rows of which the Jacobians are held at once."""

DEAREST = {("a", "exact"): 8.0, ("a", "estimated"): 220.0, ("c", "estimated"): 70.0}
"""Most gradient-equivalents, by problem and way."""


class Asked(Protocol):
    """What a trace is asked of."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> nn.Module: ...
    @property
    def loss(self) -> Loss: ...
    @property
    def inputs(self) -> Tensor: ...
    @property
    def targets(self) -> Tensor: ...


@dataclass(frozen=True)
class Truth:
    value: float
    error: float = 0.0
    """Standard error, where it is an estimate itself"""


def truth(given: Problem, products: int = PRODUCTS) -> Truth:
    if given.size <= DENSE:
        return Truth(float(hessian(given.model, given.loss, given.batches, precise=True).dense().trace()))
    if exact_trace(given.model, given.loss, given.inputs, given.targets):
        return Truth(gauss_newton(given))
    return by_products(given, products)


def gauss_newton(given: Problem) -> float:
    """Of a mean cross-entropy, from the slopes of each row's outputs: J' (diag p - p p') J, in float64."""
    model, _, ((inputs, _),) = doubled(given.model, given.loss, given.batches)
    weights = {name: each.detach() for name, each in model.named_parameters()}

    def outputs(values: dict[str, Tensor], row: Tensor) -> Tensor:
        return functional_call(model, values, (row[None],))[0]

    total = 0.0
    for rows in inputs.split(CHUNK):
        jacobian = vmap(jacrev(outputs), (None, 0))(weights, rows)
        chances = model(rows).detach().softmax(1)
        for each in jacobian.values():
            slopes = each.flatten(2)
            mean = (chances[..., None] * slopes).sum(1)
            total += float((chances * slopes.square().sum(2)).sum() - mean.square().sum())
    return total / len(inputs)


def by_products(given: Problem, count: int) -> Truth:
    """Random signs for all weights and rows at once (Hutchinson 1990)."""
    operator = hessian(given.model, given.loss, given.batches)
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(count):
        signs = torch.randint(0, 2, operator.gradient.shape, generator=generator).mul(2).sub(1).to(operator.gradient)
        found.append(float(signs.double() @ operator(signs).double()))
    return Truth(float(np.mean(found)), float(np.std(found, ddof=1)) / math.sqrt(count))


def exactly(given: Problem) -> Answer:
    found = exact_trace(given.model, given.loss, given.inputs, given.targets)
    return Answer(found.passes, (found.value,)) if found else Answer(0)


def estimated(given: Problem) -> Answer:
    found = trace(given.model, given.loss, given.inputs, given.targets, tolerance=TOLERANCE, exact=False)
    return Answer(found.passes, (found.value, found.standard_error))


def exact_rows(given: Problem, known: Truth, rounds: int) -> list[Row]:
    """None where the structure does not allow it."""
    if not exactly(given).values:
        return []
    found, ratio, interval = cost(given, exactly, rounds)
    return [
        bounded(f"{given.name}: exact trace, error", abs(found.values[0] / known.value - 1), EXACT, "relative"),
        bounded(f"{given.name}: exact trace, cost", ratio, DEAREST.get((given.name, "exact")), "gradients", interval),
    ]


def estimated_rows(given: Problem, known: Truth, rounds: int) -> list[Row]:
    found, ratio, interval = cost(given, estimated, rounds)
    value, error = found.values
    name = f"{given.name}: estimated trace"
    reach = 3 * math.hypot(TOLERANCE, known.error / known.value)
    return [
        Row(f"{name}, products", found.products),
        bounded(f"{name}, standard error", error / value, None, "relative"),
        bounded(f"{name}, error", abs(value / known.value - 1), reach, "relative"),
        bounded(f"{name}, cost", ratio, DEAREST.get((given.name, "estimated")), "gradients", interval),
    ]


def coverage_row(given: Asked, known: float, tolerance: float, trials: int, mode: str = "no dropout") -> Row:
    """How many of the 95 % intervals hold the truth, each with a seed of its own."""
    ask = partial(trace, given.model, given.loss, given.inputs, given.targets, exact=False, tolerance=tolerance)
    hits = 0
    for seed in range(trials):
        low, high = ask(seed=seed, mode=mode).interval()  # type: ignore[arg-type]
        hits += low <= known <= high
    chance = binomtest(hits, trials).proportion_ci(0.95)
    name = f"{given.name}: intervals of {trials} traces to {tolerance:g} that hold the truth"
    goal = "0.95 within its interval"
    return Row(name, hits / trials, (chance.low, chance.high), "share", goal, chance.high >= 0.95)


def recurrent_row(trials: int) -> Row:
    """A network that is measured at its weights, not at outputs of layers."""
    given = case("GRU")
    return coverage_row(given, float(oracle(given).trace()), 0.2, trials, "eval")


def bounded(name: str, value: float, most: float | None, unit: str, interval: tuple[float, float] | None = None) -> Row:
    if most is None:
        return Row(name, value, interval, unit)
    return Row(name, value, interval, unit, f"<= {most:.2g}" if most < 1 else f"<= {most:g}", value <= most)


COVERED = {"s": 0.002, "a": 0.02}
"""Tolerances at which some traces end with their first passes and others do not."""


def rows(given: Sequence[Problem], quick: bool) -> list[Row]:
    """Every figure of the trace on these problems."""
    found, rounds = [], 3 if quick else 5
    for each in given:
        known = truth(each)
        found += [Row(f"{each.name}: trace", known.value, _reach(known)), *exact_rows(each, known, rounds)]
        found += estimated_rows(each, known, rounds)
        if each.name in COVERED and (each.name == "s" or not quick):
            found.append(coverage_row(each, known.value, COVERED[each.name], 100))
    return [*found, recurrent_row(100)]


def _reach(known: Truth) -> tuple[float, float] | None:
    return (known.value - 2 * known.error, known.value + 2 * known.error) if known.error else None


def main(given: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "").parse_args(given)
    torch.set_num_threads(1)
    report("Trace of the Hessian", rows(problems(QUICK if options.quick else NAMES), options.quick), options.out)


if __name__ == "__main__":
    main()

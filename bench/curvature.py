"""What curvature costs and how right it is, on networks partly trained (bench/curvature_problems.py).

Products with the Hessian are counted, exactly. Gradient-equivalents are CPU seconds over those of one gradient on the
same batch, measured in turns with one thread; they include building the graph. Errors are against a float64 run of
Lanczos that has converged. ``--peers`` adds other tools, where installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.stats import norm
from torch import nn

from bench.common import Row, in_turns, parser, ratios, report
from bench.curvature_peers import PEERS, Answer, Counted
from bench.curvature_problems import NAMES, QUICK, Problem, digits, problems
from goodfit.probes.critical import descent
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.lanczos import extremes, lanczos, largest_within, quotient, smallest_within
from goodfit.probes.spectrum import density, draws, largest, random_vector

ENOUGH = 150
"""Products that no search here may need more of."""
CLOSE = 0.01
"""Relative error that is asked for."""
REFERENCE = 1e-6
"""Relative residual of the float64 reference."""
GRADIENTS = 5
"""Gradients in one timing: a single one is too short on the small problem."""
CONVEX = 10
PEER_ROUNDS = 2
"""Peers take minutes where this takes seconds."""

GOALS: dict[tuple[str, str], tuple[int | None, int]] = {
    ("a", "largest"): (None, 18),
    ("b", "largest"): (None, 18),
    ("c", "largest"): (None, 18),
    ("a", "both ends"): (32, 90),
    ("c", "both ends"): (80, 200),
    ("a", "top five"): (None, 60),
    ("c", "top five"): (None, 60),
    ("a", "density"): (80, 180),
    ("c", "density"): (80, 180),
    ("a", "saddle"): (None, 30),
    ("c", "saddle"): (None, 30),
}
"""By problem and quantity: most products, most gradient-equivalents."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Eigenvalues in float64."""

    smallest: float
    top: tuple[float, ...]
    """The five largest, descending"""
    operator: Hessian
    every: np.ndarray | None = None
    """All of them, where the matrix can be written out"""


Ask = Callable[[Problem], Answer]


def truth(given: Problem) -> Truth:
    """Once for each problem; the costliest part of this benchmark."""
    operator = hessian(given.model, given.loss, given.batches, precise=True)
    if given.size <= 2000:
        every = torch.linalg.eigvalsh(operator.dense()).numpy()
        return Truth(float(every[0]), tuple(every[:-6:-1].tolist()), operator, every)
    both = (largest_within(REFERENCE, 5), smallest_within(REFERENCE))
    run = lanczos(operator, random_vector(operator, 0), 300, lambda ritz: all(stop(ritz) for stop in both))
    values = run.ritz.values
    return Truth(float(values[0]), tuple(values[:-6:-1].tolist()), operator)


def _asked(given: Problem) -> tuple[Hessian, Counted]:
    operator = hessian(given.model, given.loss, given.batches)
    return operator, Counted(operator)


def find_largest(given: Problem, count: int = 1) -> Answer:
    operator, _ = _asked(given)
    run = largest(operator, count, products=ENOUGH, tolerance=CLOSE)
    return Answer(run.products, tuple(run.ritz.values[-count:].tolist()))


def find_smallest(given: Problem) -> Answer:
    operator, counted = _asked(given)
    run = lanczos(counted, random_vector(operator, 0), ENOUGH, smallest_within(CLOSE))
    value, _ = quotient(counted, run.vector(0))
    return Answer(counted.times, (value,))


def find_both(given: Problem) -> Answer:
    operator, counted = _asked(given)
    found = extremes(counted, random_vector(operator, 0), ENOUGH, CLOSE)
    return Answer(counted.times, (found.smallest, found.largest))


def find_density(given: Problem) -> Answer:
    operator, _ = _asked(given)
    runs = draws(operator, 2, 40)
    density(runs)
    return Answer(sum(run.products for run in runs))


def find_saddle(given: Problem) -> Answer:
    """A direction that is proven to curve down; the float64 operator is made only where float32 leaves doubt."""
    operator, _ = _asked(given)
    found = descent(
        operator, products=ENOUGH, precise=lambda: hessian(given.model, given.loss, given.batches, precise=True)
    )
    return Answer(found.products, (found.value,) if found.proven else ())


OURS: dict[str, Ask] = {
    "largest": find_largest,
    "smallest": find_smallest,
    "both ends": find_both,
    "top five": partial(find_largest, count=5),
    "density": find_density,
    "saddle": find_saddle,
}


def error(quantity: str, found: Sequence[float], known: Truth) -> float | None:
    """The largest relative error of the eigenvalues asked for."""
    wanted = {
        "largest": known.top[:1],
        "smallest": (known.smallest,),
        "both ends": (known.smallest, known.top[0]),
        "top five": known.top[::-1],
    }.get(quantity)
    if wanted is None or len(found) != len(wanted):
        return None
    return max(abs(a - b) / abs(b) for a, b in zip(found, wanted, strict=True))


def gradients(given: Problem) -> float:
    """CPU seconds of some gradients."""
    parameters = list(given.model.parameters())
    began = time.process_time()
    for _ in range(GRADIENTS):
        torch.autograd.grad(given.loss(given.model(given.inputs), given.targets), parameters)
    return time.process_time() - began


def cost(given: Problem, ask: Ask, rounds: int) -> tuple[Answer, float, tuple[float, float]]:
    """The answer, and its median cost in gradients with its quartiles."""
    answers: list[Answer] = []

    def timed() -> float:
        began = time.process_time()
        answers.append(ask(given))
        return time.process_time() - began

    found = in_turns({"task": timed, "gradients": lambda: gradients(given)}, rounds)
    ratio, (low, high) = ratios(found, "task", "gradients")
    return answers[-1], ratio * GRADIENTS, (low * GRADIENTS, high * GRADIENTS)


def quantity_rows(given: Problem, quantity: str, known: Truth, rounds: int, ask: Ask, tool: str = "") -> list[Row]:
    found, ratio, interval = cost(given, ask, rounds)
    name = f"{given.name}: {quantity}" + (f", {tool}" if tool else "")
    most, dearest = (None, None) if tool else GOALS.get((given.name, quantity), (None, None))
    rows = [
        _bounded(Row(f"{name}, products", found.products), most),
        _bounded(Row(f"{name}, cost", ratio, interval, "gradients"), dearest),
    ]
    off = error(quantity, found.values, known)
    if off is not None:
        rows.append(_bounded(Row(f"{name}, error", off, unit="relative"), None if tool else CLOSE))
    return rows


def _bounded(row: Row, most: float | None) -> Row:
    if most is None or row.value is None:
        return row
    return replace(row, goal=f"<= {most:g}", holds=row.value <= most)


def saddle_row(given: Problem, known: Truth) -> Row:
    """Whether the direction found curves down in float64 too."""
    operator, _ = _asked(given)
    found = descent(operator, products=ENOUGH)
    value, _ = quotient(known.operator, found.vector.double())
    holds = found.proven and value < 0
    return Row(
        f"{given.name}: saddle, curvature of its direction in float64", value, unit="v'Hv", goal="< 0", holds=holds
    )


def density_row(given: Problem, known: Truth) -> Row | None:
    """Share of the eigenvalues that the estimate puts in the wrong place, against the whole spectrum."""
    if known.every is None:
        return None
    operator, _ = _asked(given)
    found = density(draws(operator, 4, 40))
    exact = norm.pdf(found.points[:, None], known.every, found.width).mean(1)
    wrong = 0.5 * float(np.trapezoid(np.abs(found.values - exact), found.points))
    return _bounded(Row(f"{given.name}: density of 4 draws, misplaced share", wrong, unit="of the eigenvalues"), 0.1)


def convex_row(count: int = CONVEX) -> Row:
    """Softmax regression has no negative eigenvalue, and many that are zero: rounding must not be taken for one."""
    inputs, targets = digits()
    false = 0
    for seed in range(count):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = nn.Linear(64, 10)
        batches = [(inputs, targets)]
        operator = hessian(model, nn.functional.cross_entropy, batches)
        twin = partial(hessian, model, nn.functional.cross_entropy, batches, precise=True)
        false += descent(operator, products=60, seed=seed, precise=twin).proven
    return Row(f"false saddles on {count} convex problems", false, goal="0", holds=false == 0)


def peer_rows(given: Problem, known: Truth, rounds: int) -> list[Row]:
    rows = []
    for peer in PEERS:
        if peer.present:
            rows += quantity_rows(given, peer.quantity, known, rounds, peer.ask, peer.tool)
        else:
            rows.append(Row(f"{given.name}: {peer.quantity}, {peer.tool}", None, unit="not installed"))
    return rows


def rows(given: Problem, rounds: int, *, peers: bool = False) -> list[Row]:
    known = truth(given)
    found = [Row(f"{given.name}: smallest over largest eigenvalue", known.smallest / known.top[0])]
    for quantity, ask in OURS.items():
        found += quantity_rows(given, quantity, known, rounds, ask)
    found += [saddle_row(given, known), *filter(None, [density_row(given, known)])]
    return found + (peer_rows(given, known, PEER_ROUNDS) if peers else [])


def traced(given: Sequence[Problem], quick: bool) -> list[Row]:
    """The trace has a benchmark of its own; its rows stand here too."""
    from bench import traces  # it takes `cost` from here

    return traces.rows(given, quick)


def main(given: Sequence[str] | None = None) -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--peers", action="store_true", help="the tools of bench/peers.txt that are installed")
    options = arguments.parse_args(given)
    torch.set_num_threads(1)
    found = [convex_row(3 if options.quick else CONVEX)]
    chosen = problems(QUICK if options.quick else NAMES)
    for each in chosen:
        found += rows(each, 2 if options.quick else 5, peers=options.peers)
    report("Curvature", found + traced(chosen, options.quick), options.out)


if __name__ == "__main__":
    main()

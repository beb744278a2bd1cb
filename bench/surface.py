"""What a picture of the loss surface costs: an n x n slice in gradients, on problems a and c.

CPU time of this process, one thread, slice and gradients in turns. "floor" is the bare forward passes of that many
points, without writing weights: what no implementation that asks every point can go below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from bench.common import Row, in_turns, parser, ratios, report
from bench.curvature_problems import Problem, problem
from goodfit.probes import slice_2d
from goodfit.probes.sharpness import sharpness

GOAL = 0.4
"""Gradients a point."""
PAIRS, STEPS = 4, 4
"""Of the sharpness that is timed."""


def cpu(call: Callable[[], object], times: int = 1) -> float:
    """Seconds of this process's CPU that one call takes."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def gradient(made: Problem) -> None:
    parameters = list(made.model.parameters())
    torch.autograd.grad(made.loss(made.model(made.inputs), made.targets), parameters)


@torch.no_grad()
def forward(made: Problem) -> None:
    float(made.loss(made.model(made.inputs), made.targets))


def sharp(made: Problem) -> None:
    sharpness(made.model, made.loss, made.batches, steps=STEPS, pairs=PAIRS)


def measured(made: Problem, side: int, rounds: int) -> list[Row]:
    """Medians of the ratios within rounds."""
    points = side * side
    plane = partial(slice_2d, made.model, made.loss, made.batches, points=side)
    found = in_turns(
        {
            "gradient": partial(cpu, partial(gradient, made), max(3, points // 3)),
            "slice": partial(cpu, plane),
            "floor": partial(cpu, partial(forward, made), points),
            "sharpness": partial(cpu, partial(sharp, made)),
        },
        rounds,
    )
    value, (low, high) = ratios(found, "slice", "gradient")
    floor, between = ratios(found, "floor", "gradient")
    worst, spread = ratios(found, "sharpness", "gradient")
    per_point = value / points
    return [
        Row(
            f"{made.name}: {side} x {side} slice, a point",
            per_point,
            (low / points, high / points),
            "gradients",
            f"<= {GOAL}",
            per_point <= GOAL,
        ),
        Row(f"{made.name}: floor, a point", floor, between, "gradients"),
        Row(f"{made.name}: sharpness, {STEPS} steps and {PAIRS} pairs", worst, spread, "gradients"),
    ]


def rows(names: Sequence[str], side: int, rounds: int) -> list[Row]:
    return [row for name in names for row in measured(problem(name), side, rounds)]


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    torch.set_num_threads(1)
    side, rounds = (5, 5) if options.quick else (11, 9)
    report("Loss surface", rows(("a", "c"), side, rounds), options.out)


if __name__ == "__main__":
    main()

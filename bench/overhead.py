"""Step time under `goodfit.watch` against the bare loop with the same optimiser, by process CPU time on one thread.

Networks a and b with batches of 64 and c with batches of 16 (bench/curvature_problems.py), Adam as torch makes it. A
round times some steps of each variant in turn; a figure is the median of the ratios within the rounds. "again" is
the bare loop once more: what it differs from one is what the machine adds. "fresh" is a training of 200 steps from its
beginning to its end, with all that a watch does once: copies made, hooks set, the first five updates measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch

from bench.common import Row, in_turns, parser, ratios, report
from bench.curvature_problems import Problem, problem
from goodfit import watch

BATCHES = {"a": 64, "b": 64, "c": 16}
EVERY = {"every step": 1, "every 10 steps": 10}
FRESH = 200
"""Steps of a training that is timed as a whole."""


@dataclass(eq=False)
class Training:
    """A copy of the problem's network with an optimiser, watched throughout; a call makes ``steps`` more updates."""

    made: Problem
    batch: int
    steps: int
    every: int | None = None

    def __post_init__(self) -> None:
        self.model = deepcopy(self.made.model)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.watched = nullcontext() if self.every is None else watch(self.model, self.optimizer, every=self.every)
        self.watched.__enter__()

    def __call__(self) -> float:
        """CPU seconds of one step."""
        rows = torch.arange(len(self.made.inputs) // self.batch * self.batch).split(self.batch)
        began = time.process_time()
        for step in range(self.steps):
            index = rows[step % len(rows)]
            loss = self.made.loss(self.model(self.made.inputs[index]), self.made.targets[index])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return (time.process_time() - began) / self.steps


def fresh(made: Problem, batch: int, steps: int, every: int | None) -> float:
    """CPU seconds of one step of a training that begins and ends."""
    training = Training(made, batch, steps)
    began = time.process_time()
    with nullcontext() if every is None else watch(training.model, training.optimizer, every=every):
        training()
    return (time.process_time() - began) / steps


def whole(name: str, steps: int, rounds: int) -> Row:
    run = partial(fresh, problem(name), BATCHES[name], steps)
    found = in_turns({"bare": partial(run, None), "watched": partial(run, 10)}, rounds)
    value, interval = ratios(found, "watched", "bare")
    return Row(f"{name}: every 10 steps, fresh, {steps} steps", value, interval, "bare steps")


def figures(name: str, steps: int, rounds: int) -> list[Row]:
    make = partial(Training, problem(name), BATCHES[name], steps)
    runs: dict[str, Callable[[], float]] = {"bare": make(), "again": make()}
    runs |= {variant: make(every=every) for variant, every in EVERY.items()}
    found = in_turns(runs, rounds)
    bare = min(found["bare"])
    rows = [Row(f"{name}: bare step", bare * 1e3, None, "ms of CPU time")]
    for variant in ("again", *EVERY):
        value, interval = ratios(found, variant, "bare")
        goal = {"every step": 1.15 if name != "a" else 1.30, "every 10 steps": 1.05}.get(variant)
        holds = None if goal is None else value <= goal
        words = "" if goal is None else f"<= {goal:.2f}"
        rows.append(Row(f"{name}: {variant}", value, interval, "bare steps", words, holds))
    return rows


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    torch.set_num_threads(1)
    quick = {"a": (100, 15), "b": (20, 7), "c": (20, 7)}
    sizes = quick if options.quick else {"a": (200, 41), "b": (50, 31), "c": (50, 31)}
    rows = [row for name, (steps, rounds) in sizes.items() for row in figures(name, steps, rounds)]
    rows += [whole(name, FRESH, 3 if options.quick else 15) for name in (("a",) if options.quick else BATCHES)]
    report("Overhead of watching", rows, options.out)


if __name__ == "__main__":
    main()

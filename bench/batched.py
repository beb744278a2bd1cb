"""Many small networks at once: CPU time of `fit` one after another against `fit_many`, on scikit-learn's digits.

Multilayer perceptrons, batch 64, Adam, K seeds, one thread, A B A B; "seeds and rates" are K different rates as well.
Both do all that a fit does: set-up, batches, schedule, validation after each epoch, copies of the best weights. The
wide ones stand on both sides of the size up to which networks are stacked: there nothing may be lost. "Forced" stacks
all the same, and shows where that size comes from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from bench.common import Row, in_turns, parser, ratios, report
from goodfit.core.recipe import Recipe
from goodfit.core.task import ACCURACY, Rows, Signature, Task
from goodfit.models import mlp
from goodfit.training import fit, members
from goodfit.training.batched import fit_many

SIGNATURE = Signature((64,), 10)
SMALL = {8: 3.5, 32: 6.0}
"""Goal by number of networks of 64-32-10."""
NEVER_BELOW = 0.95
WIDE = ((64, 2, 8), (128, 2, 8), (256, 2, 2), (256, 2, 8), (256, 2, 32), (512, 2, 8), (1024, 2, 4))
"""Width, hidden layers, networks."""


def digits(rows: int = 1797) -> Task:
    data = load_digits()
    inputs = torch.as_tensor(data.data[:rows], dtype=torch.float32) / 16
    targets = torch.as_tensor(data.target[:rows])
    cut = int(0.8 * rows)
    train, held = Rows(inputs[:cut], targets[:cut]), Rows(inputs[cut:], targets[cut:])
    return Task("digits", "table", "classification", train, held, None, SIGNATURE, functional.cross_entropy, ACCURACY)


def recipes(count: int, width: int, depth: int, epochs: int, batch: int = 64, rates: bool = False) -> list[Recipe]:
    made = Recipe(partial(mlp, SIGNATURE, width=width, depth=depth), "adam", 1e-3, batch_size=batch, epochs=epochs)
    spread = [10 ** (-4 + 2 * index / count) if rates else 1e-3 for index in range(count)]
    return [replace(made, seed=seed, rate=rate) for seed, rate in enumerate(spread)]


def alone(task: Task, some: Sequence[Recipe]) -> float:
    """CPU seconds, one after another."""
    began = time.process_time()
    for recipe in some:
        fit(task, recipe)
    return time.process_time() - began


def together(task: Task, some: Sequence[Recipe], forced: bool = False) -> float:
    began = time.process_time()
    if forced:
        with patch.object(members, "LARGEST", 10**12):
            fit_many(task, some)
    else:
        fit_many(task, some)
    return time.process_time() - began


def speedup(task: Task, some: Sequence[Recipe], rounds: int, forced: bool = False) -> tuple[float, tuple[float, float]]:
    """How many times quicker together, median and quartiles of rounds."""
    runs: dict[str, Callable[[], float]] = {
        "alone": partial(alone, task, some),
        "together": partial(together, task, some, forced),
    }
    return ratios(in_turns(runs, rounds), "alone", "together")


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    torch.set_num_threads(1)
    rounds, epochs = (3, 10) if options.quick else (9, 20)
    task = digits()
    rows = []
    for count, goal in SMALL.items():
        value, interval = speedup(task, recipes(count, 32, 1, epochs), rounds)
        rows.append(Row(f"64-32-10, {count} seeds", value, interval, "x quicker", f">= {goal:g}", value >= goal))
        value, interval = speedup(task, recipes(count, 32, 1, epochs, rates=True), rounds)
        rows.append(Row(f"64-32-10, {count} seeds and rates", value, interval, "x quicker"))
    for width, depth, count in WIDE[:4] if options.quick else WIDE:
        some = recipes(count, width, depth, 2)
        name = "-".join(["64", *[str(width)] * depth, "10"])
        value, interval = speedup(task, some, min(rounds, 5))
        row = Row(f"{name}, {count} seeds", value, interval, "x quicker", f">= {NEVER_BELOW}", value >= NEVER_BELOW)
        rows.append(row)
        value, interval = speedup(task, some, min(rounds, 5), forced=True)
        rows.append(Row(f"{name}, {count} seeds, forced", value, interval, "x quicker"))
    for width, batch, count in ((32, 512, 8), (16, 8, 8), (32, 64, 2), (256, 16, 8), (128, 512, 8)):
        value, interval = speedup(task, recipes(count, width, 1, 2, batch), min(rounds, 5))
        goal = f">= {NEVER_BELOW}"
        name = f"64-{width}-10, {count} seeds, batch {batch}"
        rows.append(Row(name, value, interval, "x quicker", goal, value >= NEVER_BELOW))
    report("Many networks at once", rows, options.out)


if __name__ == "__main__":
    main()

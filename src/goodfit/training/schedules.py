"""Course of the learning rate: linear warm-up, then constant, steps, cosine or a straight line to zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from goodfit.core.recipe import Recipe


def constant(progress: float) -> float:
    return 1.0


def step(progress: float) -> float:
    """A tenth after half of the updates, a hundredth after three quarters (He et al. 2016)."""
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


def cosine(progress: float) -> float:
    """Half a cosine from one to zero (Loshchilov & Hutter 2017)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def linear(progress: float) -> float:
    return 1 - progress


SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "linear": linear,
}


def factor(name: str, update: int, total: int, warmup: float) -> float:
    """What the rate is multiplied by at ``update`` (from 0) of ``total``; the schedule begins where warm-up ends."""
    rising = round(warmup * total)
    if update < rising:
        return (update + 1) / rising
    return SCHEDULES[name](min(1.0, (update - rising) / max(1, total - rising)))


class Course:
    """Sets an optimiser's rates before the first update and after each one; a scheduler without a scheduler's cost."""

    def __init__(self, optimizer: Optimizer, name: str, total: int, warmup: float) -> None:
        self.optimizer, self.name, self.total, self.warmup = optimizer, name, total, warmup
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.update = -1
        self.step()

    def step(self) -> None:
        self.update += 1
        now = factor(self.name, self.update, self.total, self.warmup)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * now


class Warmed:
    """A person's own scheduler with a linear warm-up in front: its rates count for less while they are rising."""

    def __init__(self, scheduler: LRScheduler, optimizer: Optimizer, rising: int) -> None:
        self.scheduler, self.optimizer, self.rising = scheduler, optimizer, rising
        self.update = 0
        self.scale()

    def step(self) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate  # the scheduler may work on the rate it finds
        self.scheduler.step()
        self.update += 1
        self.scale()

    def scale(self) -> None:
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        now = min(1.0, (self.update + 1) / max(1, self.rising))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * now


def build_schedule(recipe: Recipe, optimizer: Optimizer, total: int) -> Course | Warmed | LRScheduler:
    """The scheduler of a recipe, to be stepped once an update."""
    if isinstance(recipe.schedule, str):
        return Course(optimizer, recipe.schedule, total, recipe.warmup)
    scheduler = recipe.schedule(optimizer)
    return Warmed(scheduler, optimizer, round(recipe.warmup * total)) if recipe.warmup else scheduler

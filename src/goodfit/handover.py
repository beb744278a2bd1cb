"""A mended job as the mapping that a person gave: `goodfit.intake` the other way round.

What the mapping has no key for is put where it has its effect: clipping into the optimiser's step, warm-up and decay
into the scheduler, augmentation into the training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim

from goodfit.core.job import Job
from goodfit.core.recipe import Recipe
from goodfit.core.task import Augmented, Task
from goodfit.training.batches import batch_count
from goodfit.training.optimizers import build_optimizer
from goodfit.training.schedules import build_schedule

PARTS = {"train": "train", "val": "validation"}


def mapping(given: Mapping[str, Any], job: Job, mended: Job) -> dict[str, Any]:
    """The parts of ``mended``; whatever it has in common with ``job`` is the very object that was given."""
    changed = {name.partition(".")[0] for name in job.recipe.diff(mended.recipe)}
    recipe, made = mended.recipe, dict(given)
    if "model" in changed:
        made["model"] = recipe.model
    if {"optimizer", "rate", "momentum", "weight_decay", "clip"} & changed:
        made["optimizer"] = _optimizer(recipe)
    if {"schedule", "warmup"} & changed:
        made["scheduler"] = _scheduler(recipe, mended.task)
    made |= {key: getattr(recipe, key) for key in ("batch_size", "epochs", "shuffle") if key in changed}
    if mended.task.loss is not job.task.loss:
        made["loss"] = mended.task.loss
    for key, part in PARTS.items():
        if getattr(mended.task, part) is not getattr(job.task, part):
            made[key] = getattr(mended.task, part)
    if recipe.augment is not None:
        made["train"] = Augmented(made["train"], recipe.augment)
    return {key: value for key, value in made.items() if value is not None}


def notes(job: Job, mended: Job) -> tuple[str, ...]:
    """What a person has to know to train the mapping in a loop of their own."""
    changed = {name.partition(".")[0] for name in job.recipe.diff(mended.recipe)}
    recipe, found = mended.recipe, []
    if recipe.clip is not None:
        found.append(f"The optimiser of job() clips the gradient's norm at {recipe.clip:g} before each step.")
    if {"schedule", "warmup"} & changed:
        planned = _planned(recipe, mended.task)
        told = f"The scheduler of job() is stepped once a batch and made for {planned:,} updates"
        kept = "job() has no scheduler any more: the rate stays as it is"
        found.append(f"{kept}." if _scheduler(recipe, mended.task) is None else f"{told}.")
    if recipe.augment is not None:
        found.append("The training rows of job() are augmented anew each time they are read.")
    if recipe.patience is not None:
        patience = f"Stop after {recipe.patience} epochs without a better validation loss"
        found.append(f"{patience}: job() has no key for that.")
    for key, part in PARTS.items():
        if getattr(mended.task, part) is not getattr(job.task, part):
            found.append(f"The {key!r} of job() holds the rows as changed; outputs of the model are of that kind.")
    return tuple(found)


def _optimizer(recipe: Recipe) -> Callable[..., optim.Optimizer]:
    """The factory, with the clipping of the gradient in front of each step."""
    return recipe.optimizer if callable(recipe.optimizer) and recipe.clip is None else partial(_built, recipe)


def _built(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    held: list[Any] = list(parameters)
    optimizer = build_optimizer(recipe, iter(held))
    if (norm := recipe.clip) is not None:
        weights: list[Tensor] = [each for group in held for each in _parameters(group)]
        optimizer.register_step_pre_hook(lambda *_: _clipped(weights, norm))
    return optimizer


def _parameters(group: Any) -> Iterable[Tensor]:
    """A parameter, or those of a group of them."""
    if isinstance(group, Tensor):
        return (group,)
    params = group["params"]
    return (params,) if isinstance(params, Tensor) else params


def _clipped(weights: Iterable[Tensor], norm: float) -> None:
    torch.nn.utils.clip_grad_norm_(weights, norm)


def _scheduler(recipe: Recipe, task: Task) -> Callable[..., Any] | None:
    if not recipe.warmup:
        if callable(recipe.schedule):
            return recipe.schedule
        if recipe.schedule == "constant":
            return None
    return partial(build_schedule, recipe, total=_planned(recipe, task))


def _planned(recipe: Recipe, task: Task) -> int:
    return recipe.epochs * batch_count(task.train, recipe.batch_size)

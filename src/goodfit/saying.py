"""The changes of a treatment as settings of goodfit's own, where settings can say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from pydantic import ValidationError
from torch.nn import functional

from goodfit.core.errors import GoodfitError
from goodfit.core.recipe import Recipe
from goodfit.core.runtime import preserved_rng
from goodfit.core.settings import ModelSettings, Settings, TrainingSettings
from goodfit.core.task import Loss
from goodfit.data.augmentation import written
from goodfit.guide.treatment import Applied
from goodfit.plan import Plan, plan

PLAIN = (
    *("optimizer", "rate", "momentum", "weight_decay", "schedule", "warmup"),
    *("batch_size", "epochs", "shuffle", "clip"),
)
"""Fields of a recipe that are settings of the same name."""
SAME = ("activation", "normalisation", "residual", "dropout")
"""Edits of a network that are settings of the same name and value."""
SAID_BY = {
    "optimizer.rate_factor": "training.rate",
    "optimizer.weight_decay": "training.weight_decay",
    "optimizer.momentum": "training.momentum",
    "optimizer.adaptive": "training.optimizer",
    "model.stand_in": "model.name",
    "task.loss": "training.label_smoothing",
}
"""The setting that says a field of a change; others have the field's own name."""


def options(
    todo: Plan, recipe: Recipe, loss: Loss, applied: Sequence[Applied]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Settings by name that make ``todo`` the mended ``recipe`` with ``loss``; and the changes that none of them says,
    in words.
    """
    found = {**_of_training(todo.recipe, recipe), **_of_loss(todo.task.loss, loss)}
    found |= _of_model(getattr(recipe.model, "keywords", {}), todo.settings.model) if _is_edited(todo, recipe) else {}
    kept = {key: value for key, value in found.items() if _can_be_said(todo, key, value)}
    unsaid = [each.change.words for each in applied if not all(_said_by(name) in kept for name in each.change.fields)]
    return {key: shown(value) for key, value in kept.items()}, tuple(unsaid)


def shown(value: Any) -> str:
    """A value as ``--set`` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_edited(todo: Plan, recipe: Recipe) -> bool:
    return recipe.model is not todo.recipe.model


def _of_training(before: Recipe, after: Recipe) -> dict[str, Any]:
    found = {
        f"training.{name}": getattr(after, name) for name in PLAIN if getattr(after, name) != getattr(before, name)
    }
    if after.augment is not before.augment:
        found["training.augment"] = written(after.augment)  # type: ignore[arg-type]
    return found


def _of_loss(before: Loss, after: Loss) -> dict[str, Any]:
    """Smoothing of labels is the one change of a loss that a setting says."""
    known = [each.keywords if isinstance(each, partial) else {} for each in (before, after)]
    plain = [each.func if isinstance(each, partial) else each for each in (before, after)]
    amount = known[1].get("label_smoothing")
    if plain != [functional.cross_entropy] * 2 or "weight" in known[1] or amount == known[0].get("label_smoothing"):
        return {}
    return {"training.label_smoothing": amount}


def _of_model(edits: Mapping[str, Any], shape: ModelSettings) -> dict[str, Any]:
    if "stand_in" in edits:  # another network: what else is edited is of that one
        return {"model.name": edits["stand_in"]} if len(edits) == 1 else {}
    found = {f"model.{name}": edits[name] for name in SAME if name in edits}
    if "width" in edits and shape.width is not None:
        found["model.width"] = max(1, round(shape.width * edits["width"]))
    if "depth" in edits and shape.depth is not None:
        found["model.depth"] = shape.depth + edits["depth"]
    return found


def _can_be_said(todo: Plan, key: str, value: Any) -> bool:
    """Whether the setting exists for this run and makes a network that can be built."""
    section, name = key.split(".")
    held = getattr(todo.settings, section)
    try:
        if key == "model.name":
            changed: Any = ModelSettings(name=value)
        else:
            make = ModelSettings if section == "model" else TrainingSettings
            changed = make.model_validate({**held.model_dump(), name: value})
        settings: Settings = todo.settings.model_copy(update={section: changed})
        with preserved_rng(), torch.device("meta"):
            plan(todo.task, settings).recipe.model()
    except (GoodfitError, ValidationError, ValueError, RuntimeError, AssertionError):
        return False
    return bool(value != "auto")


def _said_by(field: str) -> str:
    if field in SAID_BY:
        return SAID_BY[field]
    if field.startswith("augment."):
        return "training.augment"
    return field if field.startswith("model.") else f"training.{field}"

"""From settings and data to a recipe: what a person left open is chosen here, to suit the kind of data.

The defaults are figures measured on real data (``bench/real.py``); each kind has one function.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from goodfit.core.errors import SettingsError, did_you_mean
from goodfit.core.recipe import Recipe
from goodfit.core.settings import ModelSettings, Settings, TrainingSettings
from goodfit.core.task import IGNORED, Task, count_of, targets_of
from goodfit.data import augmentation
from goodfit.models import FACTORIES, keywords
from goodfit.training.losses import SUITED_LOSS, build_loss

Choice = dict[str, Any]

SMALL_MODELS = ("linear", "mlp")
"""Models whose steps are so short that a second thread costs more than it brings; for others a trial decides."""


SUITED_MODELS: Mapping[str, tuple[str, ...]] = {
    "series": ("linear", "mlp"),
    "table": ("linear", "mlp"),
    "images": ("linear", "mlp", "cnn"),
    "sequences": ("linear", "mlp", "attention"),
}


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be run: the task with its loss, the recipe, and the settings with nothing left open."""

    task: Task
    recipe: Recipe
    settings: Settings


def plan(task: Task, settings: Settings) -> Plan:
    """Fill in what the settings leave open."""
    model, training = DEFAULTS[task.kind](task)
    training = {**training, **_given(settings.training)}
    name = settings.model.name if settings.model.name != "auto" else model["name"]
    if name not in SUITED_MODELS[task.kind]:
        raise SettingsError(
            f"The 'model.name' setting must be one of {', '.join(SUITED_MODELS[task.kind])} for {task.kind}. "
            f"Got {name!r} instead"
        )
    chosen = _model_keywords(name, model, settings.model)
    loss, smoothing = training.pop("loss", None), training.pop("label_smoothing", 0.0)
    factory = partial(FACTORIES[name], task.signature, **chosen)
    given = augmentation.read(training.pop("augment", ()))
    augment = augmentation.augmentation(task, given) if given else None
    recipe = Recipe(model=factory, seed=settings.seed, augment=augment, **training)
    loss = loss or SUITED_LOSS[task.objective]
    resolved = settings.model_copy(
        update={
            "data": settings.data.model_copy(update={"kind": task.kind}),
            "model": ModelSettings(name=name, **chosen),
            "training": _resolved(recipe, loss, smoothing, augmentation.written(augment)),
            "threads": settings.threads or (1 if name in SMALL_MODELS else None),
        }
    )
    facts = {**task.facts, **_facts(resolved)}
    return Plan(replace(task, loss=build_loss(loss, task.objective, smoothing), facts=facts), recipe, resolved)


def _resolved(recipe: Recipe, loss: str, smoothing: float, augment: tuple[str, ...]) -> TrainingSettings:
    fields = {each.name: getattr(recipe, each.name) for each in dataclasses.fields(recipe)}
    known = {name: value for name, value in fields.items() if name in TrainingSettings.model_fields}
    return TrainingSettings(**known | {"augment": augment}, loss=loss, label_smoothing=smoothing)


def _facts(settings: Settings) -> dict[str, str]:
    """The model and the recipe in words."""
    training, shape = settings.training, _given(settings.model)
    size = "".join(f", {key} {shape[key]}" for key in ("width", "depth") if key in shape)
    return {
        "model": f"{settings.model.name}{size}",
        "recipe": f"{training.optimizer}, rate {training.rate:g}, batches of {training.batch_size}, "
        f"at most {training.epochs} epochs"
        + (f", augmented by {', '.join(training.augment)}" if training.augment else ""),
    }


def _given(section: TrainingSettings | ModelSettings) -> Choice:
    return section.model_dump(exclude_none=True, exclude={"name"})


def _model_keywords(name: str, defaults: Mapping[str, Any], settings: ModelSettings) -> Choice:
    known, given = keywords(name), _given(settings)
    for key in given:
        if key not in known:
            raise SettingsError(
                f"The 'model.{key}' setting does not apply to the model {name!r}", did_you_mean(key, known)
            )
    suited = {key: value for key, value in defaults.items() if key in known and name == defaults["name"]}
    return {**known, **suited, **given}


def _epochs(rows: int, batch_size: int, updates: int, least: int, most: int) -> int:
    """As many epochs as give about ``updates`` updates, between two bounds."""
    return max(least, min(most, updates * batch_size // rows))


def _series(task: Task) -> tuple[Choice, Choice]:
    model = {"name": "mlp", "width": 64, "depth": 1, "activation": "silu"}
    training = {
        "optimizer": "adamw",
        "rate": 2e-3,
        "weight_decay": 0.1,
        "batch_size": 32,
        "epochs": _epochs(count_of(task.train), 32, 4_000, 10, 150),
        "patience": 20,
        "loss": "absolute",
    }
    return model, training


def _table(task: Task) -> tuple[Choice, Choice]:
    rows = count_of(task.train)
    batch = 32 if rows < 2_000 else 128
    # Smooth units follow what is nearly linear, and extrapolate; ReLU fell behind ridge regression there.
    model = {"name": "mlp", "width": 128 if rows < 5_000 else 256, "depth": 2, "activation": "silu", "dropout": 0.1}
    training = {
        "optimizer": "adamw",
        "rate": 1e-3,
        "weight_decay": 0.01,
        "batch_size": batch,
        "epochs": _epochs(rows, batch, 6_000, 8, 100),
        "patience": 15,
    }
    return model, training


def _images(task: Task) -> tuple[Choice, Choice]:
    rows, side = count_of(task.train), min(task.signature.inputs[1:])
    # At 64 x 64 a stride of 2 makes a step many times cheaper, at little loss.
    stride = 1 if side <= 40 else 2
    batch = 32 if rows < 2_000 else 64
    model = {"name": "cnn", "width": 32, "depth": 3 if side // stride**2 > 16 else 2, "stride": stride}
    training = {
        "optimizer": "adamw",
        "rate": 2e-3,
        "weight_decay": 0.05,
        "warmup": 0.1,
        "batch_size": batch,
        "epochs": _epochs(rows, batch, 1_800, 8, 30),
        # Without it the validation loss rises while the accuracy does too, and an early epoch would be kept.
        "label_smoothing": 0.1,
    }
    return model, training


def _sequences(task: Task) -> tuple[Choice, Choice]:
    rows, tokens = count_of(task.train), int((targets_of(task.train) != IGNORED).sum())
    batch = min(128, max(8, 2 ** round(math.log2(512 * rows / tokens))))
    # Rare words, with their endings and shapes, can be learnt by heart; letters cannot, and bear a longer training.
    words = len(task.signature.categories) > 1
    epochs = _epochs(rows, batch, 2_000 if words else 4_000, 5, max(8 if words else 12, 220 * batch // rows))
    rate, updates = 3e-3, epochs * -(-rows // batch)
    model = {"name": "attention", "width": 128, "depth": 2, "heads": 4, "dropout": 0.3 if words else 0.1}
    training = {
        "optimizer": "adamw",
        "rate": rate,
        # What nothing refreshes shrinks to 1/e over the whole training: the vectors of rare words, above all.
        "weight_decay": round(2 / (rate * updates), 3),
        "warmup": 0.1,
        "clip": 1.0,
        "batch_size": batch,
        "epochs": epochs,
        # As for images: without it the epoch kept is an early one.
        "label_smoothing": 0.1,
    }
    return model, training


DEFAULTS: Mapping[str, Callable[[Task], tuple[Choice, Choice]]] = {
    "series": _series,
    "table": _table,
    "images": _images,
    "sequences": _sequences,
}

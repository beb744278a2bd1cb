"""How a task is learnt: a `Recipe`. Two recipes differ in named fields, and `diff` names them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

ModelFactory = Callable[[], "nn.Module"]
OptimizerFactory = Callable[[Iterable[Any]], "Optimizer"]
SchedulerFactory = Callable[["Optimizer"], "LRScheduler"]


class Augment(Protocol):
    """Changes a batch of training rows at random, from torch's own random numbers: the training's seed repeats it."""

    @property
    def strengths(self) -> Mapping[str, float]:
        """What is done, by name, and how strongly; two with equal strengths do the same to a task."""
        ...

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """New tensors of the same shapes; the given ones stay as they are."""
        ...


@dataclass(frozen=True)
class Recipe:
    """How a task is learnt. ``model`` returns a fresh module at each call.

    goodfit's own recipes hold ``functools.partial(factory, signature, width=..., depth=...)`` as the model
    and names for optimiser and schedule; a person's own job may bring callables for all three, and
    ``rate=None`` then leaves the rate as the optimiser factory sets it.
    """

    model: ModelFactory
    optimizer: str | OptimizerFactory = "adamw"
    rate: float | None = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str | SchedulerFactory = "cosine"
    warmup: float = 0.0
    """Share of all updates over which the rate rises linearly from zero."""
    batch_size: int = 64
    epochs: int = 20
    shuffle: bool = True
    clip: float | None = None
    """Largest norm of the whole gradient."""
    patience: int | None = None
    """Epochs without a better validation loss before training stops."""
    max_updates: int | None = None
    """Stop after so many updates, whatever the epochs; the schedule still counts the epochs."""
    augment: Augment | None = None
    """What is done to each training batch, and to no other."""
    seed: int = 0

    def diff(self, other: Recipe) -> tuple[str, ...]:
        """Names of the fields in which ``other`` differs, ``model.width`` for a keyword of the model and
        ``augment.flip`` for an augmentation.
        """
        mine, theirs = dict(_flat(self)), dict(_flat(other))
        return tuple(name for name in {**mine, **theirs} if _differ(mine.get(name), theirs.get(name)))

    def fingerprint(self) -> str:
        """Identifies the recipe; equal for equal recipes in any process."""
        return hashlib.sha256(repr(sorted((k, _name(v)) for k, v in _flat(self))).encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """The recipe in plain values, callables by their qualified name."""
        return {name: _name(value) for name, value in _flat(self)}


def _differ(mine: Any, theirs: Any) -> bool:
    # Arrays and tensors have no single truth of ``!=``: they differ unless they are one object.
    arrays = hasattr(mine, "shape") or hasattr(theirs, "shape")
    return mine is not theirs and (arrays or bool(mine != theirs))


def _flat(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    for each in fields(recipe):
        value = getattr(recipe, each.name)
        if isinstance(value, partial):
            yield each.name, value.func
            yield from ((f"{each.name}.{i}", argument) for i, argument in enumerate(value.args))
            yield from ((f"{each.name}.{key}", argument) for key, argument in value.keywords.items())
        elif each.name == "augment" and value is not None:
            yield from ((f"{each.name}.{key}", strength) for key, strength in value.strengths.items())
        else:
            yield each.name, value


def _name(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | None):
        return value
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    if isinstance(value, Mapping):
        return {str(key): _name(each) for key, each in value.items()}
    return repr(value)

"""`Step`: a read-only view of one moment of ANY training loop. Integrations produce it, callbacks read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


class Event(Enum):
    """The moments of a loop, in this order::

    FIT_START
    for each epoch:
        for each batch:
            loss = ...           LOSS
            loss.backward()      GRADIENT
            optimizer.step()     UPDATE
        validate                 EPOCH_END
    FIT_END
    """

    FIT_START = "fit_start"
    LOSS = "loss"
    GRADIENT = "gradient"
    UPDATE = "update"
    EPOCH_END = "epoch_end"
    FIT_END = "fit_end"


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a model was called with; `Step.inputs` is this where it was called with more than one tensor."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    autocast: Any = None
    """The dtype of the automatic mixed precision in which it was called, if any."""


@dataclass(frozen=True, eq=False)
class Step:
    """One moment. Fields that do not exist yet at an event are None."""

    event: Event
    update: int
    """Updates of the weights made so far."""
    epoch: int
    """Epochs completed so far."""
    model: nn.Module
    optimizer: Optimizer
    planned_updates: int | None = None
    planned_epochs: int | None = None
    inputs: Any = None
    targets: Any = None
    outputs: Any = None
    loss: Tensor | None = None
    batch: int | None = None
    """Training batches seen so far, this one included; None: one for each update."""
    train_loss: float | None = None
    """Mean training loss of the epoch, at EPOCH_END."""
    validation_loss: float | None = None
    """At EPOCH_END."""


Wants = Callable[["Optimizer", int, int], bool]
"""Told the optimiser, the updates made and the batches seen so far, as in `Step`: whether the moment is of interest."""


class Callback(Protocol):
    """Looks at steps and changes nothing; it is called only at the events it names."""

    @property
    def events(self) -> Collection[Event]: ...

    def __call__(self, step: Step) -> None: ...


@runtime_checkable
class Choosy(Callback, Protocol):
    """A callback that can say beforehand that a moment is nothing to it, which is cheaper than to make the `Step`."""

    def wants(self, event: Event) -> Wants:
        """What tells whether it is to be called at a moment of this kind."""
        ...

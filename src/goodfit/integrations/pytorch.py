"""Anyone's PyTorch loop as `Step`s, by hooks that torch offers: nothing of torch or of the code is replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, is_autocast_enabled, is_grad_enabled, nn
from torch.compiler import is_compiling
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from goodfit.core.errors import SettingsError
from goodfit.core.step import Callback, Choosy, Event, Inputs, Step, Wants

Listening = Sequence[tuple[Wants, Callback]]
GRADIENT, UPDATE = Event.GRADIENT, Event.UPDATE  # an enum is asked for its members by a function


class BareLoop:
    """Emits FIT_START, GRADIENT before and UPDATE after each ``optimizer.step()``, and FIT_END.

    LOSS comes when it is told of a loss (`loss`), or sees one that a closure returns. Updates are counted for each
    optimiser by itself. Of the last training batch the inputs are kept, by reference, until the next one comes.
    """

    def __init__(self, model: nn.Module, optimizers: Sequence[Optimizer], callbacks: Sequence[Callback]) -> None:
        self.model, self.optimizers = model, tuple(optimizers)
        self.callbacks = {event: _listening(callbacks, event) for event in Event}
        self.at_gradient, self.at_update = self.callbacks[Event.GRADIENT], self.callbacks[Event.UPDATE]
        self.updates = dict.fromkeys(self.optimizers, 0)
        self.batches = 0
        self.call: tuple[tuple[Any, ...], Mapping[str, Any], torch.dtype | None] | None = None
        self.last_loss: Tensor | None = None
        self.handles: list[RemovableHandle] = []

    def attach(self) -> None:
        if self.handles:
            raise SettingsError("This watch is already running", "Make another one with goodfit.watch.")
        self.handles = [self.model.register_forward_pre_hook(self._forward, with_kwargs=True)]
        for each in self.optimizers:
            self.handles.append(each.register_step_pre_hook(self._before))
            self.handles.append(each.register_step_post_hook(self._after))
        self.emit(Event.FIT_START, self.optimizers[0])

    def detach(self) -> None:
        """Remove all hooks, whatever the callbacks do."""
        for handle in self.handles:
            handle.remove()
        self.handles = []
        self.emit(Event.FIT_END, self.optimizers[0])
        self.call = self.last_loss = None

    def loss(self, value: Tensor) -> None:
        """The loss of the batch that is going on."""
        self.last_loss = value.detach()
        self.emit(Event.LOSS, self.optimizers[0])

    def emit(self, event: Event, optimizer: Optimizer) -> None:
        self._tell(self.callbacks[event], event, optimizer, self.updates[optimizer])

    def _tell(self, listening: Listening, event: Event, optimizer: Optimizer, update: int) -> None:
        """This runs at each update: what is not needed is not made."""
        step: Step | None = None
        for wants, callback in listening:
            if wants(optimizer, update, self.batches):
                step = step or self._step(event, optimizer, update)
                callback(step)

    def _step(self, event: Event, optimizer: Optimizer, update: int) -> Step:
        return Step(
            event=event,
            update=update,
            epoch=0,
            model=self.model,
            optimizer=optimizer,
            inputs=None if self.call is None else Inputs(*self.call),
            loss=self.last_loss,
            batch=self.batches,
        )

    def _forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not model.training or is_compiling() or not is_grad_enabled():
            return
        self.call = args, kwargs, _autocast()
        self.last_loss = None
        self.batches += 1

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            self._tell(self.at_gradient, GRADIENT, optimizer, self.updates[optimizer])
            return None
        watched = self._watched(closure, optimizer)
        if "closure" in kwargs:
            return args, {**kwargs, "closure": watched}
        return (args[0], watched, *args[2:]), kwargs

    def _watched(self, closure: Callable[[], Any], optimizer: Optimizer) -> Callable[[], Any]:
        """Gradients are there when a closure has been called for the first time."""
        called = False

        def watched() -> Any:
            nonlocal called
            value = closure()
            if not called:
                called = True
                if isinstance(value, Tensor):
                    self.loss(value)
                self.emit(Event.GRADIENT, optimizer)
            return value

        return watched

    def _after(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        update = self.updates[optimizer] = self.updates[optimizer] + 1
        self._tell(self.at_update, UPDATE, optimizer, update)


def _listening(callbacks: Sequence[Callback], event: Event) -> Listening:
    there = [each for each in callbacks if event in each.events]
    return [(each.wants(event) if isinstance(each, Choosy) else _always, each) for each in there]


def _always(optimizer: Optimizer, update: int, batch: int) -> bool:
    return True


def _autocast() -> torch.dtype | None:
    """The dtype of the automatic mixed precision that is on, of the accelerator before the CPU."""
    if is_autocast_enabled("cuda"):
        return torch.get_autocast_dtype("cuda")
    return torch.get_autocast_dtype("cpu") if is_autocast_enabled("cpu") else None

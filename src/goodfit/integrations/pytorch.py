"""Anyone's PyTorch loop as `Step`s, by hooks that torch offers: nothing of torch or of the code is replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from goodfit.core.errors import SettingsError
from goodfit.core.step import Callback, Choosy, Event, Inputs, Step

Wants = Callable[[Event, Optimizer, int, int], bool]


class BareLoop:
    """Emits FIT_START, GRADIENT before and UPDATE after each ``optimizer.step()``, and FIT_END.

    LOSS comes when it is told of a loss (`loss`), or sees one that a closure returns. Updates are counted for each
    optimiser by itself. Of the last training batch the inputs are kept, by reference, until the next one comes.
    """

    def __init__(self, model: nn.Module, optimizers: Sequence[Optimizer], callbacks: Sequence[Callback]) -> None:
        self.model, self.optimizers = model, tuple(optimizers)
        self.callbacks = {event: [_choice(each) for each in callbacks if event in each.events] for event in Event}
        self.updates = dict.fromkeys(self.optimizers, 0)
        self.batches = 0
        self.inputs: Inputs | None = None
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
        self.inputs = self.last_loss = None

    def loss(self, value: Tensor) -> None:
        """The loss of the batch that is going on."""
        self.last_loss = value.detach()
        self.emit(Event.LOSS, self.optimizers[0])

    def emit(self, event: Event, optimizer: Optimizer) -> None:
        step: Step | None = None
        update = self.updates[optimizer]
        for wants, callback in self.callbacks[event]:
            if wants is None or wants(event, optimizer, update, self.batches):
                step = step or self._step(event, optimizer)
                callback(step)

    def _step(self, event: Event, optimizer: Optimizer) -> Step:
        return Step(
            event=event,
            update=self.updates[optimizer],
            epoch=0,
            model=self.model,
            optimizer=optimizer,
            inputs=self.inputs,
            loss=self.last_loss,
            batch=self.batches,
        )

    def _forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if torch.compiler.is_compiling() or not model.training or not torch.is_grad_enabled():
            return
        self.inputs = Inputs(args, kwargs, _autocast())
        self.last_loss = None
        self.batches += 1

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            self.emit(Event.GRADIENT, optimizer)
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
        self.updates[optimizer] += 1
        self.emit(Event.UPDATE, optimizer)


def _choice(callback: Callback) -> tuple[Wants | None, Callback]:
    return callback.wants if isinstance(callback, Choosy) else None, callback


def _autocast() -> torch.dtype | None:
    """The dtype of the automatic mixed precision that is on, of the accelerator before the CPU."""
    for device in ("cuda", "cpu"):
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
    return None

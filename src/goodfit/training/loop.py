"""One training loop, readable from top to bottom. `Event`'s docstring is its score."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from accelerate import Accelerator, DistributedType
from torch import Generator, Tensor

from goodfit.core.recipe import Recipe
from goodfit.core.run import Measurement, Outcome, Run
from goodfit.core.runtime import environment, seed_everything
from goodfit.core.step import Callback, Event, Step
from goodfit.core.task import Task
from goodfit.training.batches import batch_count, loader
from goodfit.training.evaluation import mean_loss, weight_of
from goodfit.training.optimizers import build_optimizer
from goodfit.training.schedules import build_schedule
from goodfit.training.stopping import BestEpoch


def fit(task: Task, recipe: Recipe, callbacks: Sequence[Callback] = (), *, deadline: float | None = None) -> Run:
    """Train a fresh model of ``recipe`` on ``task``; keep the weights of the best epoch by validation loss.

    ``deadline`` is a moment of `time.monotonic`; training stops at the update that passes it.
    """
    began = time.monotonic()
    loop = _Loop(task, recipe, callbacks, deadline)
    best = BestEpoch(recipe.patience)
    measurements: list[Measurement] = []
    outcome = None
    loop.emit(Event.FIT_START)
    while outcome is None:
        times = [time.perf_counter()]
        train_loss, outcome = loop.run_epoch()
        times.append(time.perf_counter())
        validation_loss = mean_loss(loop.model, task, task.validation)
        times.append(time.perf_counter())
        measurements.append(Measurement("train_loss", loop.update, train_loss, seconds=times[1] - times[0]))
        measurements.append(Measurement("validation_loss", loop.update, validation_loss, seconds=times[2] - times[1]))
        loop.emit(Event.EPOCH_END, train_loss=train_loss, validation_loss=validation_loss)
        best.see(loop.epoch, validation_loss, loop.module)
        if not math.isfinite(train_loss):
            outcome = Outcome.DIVERGED
        elif outcome is None and loop.epoch == recipe.epochs:
            outcome = Outcome.FINISHED
        elif outcome is None and best.out_of_patience(loop.epoch):
            outcome = Outcome.STOPPED_EARLY
    loop.emit(Event.FIT_END)
    return Run(
        task=task.fingerprint,
        recipe=recipe,
        outcome=outcome,
        measurements=tuple(measurements),
        weights=best.weights,
        best_epoch=best.epoch,
        epochs=loop.epoch,
        updates=loop.update,
        seconds=time.monotonic() - began,
        environment=environment(),
    )


@cache
def _accelerator() -> Accelerator:
    return Accelerator()


def _backward(accelerator: Accelerator) -> Callable[[Tensor], None]:
    """Accelerate's backward pass where it has something to add (a scaler, processes), else torch's own."""
    alone = accelerator.distributed_type is DistributedType.NO and accelerator.scaler is None
    return Tensor.backward if alone else accelerator.backward


class _Loop:
    """The moving parts of one `fit`."""

    def __init__(self, task: Task, recipe: Recipe, callbacks: Sequence[Callback], deadline: float | None) -> None:
        seed_everything(recipe.seed)
        self.task, self.recipe, self.callbacks, self.deadline = task, recipe, callbacks, deadline
        self.accelerator = _accelerator()
        self.backward = _backward(self.accelerator)
        self.module = recipe.model()
        self.optimizer = build_optimizer(recipe, self.module.parameters())
        self.parameters = [each for group in self.optimizer.param_groups for each in group["params"]]
        self.model = self.accelerator.prepare(self.module)
        order = Generator().manual_seed(recipe.seed)
        self.batches = loader(task.train, recipe.batch_size, shuffle=recipe.shuffle, generator=order)
        self.planned = recipe.epochs * batch_count(task.train, recipe.batch_size)
        self.scheduler = build_schedule(recipe, self.optimizer, self.planned)
        self.update = self.epoch = 0

    def run_epoch(self) -> tuple[float, Outcome | None]:
        """One pass over the training rows; the mean loss on the way, and why training has to stop if it has."""
        self.model.train()
        device = self.accelerator.device
        losses: list[Tensor] = []
        weights: list[float] = []
        outcome = None
        for inputs, targets in self.batches:
            inputs, targets = inputs.to(device), targets.to(device)
            if self.recipe.augment is not None:
                inputs, targets = self.recipe.augment(inputs, targets)
            losses.append(self.step(inputs, targets))
            weights.append(weight_of(targets, self.task))
            if outcome := self.interrupted():
                break
        self.epoch += 1
        # Added up here and not on the way: reading a loss waits for the device, and adding it costs a kernel.
        return float(torch.stack(losses).flatten().cpu().double() @ torch.tensor(weights).double()) / sum(
            weights
        ), outcome

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One update of the weights; the batch's loss before it."""
        outputs = self.model(inputs)
        loss = self.task.loss(outputs, targets)
        moment = {"inputs": inputs, "targets": targets, "outputs": outputs, "loss": loss} if self.callbacks else {}
        self.emit(Event.LOSS, **moment)
        self.backward(loss)
        self.emit(Event.GRADIENT, **moment)
        if self.recipe.clip is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.scheduler.step()
        self.update += 1
        self.emit(Event.UPDATE, **moment)
        for parameter in self.parameters:  # what optimizer.zero_grad() does, without its detour through the compiler
            parameter.grad = None
        return loss.detach()

    def interrupted(self) -> Outcome | None:
        if self.update == self.recipe.max_updates:
            return Outcome.UPDATES_REACHED
        if self.deadline is not None and time.monotonic() > self.deadline:
            return Outcome.OUT_OF_TIME
        return None

    def emit(self, event: Event, **moment: Any) -> None:
        for callback in self.callbacks:
            if event in callback.events:
                callback(
                    Step(
                        event=event,
                        update=self.update,
                        epoch=self.epoch,
                        model=self.model,
                        optimizer=self.optimizer,
                        planned_updates=self.planned,
                        planned_epochs=self.recipe.epochs,
                        **moment,
                    )
                )

"""Many small networks trained at once: what `fit` gives for each, in one batched model.

A step of a small network is spent on starting kernels, not on numbers: its products are stacked (`torch.baddbmm`),
ordinary autograd goes through them, and one optimiser moves all networks. Each keeps its own weights, order of rows,
dropout, clipping, patience and end; one that diverges leaves the others as they are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn, optim

from goodfit.core.errors import TrainingError
from goodfit.core.recipe import Recipe
from goodfit.core.run import Measurement, Outcome, Run
from goodfit.core.runtime import environment, threads
from goodfit.core.step import Callback, Event, Step
from goodfit.core.task import Rows, Task
from goodfit.training.batches import batch_count, cut
from goodfit.training.evaluation import BATCH
from goodfit.training.loop import fit
from goodfit.training.members import Member, agreement, check_comparable, learning_of, optimizer_of, scale_of, stack_for
from goodfit.training.schedules import build_schedule
from goodfit.training.stacked import NotStackable, State

AT_ONCE = 32
"""Networks that are stacked at the most."""

MOMENTS = frozenset({Event.FIT_START, Event.EPOCH_END, Event.FIT_END})
"""Events at which each network exists as a module of its own."""


@dataclass(frozen=True, eq=False)
class Trained:
    """One training of several: its run, and what a callback would have seen on the way."""

    run: Run
    module: nn.Module
    """With the weights it ended with; those of the best epoch are ``run.weights``."""
    batch_losses: Tensor
    """(updates,): the loss of each batch before its update."""
    gradient_norms: Tensor
    """Norm of the whole gradient at the first updates, before clipping."""
    together: int
    """Networks that were trained in one batched model with this one; 1 where it was trained alone."""


def fit_many(task: Task, recipes: Sequence[Recipe], *, deadline: float | None = None) -> tuple[Run, ...]:
    """`fit` for each of ``recipes``, which differ in seed and rate: the same runs within rounding, sooner."""
    found: list[Run] = []
    for start in range(0, len(recipes), AT_ONCE):
        some = recipes[start : start + AT_ONCE]
        together = _together(task, some, [()] * len(some), deadline, norms=0)
        found += [each.run for each in together] or [fit(task, recipe, deadline=deadline) for recipe in some]
    return tuple(found)


def train_many(
    task: Task,
    recipes: Sequence[Recipe],
    callbacks: Sequence[Sequence[Callback]] = (),
    *,
    deadline: float | None = None,
    norms: int = 0,
) -> tuple[Trained, ...]:
    """`fit_many` with what happened on the way; ``callbacks`` has one sequence for each recipe, or is empty.

    Callbacks that ask for single updates, recipes that differ in more than seed and rate, and networks that cannot be
    stacked or are too large to gain by it are trained one after another. ``norms`` gradient norms are kept.
    Raises what `fit` raises: the first of the trainings that fails ends all of them.
    """
    given = [tuple(each) for each in callbacks] or [()] * len(recipes)
    if len(given) != len(recipes):
        raise TrainingError(f"{len(given)} sequences of callbacks were given for {len(recipes)} recipes")
    found: list[Trained] = []
    for start in range(0, len(recipes), AT_ONCE):
        some, their = recipes[start : start + AT_ONCE], given[start : start + AT_ONCE]
        found += _together(task, some, their, deadline, norms) or [
            _alone(task, recipe, own, deadline, norms) for recipe, own in zip(some, their, strict=True)
        ]
    return tuple(found)


def why_not_together(task: Task, recipes: Sequence[Recipe]) -> str:
    """Why these are trained one after another; empty where they are stacked."""
    try:
        _Together(task, recipes, [()] * len(recipes), None, 0)
    except NotStackable as error:
        return str(error)
    return ""


def _together(
    task: Task, recipes: Sequence[Recipe], callbacks: Sequence[Sequence[Callback]], deadline: float | None, norms: int
) -> list[Trained]:
    if len(recipes) < 2 or any(set(each.events) - MOMENTS for own in callbacks for each in own):
        return []
    try:
        with threads(1):  # the products are small: two threads would wait for each other
            return _Together(task, recipes, callbacks, deadline, norms).run()
    except (NotStackable, RuntimeError, ValueError, IndexError, FloatingPointError):
        return []  # whose error it is shows when each is trained alone


@dataclass
class _Noted:
    """A callback that keeps what `Trained` holds."""

    norms: int
    module: nn.Module | None = None
    losses: list[Tensor] = field(default_factory=list)
    found: list[Tensor] = field(default_factory=list)
    events = frozenset({Event.FIT_START, Event.GRADIENT})

    def __call__(self, step: Step) -> None:
        self.module = step.model
        if step.loss is not None:
            self.losses.append(step.loss.detach().reshape(()).cpu())
            if len(self.losses) <= self.norms:
                self.found.append(_norm(step.optimizer))


def _norm(optimizer: optim.Optimizer) -> Tensor:
    held = [p.grad.detach() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(held).cpu() if held else torch.zeros(())


def _alone(task: Task, recipe: Recipe, callbacks: Sequence[Callback], deadline: float | None, norms: int) -> Trained:
    noted = _Noted(norms)
    run = fit(task, recipe, [noted, *callbacks], deadline=deadline)
    if noted.module is None:
        raise TrainingError("The training ended before it began")
    return Trained(run, noted.module, _stacked(noted.losses), _stacked(noted.found), together=1)


def _stacked(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)) if values else torch.zeros(0)


class _Together:
    """The moving parts of several trainings in one; `NotStackable` where they cannot or should not be."""

    def __init__(
        self,
        task: Task,
        recipes: Sequence[Recipe],
        callbacks: Sequence[Sequence[Callback]],
        deadline: float | None,
        norms: int,
    ) -> None:
        check_comparable(task, recipes)
        self.task, self.recipe, self.deadline, self.norms = task, recipes[0], deadline, norms
        first = Member(recipes[0], callbacks[0])
        self.stack = stack_for(first, task)
        self.members = [first, *(Member(*each) for each in zip(recipes[1:], callbacks[1:], strict=True))]
        self.alive = list(self.members)
        values = self.stack.gather([member.module for member in self.members])
        self.state = State(values, generators=[member.random for member in self.members])
        learning = learning_of(first)
        self.losses, used = agreement(task, self.stack, self.state, self.members, learning)
        self.leaves = [values[name] for name in used]
        self.scale = scale_of(self.members)
        self.optimizer = optimizer_of(self.members, {id(learning[name]): values[name] for name in used})
        self.planned = self.recipe.epochs * batch_count(task.train, self.recipe.batch_size)
        self.scheduler = build_schedule(self.recipe, self.optimizer, self.planned)
        self.update = self.epoch = 0
        self.found: dict[int, Trained] = {}

    def run(self) -> list[Trained]:
        for member in self.members:
            self.emit(member, Event.FIT_START)
        while self.alive:
            times = [time.perf_counter()]
            train_losses, outcome = self.run_epoch()
            times.append(time.perf_counter())
            validation_losses = self.validate()
            times.append(time.perf_counter())
            spent = [(after - before) / len(self.alive) for before, after in pairwise(times)]
            ended = [
                self.note(index, *losses, spent, outcome)
                for index, losses in enumerate(zip(train_losses, validation_losses, strict=True))
            ]
            self.keep([index for index, done in enumerate(ended) if not done])
        return [self.found[id(member)] for member in self.members]

    def run_epoch(self) -> tuple[list[float], Outcome | None]:
        """One pass over the training rows: mean losses on the way, and why all have to stop if they have."""
        self.state.training = True
        losses: list[Tensor] = []
        weights: list[float] = []
        outcome = None
        for inputs, targets in self.batches():
            losses.append(self.step(inputs, targets))
            weights.append(float(targets.shape[1]))
            if outcome := self.interrupted():
                break
        self.epoch += 1
        table = torch.stack(losses)
        for column, member in zip(table.unbind(1), self.alive, strict=True):
            member.losses.append(column)
        return (torch.tensor(weights).double() @ table.double() / sum(weights)).tolist(), outcome

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One update of all; the batch's loss of each before it, (networks,)."""
        losses = self.losses(self.stack.forward(self.state, inputs), targets)
        losses.sum().backward()
        self.note_norms()
        if self.recipe.clip is not None:
            self.clip(self.recipe.clip)
        before = None if self.scale is None else [leaf.detach().clone() for leaf in self.leaves]
        self.optimizer.step()
        if before is not None and self.scale is not None:
            for leaf, old in zip(self.leaves, before, strict=True):
                leaf.data = torch.lerp(old, leaf.detach(), self.scale.view(-1, *[1] * (leaf.ndim - 1)))
        self.scheduler.step()
        self.update += 1
        for leaf in self.leaves:
            leaf.grad = None
        return losses.detach()

    def gradient_norms(self) -> Tensor:
        """(networks,)"""
        squares = [leaf.grad.flatten(1).square().sum(1) for leaf in self.leaves if leaf.grad is not None]
        return torch.stack(squares).sum(0).sqrt()

    def note_norms(self) -> None:
        if self.update < self.norms:
            for norm, member in zip(self.gradient_norms(), self.alive, strict=True):
                member.norms.append(norm)

    def clip(self, most: float) -> None:
        """As `torch.nn.utils.clip_grad_norm_` does it, for each network by itself."""
        factors = (most / (self.gradient_norms() + 1e-6)).clamp(max=1.0)
        for leaf in self.leaves:
            if leaf.grad is not None:
                leaf.grad.mul_(factors.view(-1, *[1] * (leaf.ndim - 1)))

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets, (networks, rows, ...): each network's own order, as `fit` draws it."""
        rows: Rows = self.task.train  # type: ignore[assignment]
        count, shuffled = len(rows), self.recipe.shuffle
        orders = [torch.randperm(count, generator=m.order) if shuffled else torch.arange(count) for m in self.alive]
        for piece in cut(torch.stack(orders, 1), self.recipe.batch_size):  # (rows, networks)
            inputs, targets = rows.batch(piece.t().reshape(-1))
            yield inputs.unflatten(0, (-1, len(piece))), targets.unflatten(0, (-1, len(piece)))

    def validate(self) -> list[float]:
        """Mean validation loss of each network."""
        rows: Rows = self.task.validation  # type: ignore[assignment]
        self.state.training = False
        total = torch.zeros(len(self.alive), dtype=torch.double)
        with torch.no_grad():
            for index in torch.arange(len(rows)).split(BATCH):
                inputs, targets = (each.expand(len(self.alive), *each.shape) for each in rows.batch(index))
                total += self.losses(self.stack.forward(self.state, inputs), targets).double() * len(index)
        return (total / len(rows)).tolist() if len(rows) else [float("nan")] * len(self.alive)

    def interrupted(self) -> Outcome | None:
        if self.update == self.recipe.max_updates:
            return Outcome.UPDATES_REACHED
        if self.deadline is not None and time.monotonic() > self.deadline:
            return Outcome.OUT_OF_TIME
        return None

    def note(
        self, index: int, train_loss: float, validation_loss: float, spent: Sequence[float], outcome: Outcome | None
    ) -> bool:
        """The end of an epoch for one network; whether it was its last."""
        member = self.alive[index]
        member.measurements += [
            Measurement("train_loss", self.update, train_loss, seconds=spent[0]),
            Measurement("validation_loss", self.update, validation_loss, seconds=spent[1]),
        ]
        if member.callbacks or member.best.improves(validation_loss):
            self.stack.scatter(self.state.values, index, member.module)
        self.emit(member, Event.EPOCH_END, train_loss=train_loss, validation_loss=validation_loss)
        member.best.see(self.epoch, validation_loss, member.module)
        if not math.isfinite(train_loss):
            outcome = Outcome.DIVERGED
        elif outcome is None and self.epoch == self.recipe.epochs:
            outcome = Outcome.FINISHED
        elif outcome is None and member.best.out_of_patience(self.epoch):
            outcome = Outcome.STOPPED_EARLY
        if outcome is None:
            return False
        self.stack.scatter(self.state.values, index, member.module)
        self.emit(member, Event.FIT_END)
        self.found[id(member)] = self.trained(member, outcome)
        return True

    def trained(self, member: Member, outcome: Outcome) -> Trained:
        run = Run(
            task=self.task.fingerprint,
            recipe=member.recipe,
            outcome=outcome,
            measurements=tuple(member.measurements),
            weights=member.best.weights,
            best_epoch=member.best.epoch,
            epochs=self.epoch,
            updates=self.update,
            seconds=sum(each.seconds for each in member.measurements),
            environment=environment(),
        )
        together = len(self.members)
        return Trained(run, member.module, torch.cat(member.losses), _stacked(member.norms), together)

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks: those that ended cost nothing any more."""
        count = len(self.alive)
        self.alive = [self.alive[index] for index in indices]
        if not indices or len(indices) == count:
            return
        index = torch.tensor(indices)
        for leaf in self.leaves:
            for name, value in self.optimizer.state[leaf].items():
                if isinstance(value, Tensor) and value.shape == leaf.shape:
                    self.optimizer.state[leaf][name] = value[index]
        for name, value in self.state.values.items():
            if value.requires_grad:
                value.data = value.detach()[index]
            else:
                self.state.values[name] = value[index]
        self.state.generators = [member.random for member in self.alive]
        self.scale = None if self.scale is None else self.scale[index]

    def emit(self, member: Member, event: Event, **moment: Any) -> None:
        for callback in member.callbacks:
            if event in callback.events:
                callback(
                    Step(
                        event=event,
                        update=self.update,
                        epoch=self.epoch,
                        model=member.module,
                        optimizer=member.optimizer,
                        planned_updates=self.planned,
                        planned_epochs=self.recipe.epochs,
                        **moment,
                    )
                )

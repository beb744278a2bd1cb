"""What a host keeps of one optimiser between its gradient and its update, and from one update to the next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress

import torch
from torch import Tensor, nn

from goodfit.core.probe import Need, Probe, Sight
from goodfit.core.step import Step
from goodfit.probes.gradients import dense, norms
from goodfit.probes.layers import named, plain

EARLY = frozenset({Need.ACTIVATIONS, Need.PREVIOUS_GRADIENTS})
"""What has to be made ready at the update before."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be done at an update."""

    probes: tuple[Probe, ...] = ()
    """Those that measure once, at the update."""
    watchers: tuple[Probe, ...] = ()
    """Those that measure each layer in the forward pass."""
    needs: frozenset[Need] = frozenset()
    early: bool = False
    """Whether something has to be made ready at the update before."""

    @staticmethod
    def of(due: Sequence[Probe]) -> Plan:
        watchers = tuple(each for each in due if Need.ACTIVATIONS in each.needs)
        probes = tuple(each for each in due if Need.ACTIVATIONS not in each.needs)
        needs = frozenset(chain.from_iterable(each.needs for each in due))
        return Plan(probes, watchers, needs, early=not EARLY.isdisjoint(needs))


IDLE = Plan()


@dataclass(eq=False)
class Track:
    """The parameters of the model that one optimiser moves, and what of them was seen before the update."""

    plan: Plan = IDLE
    update: int = -1
    """Updates made when the lengths were taken."""
    names: tuple[str, ...] = ()
    """Of the parameters that got a gradient."""
    parameters: list[Tensor] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    lengths: Tensor | None = None
    """Of the gradients, and after them of the weights."""
    gradient_norms: Tensor | None = None
    weight_norms: Tensor | None = None
    seconds: float = 0.0
    _names: tuple[str, ...] = ()
    _given: dict[str, nn.Parameter] = field(default_factory=dict)
    _count: int = -1
    _previous: dict[str, Tensor] = field(default_factory=dict)
    _before: list[Tensor] = field(default_factory=list)
    _copied: tuple[str, ...] = ()
    _moving: bool = False

    def follow(self, step: Step) -> None:
        """Take the parameters that got a gradient, and their gradients."""
        groups = step.optimizer.param_groups
        count = sum(len(group["params"]) for group in groups)
        if count != self._count:
            names = {each: named(name) for name, each in plain(step.model).named_parameters()}
            given = chain.from_iterable(group["params"] for group in groups)
            self._given, self._count = {names[each]: each for each in given if each in names}, count
            self._names = tuple(self._given)
        self.names, self.parameters = self._names, list(self._given.values())
        gradients = [each.grad for each in self.parameters]
        present = [each is not None for each in gradients]
        if not all(present):
            self.names, self.parameters = tuple(compress(self.names, present)), [*compress(self.parameters, present)]
        self.gradients = [dense(each) for each in gradients if each is not None]

    def measure(self, needs: Collection[Need]) -> None:
        """Lengths of gradients and weights in one pass; copies of the weights where their update is asked for."""
        gradients = self.gradients if Need.GRADIENTS in needs else ()
        weights = self.parameters if Need.PARAMETERS in needs else ()
        self.lengths = lengths = norms([*gradients, *weights])
        self.gradient_norms = lengths[: len(gradients)] if gradients else None
        self.weight_norms = lengths[len(gradients) :] if weights else None
        self._moving = Need.UPDATES in needs and bool(self.parameters)
        if self._moving:
            if self._copied != self.names:
                self._before, self._copied = [torch.empty_like(each) for each in self.parameters], self.names
            torch._foreach_copy_(self._before, self.parameters)

    def sight(self, step: Step) -> Sight:
        """After the update."""
        if self._moving:
            torch._foreach_sub_(self._before, self.parameters)
        gradients, self.parameters, self.gradients = self.gradients, [], []
        known = bool(self.names) and all(name in self._previous for name in self.names)
        return Sight(
            update=step.update,
            model=step.model,
            parameters=self.names,
            gradients=gradients,
            previous=[self._previous[name] for name in self.names] if known else None,
            gradient_norms=self.gradient_norms,
            weight_norms=self.weight_norms,
            update_norms=norms(self._before) if self._moving else None,
            inputs=step.inputs,
            targets=step.targets,
            loss=step.loss,
        )

    def keep(self, step: Step) -> None:
        """Copy the gradients for the update to come."""
        self.follow(step)
        self._previous = {name: each.clone() for name, each in zip(self.names, self.gradients, strict=True)}
        self.parameters, self.gradients = [], []

"""Says at once that a training has met NaN or infinity: two small gradients at most updates, all of them now and then.

The gradient of a layer near the outputs holds what any layer before it made non-finite in the forward pass; that of a
layer near the inputs also what the backward pass did. What shows in neither makes a parameter non-finite, and with it
the outputs for the next batch: it is seen one update later, and what it left behind says where it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.core.step import Event, Step, Wants
from goodfit.probes.gradients import HALF, dense, norms
from goodfit.probes.layers import named, plain
from goodfit.probes.nonfinite import Nonfinite, Where, bad, first_nonfinite, in_parameters, sentence

EVERY = 10
"""Updates from one look at all gradients to the next."""
SMALL = 2**14
"""Numbers in a gradient that are added up in a microsecond or two."""


@dataclass(eq=False)
class Known:
    """What is known of the gradients one optimiser was given; updates and batches count from 1."""

    ends: tuple[Tensor, ...]
    """Parameters near the inputs and near the outputs, whose gradients are looked at every time."""
    whole: int
    """The last update for which all gradients were looked at, and were finite."""
    update: int
    """The last for which at least those of the ends were."""
    batch: int


class Sentinel:
    """A callback: looks at gradients before each update; ``report`` is called once, with the first find.

    All gradients are looked at in each ``every``-th update, and in between those near the two ends of the network.
    ``lengths`` gives their norms for an optimiser after so many updates, where somebody has taken them already.
    On the CPU the answer is immediate: the update has not yet been made. Elsewhere all gradients are looked at every
    time, the answer is fetched without waiting, and is known one update later.
    """

    events: Collection[Event] = frozenset({Event.LOSS, Event.GRADIENT, Event.FIT_END})

    def __init__(
        self,
        report: Callable[[Nonfinite], None],
        every: int = EVERY,
        lengths: Callable[[Optimizer, int], Tensor | None] = lambda optimizer, update: None,
    ) -> None:
        self.report, self.every, self.lengths = report, every, lengths
        self.found: Nonfinite | None = None
        self.pending: tuple[_Later, Step] | None = None
        self.known: dict[Optimizer, Known] = {}

    def wants(self, event: Event) -> Wants:
        """Whether there may be something to say."""
        return self._glance if event is Event.GRADIENT else lambda optimizer, update, batch: self.found is None

    def _glance(self, optimizer: Optimizer, update: int, batch: int) -> bool:
        """Whether all gradients are to be looked at; else those of the ends are finite, which is noted down."""
        known = self.known.get(optimizer) if update % self.every else None
        if known is None or not _finite(known.ends):
            return self.found is None
        known.update, known.batch = update + 1, batch
        return False

    def __call__(self, step: Step) -> None:
        if self.found is not None:
            return
        if step.event is Event.LOSS:
            self._loss(step)
        elif step.event is Event.FIT_END:
            self._last(step)
        elif self._glance(step.optimizer, step.update, _batch(step)):
            self._gradient(step)

    def _loss(self, step: Step) -> None:
        loss = step.loss
        if loss is not None and loss.device.type == "cpu" and not math.isfinite(float(loss.detach().sum())):
            self._look(step)

    def _last(self, step: Step) -> None:
        """Nothing comes after: what the last update made is looked at now."""
        if self.pending is not None:
            self._arrived(*self.pending)
        place = None if self.found or not step.update else in_parameters(step.model)
        if place is None:
            return
        words = f"{place.words} after update {step.update}, the last one."
        batch = step.update if step.batch is None else step.batch
        self._tell(self._before(step) or Nonfinite(place.where, place.layer, step.update, batch, words))

    def _gradient(self, step: Step) -> None:
        """Look at all gradients."""
        if self.pending is not None:
            self._arrived(*self.pending)
        if getattr(step.optimizer, "found_inf", None) is not None:
            return  # a gradient scaler of a fused optimiser has checked it, and skips the update itself
        lengths = self.lengths(step.optimizer, step.update)
        total = _total(_gradients(step)) if lengths is None else lengths.sum()
        if not _immediate(total):
            self.pending = _Later(total), step
        elif math.isfinite(total.item()):
            self._well(step)
        else:
            self._look(step)

    def _well(self, step: Step) -> None:
        known, update = self.known.get(step.optimizer), step.update + 1
        if known is None or self.every > 1:  # other parameters may have gradients by now
            known = self.known[step.optimizer] = Known(_ends(_given(step)), update, update, _batch(step))
        known.whole, known.update, known.batch = update, update, _batch(step)

    def _arrived(self, total: _Later, step: Step) -> None:
        self.pending = None
        if not math.isfinite(total.value()):
            self._look(step)

    def _look(self, step: Step) -> None:
        place = first_nonfinite(step.model, step.inputs, step.loss)
        if place is None:  # finite numbers that are too large to add up
            return
        update, batch = step.update + 1, _batch(step)
        found = Nonfinite(place.where, place.layer, update, batch, sentence(place, update, batch))
        self._tell((self._before(step) if place.where is Where.PARAMETER else None) or found)

    def _before(self, step: Step) -> Nonfinite | None:
        """The gradient that made a parameter non-finite at an update before this one, if one was not looked at."""
        for optimizer, known in self.known.items():
            name = None if known.whole == known.update else _culprit(step.model, optimizer)
            if name is not None:
                # What reaches the ends now would have reached them before, had it been there.
                sure = known.whole + 1 == known.update or (step.event is not Event.FIT_END and not _finite(known.ends))
                when = f"update {known.update}, batch {known.batch}"
                when = when if sure else f"one of the updates {known.whole + 1} to {known.update}"
                words = f"The gradient of '{name}' was not finite at {when}, which has made the parameter so."
                return Nonfinite(Where.GRADIENT, name, known.update, known.batch, words)
        return None

    def _tell(self, found: Nonfinite) -> None:
        self.found = found
        self.report(found)


class _Later:
    """A number on its way from the device: asking for it an update later waits for nothing that is still to be done."""

    def __init__(self, number: Tensor) -> None:
        self.event: torch.Event | None = None
        self.number = number
        if number.device.type == "cuda":
            self.number = torch.empty((), dtype=number.dtype, pin_memory=True).copy_(number, non_blocking=True)
            self.event = torch.Event(number.device)
            self.event.record()

    def value(self) -> float:
        if self.event is not None:
            self.event.synchronize()
        return float(self.number)


def _batch(step: Step) -> int:
    return step.update + 1 if step.batch is None else step.batch


def _given(step: Step) -> list[Tensor]:
    return list(chain.from_iterable(group["params"] for group in step.optimizer.param_groups))


def _gradients(step: Step) -> list[Tensor]:
    return [dense(each.grad) for each in _given(step) if each.grad is not None]


def _total(gradients: Sequence[Tensor]) -> Tensor:
    """Not finite if one of the gradients is not."""
    if all(each.is_cpu for each in gradients):
        return torch.tensor(sum(map(_sum, gradients)))
    return norms(gradients).sum()


def _immediate(total: Tensor) -> bool:
    return total.is_cpu


def _sum(values: Tensor) -> float:
    """Not finite if one of the values is not: the cheapest pass over them."""
    return values.sum(dtype=torch.float32 if values.dtype in HALF else None).item()


def _finite(ends: Sequence[Tensor]) -> bool:
    """Whether the gradients of these parameters are there and finite."""
    total = 0.0
    for each in ends:
        if each.grad is None:
            return False
        total += each.grad.sum().item()
    return bool(ends) and math.isfinite(total)


def _ends(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A small parameter near the inputs and one near the outputs, taken that they are in this order; none on a device.

    Near the outputs a matrix is preferred: its gradient holds what the layer was given too.
    """
    usable = [each for each in given if each.grad is not None and _plain(each.grad)]
    small = [each for each in usable if each.numel() <= SMALL] or usable
    if not small:
        return ()
    first, last = min(small[:2], key=Tensor.numel), max(small[-2:], key=Tensor.dim)
    return (first,) if first is last else (first, last)


def _plain(gradient: Tensor) -> bool:
    """Whether its sum needs no care: sums in half precision overflow."""
    return gradient.is_cpu and not gradient.is_sparse and gradient.dtype is not torch.float16


def _culprit(model: nn.Module, optimizer: Optimizer) -> str | None:
    """The parameter nearest the outputs that a gradient has made non-finite, and not the size of the step."""
    groups = {each: group for group in optimizer.param_groups for each in group["params"]}
    found = [(named(name), each) for name, each in plain(model).named_parameters() if each in groups and bad(each)]
    return next((name for name, each in reversed(found) if _poisoned(each, optimizer, groups[each])), None)


def _poisoned(parameter: Tensor, optimizer: Optimizer, group: dict[str, Any]) -> bool:
    """Its gradient was not finite: running means of it still are not; without these, a finite step makes no NaN."""
    kept = [each for each in optimizer.state.get(parameter, {}).values() if isinstance(each, Tensor) and each.dim()]
    if kept:
        return any(map(bad, kept))
    return math.isfinite(group.get("lr", math.inf)) and bool(parameter.isnan().any())

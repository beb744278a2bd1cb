"""Hosts probes on any training loop: one pass for all of them when one is due, next to nothing when none is.

What is measured stays on the device as one row an update and is fetched once for many rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.core.errors import SettingsError
from goodfit.core.probe import Activation, Need, Probe, Reading, Sight
from goodfit.core.run import Measurement
from goodfit.core.step import Event, Step, Wants
from goodfit.probes.layers import Layers, replay
from goodfit.probes.track import EARLY, IDLE, Plan, Track

ROWS = 100
"""Rows kept on the device before they are fetched."""
NOTHING = torch.empty(0)


@dataclass(frozen=True, eq=False)
class Row:
    """What was measured at one update: whose readings they are, in the order of their numbers."""

    step: int
    heads: tuple[tuple[Probe, tuple[str, ...], bool], ...]
    """Probe, layers, and whether standard errors follow the values."""
    seconds: float

    def measurements(self, numbers: Sequence[float]) -> list[Measurement]:
        found: list[Measurement] = []
        following = iter(numbers)
        seconds = self.seconds / max(1, sum(len(layers) for _, layers, _ in self.heads))
        for probe, layers, with_errors in self.heads:
            values = [next(following) for _ in layers]
            errors = [next(following) if with_errors else float("nan") for _ in layers]
            for layer, value, error in zip(layers, values, errors, strict=True):
                found.append(Measurement(probe.name, self.step, value, layer, error, probe.unit, seconds))
        return found


class Host:
    """A callback: measures all ``probes`` that are due, and looks at every ``every``-th update (the first included).

    Several optimisers of one model are followed each by its own count of updates.
    """

    events: Collection[Event] = frozenset({Event.FIT_START, Event.GRADIENT, Event.UPDATE, Event.FIT_END})

    def __init__(self, probes: Iterable[Probe], every: int = 1) -> None:
        if every < 1:
            raise SettingsError(f"every must be at least 1 update, got {every}")
        self.probes, self.every = tuple(probes), every
        self.dates = tuple((each.schedule.first, each.schedule.period(every)) for each in self.probes)
        self.early = {each.schedule.period(every) for each in self.probes if not EARLY.isdisjoint(each.needs)}
        self.first = max((each.schedule.first for each in self.probes), default=0)
        self.plans: dict[tuple[bool, ...], Plan] = {}
        self.planned = 0, IDLE
        self.coming = IDLE
        self.rows: list[tuple[Row, Tensor]] = []
        self.fetched: list[tuple[Row, list[float]]] = []
        self.tracks: dict[Optimizer, Track] = {}
        self.layers: Layers | None = None
        self.shown: dict[tuple[str, str], tuple[Probe, Reading]] = {}
        self.shown_seconds = 0.0
        self.actions: Mapping[Event, Callable[[Step], None]] = {
            Event.FIT_START: lambda step: self.prepare(step.model, self.plan(step.update + 1)),
            Event.GRADIENT: self._gradient,
            Event.UPDATE: self._update,
            Event.FIT_END: lambda step: self.close(),
        }

    def __call__(self, step: Step) -> None:
        self.actions[step.event](step)

    def wants(self, event: Event) -> Wants:
        """Between the updates that are due there is nothing to do."""
        if event is Event.GRADIENT:
            return lambda optimizer, update, batch: not update % self.every or update < self.first
        if event is Event.UPDATE:
            return lambda optimizer, update, batch: (
                update % self.every == 1 % self.every
                or update <= self.first
                or self.coming is not IDLE
                or (update % self.every == 0 and any(update % each == 0 for each in self.early))
            )
        return lambda optimizer, update, batch: True

    def lengths(self, optimizer: Optimizer, update: int) -> Tensor | None:
        """Norms of all gradients (and maybe of the parameters) after ``update`` updates, where they have been taken."""
        track = self.tracks.get(optimizer)
        known = track is not None and track.update == update and track.gradient_norms is not None
        return track.lengths if track is not None and known else None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All that was measured so far; fetches what still lies on the device."""
        self.flush()
        return tuple(chain.from_iterable(row.measurements(numbers) for row, numbers in self.fetched))

    def plan(self, update: int) -> Plan:
        """What is due at update number ``update`` (from 1)."""
        if not self._due(update):
            return IDLE
        if self.planned[0] != update:
            self.planned = update, self._plan(update)
        return self.planned[1]

    def _plan(self, update: int) -> Plan:
        due = tuple([update <= first or (update - 1) % period == 0 for first, period in self.dates])
        if due not in self.plans:
            self.plans[due] = Plan.of([each for each, is_due in zip(self.probes, due, strict=True) if is_due])
        return self.plans[due]

    def _due(self, update: int) -> bool:
        return (update - 1) % self.every == 0 or update <= self.first

    def prepare(self, model: nn.Module, plan: Plan) -> None:
        """Attach hooks before the forward pass if the update to come needs them, else remove them."""
        self.coming = plan if plan.watchers else IDLE
        self.shown, self.shown_seconds = {}, 0.0
        if self.layers is None or self.layers.model is not model:
            self.close()
            self.layers = Layers(model, self._show)
        if plan.watchers and not self.layers.compiled:
            self.layers.attach()
        else:
            self.layers.detach()

    def close(self) -> None:
        """Remove all hooks and fetch what lies on the device. Kept copies are let go."""
        if self.layers is not None:
            self.layers.detach()
        self.tracks.clear()
        self.flush()

    def flush(self) -> None:
        """Fetch all rows at once."""
        rows, self.rows = self.rows, []
        for _, group in groupby(rows, key=lambda each: each[1].device):
            together = list(group)
            numbers = iter(torch.cat([values for _, values in together]).tolist())
            self.fetched += [(row, list(islice(numbers, len(values)))) for row, values in together]

    def _show(self, activation: Activation) -> None:
        began = time.perf_counter()
        sight = Sight(0, activation.module, activation=activation)
        for probe in self.coming.watchers:
            reading = probe.measure(sight)
            if reading is not None:
                self.shown.setdefault((probe.name, reading.layers[0]), (probe, reading))
        self.shown_seconds += time.perf_counter() - began

    def _gradient(self, step: Step) -> None:
        plan = self.plan(step.update + 1)
        if plan is IDLE:
            return
        began = time.perf_counter()
        track = self.tracks.get(step.optimizer)
        if track is None:
            track = self.tracks[step.optimizer] = Track()
        with torch.no_grad():
            track.follow(step)
            track.measure(plan.needs)
        if plan.watchers and not self.shown:
            self._replay(step)
        track.plan, track.update, track.seconds = plan, step.update, time.perf_counter() - began

    def _replay(self, step: Step) -> None:
        """Hooks are not called in what was compiled: go through the batch once more."""
        if step.inputs is None or self.layers is None or not self.layers.sensors:
            return
        self.layers.attach()
        replay(step.model, step.inputs)
        self.layers.detach()

    def _update(self, step: Step) -> None:
        track, plan = self.tracks.get(step.optimizer), self.plan(step.update + 1)
        if track is not None:
            if track.plan is not IDLE:
                self._record(track, step)
                track.plan = IDLE
            if Need.PREVIOUS_GRADIENTS in plan.needs:
                track.keep(step)
        if plan.early or self.coming is not IDLE:
            self.prepare(step.model, plan)

    def _record(self, track: Track, step: Step) -> None:
        began = time.perf_counter()
        with torch.no_grad():
            sight = track.sight(step)
            read = [(each, each.measure(sight)) for each in track.plan.probes]
            readings = [*((each, found) for each, found in read if found is not None), *self.shown.values()]
            values = _together([part for _, reading in readings for part in _parts(reading)])
        heads = tuple((probe, found.layers, found.standard_errors is not None) for probe, found in readings)
        seconds = track.seconds + self.shown_seconds + time.perf_counter() - began
        self.rows.append((Row(step.update, heads, seconds), values))
        if len(self.rows) >= ROWS:
            self.flush()


def _parts(reading: Reading) -> list[Tensor]:
    return [reading.values] if reading.standard_errors is None else [reading.values, reading.standard_errors]


def _together(parts: list[Tensor]) -> Tensor:
    if not parts:
        return NOTHING
    try:
        return torch.cat(parts)
    except RuntimeError:  # on several devices
        return torch.cat([each.to(parts[0].device) for each in parts])

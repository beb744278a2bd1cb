"""`goodfit.watch`: measures anyone's PyTorch loop from the outside, and says at once when it meets NaN or infinity."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import chain
from types import TracebackType
from typing import Literal, Self

from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.core.errors import GoodfitWarning, SettingsError, TrainingError, did_you_mean
from goodfit.core.probe import Probe
from goodfit.core.run import Measurement
from goodfit.integrations.pytorch import BareLoop
from goodfit.probes import PROBES
from goodfit.probes.host import Host
from goodfit.probes.layers import named, plain
from goodfit.probes.nonfinite import Nonfinite
from goodfit.probes.sentinel import EVERY, Sentinel

OnNonfinite = Literal["warn", "raise", "ignore"]

# On healthy runs nothing is to be found: 0 of 120 (at most 2.5 %, with 95 % confidence) had a finding of any kind after
# 5, 20 or 100 updates or at the end, on draws that no threshold was chosen on (bench/watch_findings.py).
RECENT = 5
"""Measurements a finding is made from (their median), and the fewest for it: one batch is no finding."""
MOST_DEAD = 0.9
"""Of a layer's units, or of its values saturated. Healthy rectifiers have up to half of their units off in a batch."""
LARGE_UPDATE = 0.1
"""Of the weights' length in every update; about 0.001 is usual, and 0.1 turns the weights over in ten updates."""
LARGE_FIRST_UPDATE = 0.5
"""The same while the first five updates are among those measured: adaptive optimisers begin with long steps, and up to
0.36 was seen in healthy runs, above 0.1 in a quarter of them."""
SMALL_GRADIENT = 1e-4
"""First over last weight matrix, root mean squares: beyond what depth, width and initialisation do in a healthy one."""


def watch(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    *,
    every: int = 10,
    probes: Iterable[Probe] = PROBES,
    on_nonfinite: OnNonfinite = "warn",
) -> Watch:
    """Watch the training of ``model`` within ``with goodfit.watch(model, optimizer) as w:``; the loop stays as it is.

    ``probes`` measure at every ``every``-th update. NaN and infinity are looked for at each update: "warn" says once
    where they were first seen, "raise" ends the training with a `TrainingError` before the update is made.
    Weights, gradients, buffers, random numbers and modes are what they would be without it.
    """
    optimizers = [_inner(each) for each in (optimizer if isinstance(optimizer, Sequence) else [optimizer])]
    _check(model, optimizers)
    if on_nonfinite not in (choices := ("warn", "raise", "ignore")):
        raise SettingsError(f"on_nonfinite cannot be {on_nonfinite!r}", did_you_mean(str(on_nonfinite), choices))
    return Watch(model, optimizers, Host(probes, every), on_nonfinite)


class Watch:
    """A training that is being watched, or was: ``measurements``, ``findings``, ``nonfinite`` and ``table()``."""

    def __init__(self, model: nn.Module, optimizers: Sequence[Optimizer], host: Host, on_nonfinite: OnNonfinite):
        self.model, self.host, self.on_nonfinite = model, host, on_nonfinite
        self.sentinel = Sentinel(self._report, min(host.every, EVERY), host.lengths)
        # The host comes first: the sentinel reads the lengths that it has taken.
        callbacks = (host,) if on_nonfinite == "ignore" else (host, self.sentinel)
        self.loop = BareLoop(model, optimizers, callbacks)

    def __enter__(self) -> Self:
        self.loop.attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None and self.on_nonfinite == "raise":
            self.on_nonfinite = "warn"  # what already goes wrong is not to be hidden
        self.loop.detach()

    def loss(self, value: Tensor) -> None:
        """Tell of the loss of the batch that is going on; optional, so that NaN is seen before the backward pass."""
        self.loop.loss(value)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All that was measured so far, in order."""
        return self.host.measurements

    @property
    def nonfinite(self) -> Nonfinite | None:
        """The first non-finite number that was seen, and where."""
        return self.sentinel.found

    @property
    def findings(self) -> tuple[str, ...]:
        """What stands out, in words. No finding does not mean that the training is well: ask `goodfit.diagnose`."""
        found = [] if self.nonfinite is None else [self.nonfinite.sentence]
        recent = _recent(self.measurements)
        if not recent:
            return tuple(found)
        return (
            *found,
            *_unmoved(self.model, self.loop.optimizers, recent),
            *_extremes(recent),
            *_depth(self.model, recent),
        )

    def table(self) -> str:
        """The last value of each quantity, one line a layer or parameter."""
        header, rows = self._rows()
        lines = [header, *rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        header, rows = self._rows()
        head = "".join(f"<th>{escape(each)}</th>" for each in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows)
        words = "".join(f"<li>{escape(each)}</li>" for each in self.findings)
        return f"<ul>{words}</ul><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        last = {(each.layer, each.quantity): each.value for each in self.measurements}
        quantities = [each.name for each in self.host.probes if any(name == each.name for _, name in last)]
        layers = {layer for layer, _ in last}
        order = [*(each for each in _names(self.model) if each in layers), *sorted(layers - set(_names(self.model)))]
        cells = [[layer or "(all)", *(_shown(last.get((layer, each))) for each in quantities)] for layer in order]
        return ["layer", *quantities], cells

    def _report(self, found: Nonfinite) -> None:
        if self.on_nonfinite == "raise":
            raise TrainingError(found.sentence)
        warnings.warn(found.sentence, GoodfitWarning, stacklevel=2)


def _inner(optimizer: Optimizer) -> Optimizer:
    """The optimiser inside of a wrapper such as Accelerate's."""
    inner = getattr(optimizer, "optimizer", None)
    return inner if isinstance(inner, Optimizer) else optimizer


def _check(model: nn.Module, optimizers: Sequence[Optimizer]) -> None:
    if not isinstance(model, nn.Module):
        raise SettingsError(f"The model must be a torch.nn.Module, got {type(model).__name__}")
    for each in optimizers:
        if not isinstance(each, Optimizer):
            raise SettingsError(f"The optimizer must be a torch.optim.Optimizer, got {type(each).__name__}")
    known = set(model.parameters())
    if not known.intersection(_given(optimizers)):
        raise SettingsError(
            "None of the optimizer's parameters belongs to the model",
            "Make the optimizer from the parameters of the model that is trained.",
        )


def _given(optimizers: Iterable[Optimizer]) -> Iterator[Tensor]:
    return chain.from_iterable(group["params"] for each in optimizers for group in each.param_groups)


def _names(model: nn.Module) -> list[str]:
    """Modules and their parameters in the order of the model."""
    inner = plain(model)
    found: list[str] = []
    for name, module in inner.named_modules():
        before = f"{name}." if name else ""
        found += [named(name), *(named(before + each) for each, _ in module.named_parameters(recurse=False))]
    return [each for each in found if each]


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


Recent = dict[tuple[str, str], list[Measurement]]


def _recent(measurements: Iterable[Measurement]) -> Recent:
    """The last ones of each quantity and layer, where there are enough."""
    found: Recent = {}
    for each in measurements:
        found.setdefault((each.quantity, each.layer), []).append(each)
    return {key: each[-RECENT:] for key, each in found.items() if len(each) >= RECENT}


def _median(measurements: Iterable[Measurement]) -> float:
    return statistics.median(each.value for each in measurements)


def _unmoved(model: nn.Module, optimizers: Sequence[Optimizer], recent: Recent) -> Iterator[str]:
    given = set(_given(optimizers))
    for raw, parameter in plain(model).named_parameters():
        name = named(raw)
        lengths = [each.value for each in recent.get(("gradient_norm", name), [])]
        if not parameter.requires_grad:
            continue
        if parameter not in given:
            yield f"Parameter '{name}' was not given to the optimiser: it never moves."
        elif not any(lengths):
            yield f"Parameter '{name}' gets no gradient."


def _extremes(recent: Recent) -> Iterator[str]:
    for (quantity, layer), measured in recent.items():
        value = _median(measured)
        large = LARGE_FIRST_UPDATE if measured[0].step <= RECENT else LARGE_UPDATE
        if quantity == "dead_share" and value >= MOST_DEAD:
            yield f"{value:.0%} of the units after layer '{layer}' are dead: zero for every row."
        elif quantity == "saturated_share" and value >= MOST_DEAD:
            yield f"{value:.0%} of the activations after layer '{layer}' are saturated: hardly any gradient passes."
        elif quantity == "update_ratio" and large < value < float("inf") and layer.endswith("weight"):
            yield f"Each update moves '{layer}' by {value:.0%} of its length: the learning rate is very high."


def _depth(model: nn.Module, recent: Recent) -> Iterator[str]:
    sizes = {named(name): each.numel() for name, each in plain(model).named_parameters() if each.dim() > 1}
    known = [name for name in sizes if ("gradient_norm", name) in recent]
    rms = {name: _median(recent["gradient_norm", name]) / sizes[name] ** 0.5 for name in known}
    if len(known) < 2:
        return
    first, last = known[0], known[-1]
    if 0 < rms[first] < SMALL_GRADIENT * rms[last]:
        yield (
            f"The gradient vanishes on its way back: at '{first}' it is {rms[last] / rms[first]:.0e} times "
            f"smaller than at '{last}'."
        )

"""What one forward and one backward pass on one batch show: layer by layer, and at the output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.core.task import Loss
from goodfit.probes.undisturbed import first_tensor, trainable, undisturbed
from goodfit.probes.watching import Seen, rms, watching

NORMALISED = 1e-4
"""Largest distance of a row's sum from one that rounding may leave; float32 softmax stays below 1e-6."""

SAME = 1e-6
"""Outputs whose rows differ by less than this share of their largest value are the same for every row."""


@dataclass(frozen=True)
class LayerSignal:
    """One weight layer in its first call of the pass. Shares and spreads have no unit; nan: does not apply."""

    name: str
    kind: str
    units: int
    output_std: float
    output_rms: float
    input_rms: float
    gradient_rms: float
    """Of its weights, an embedding's over the rows it was asked for; 0 if none arrives, nan if it is frozen."""
    weight_rms: float
    dead: float
    """Share of its units whose following ReLU gives zero for all rows; nan where no ReLU follows."""
    saturated: float
    """Share of the following sigmoid's or tanh's values within 0.01 of a bound; nan where none follows."""
    unit_spread: float
    """Standard deviation over units relative to that over everything; 0: all units say the same."""
    row_spread: float
    """Standard deviation over rows relative to the root mean square; 0: the same for every row."""


@dataclass(frozen=True)
class OutputRange:
    """The model's outputs on the batch; ``low`` to ``std`` are of the finite ones."""

    low: float
    high: float
    mean: float
    std: float
    rows_sum_to_one: bool
    """Non-negative, and the sum over axis 1 (or the last) is one: probabilities over classes."""
    log_rows: bool
    """The same of their exponentials: log-probabilities."""
    shape: tuple[int, ...]
    nonfinite: float
    constant: bool
    """The same for all rows."""


@dataclass(frozen=True)
class Signals:
    """One forward and backward pass on one batch."""

    loss: float
    finite: bool
    """Loss, outputs and gradient are all finite."""
    layers: tuple[LayerSignal, ...]
    """In the order of execution; the last is taken as the output layer."""
    gradient_norm: float
    outputs: OutputRange
    unreached: tuple[str, ...]
    """Parameters that require a gradient and got none, or exactly zero."""
    first_nonfinite: str | None
    loose_dead: float = float("nan")
    """Dead share of rectifiers that follow weights used without a module; nan without such."""

    @property
    def hidden(self) -> tuple[LayerSignal, ...]:
        """The layers that multiply, without the output layer. Embeddings only look up."""
        return tuple(each for each in self.layers[:-1] if not each.kind.startswith("Embedding"))

    @property
    def gradient_ratio(self) -> float:
        """Gradient of the first over the last hidden layer (root mean squares); nan with fewer than two."""
        found = [each.gradient_rms for each in self.hidden if not math.isnan(each.gradient_rms)]
        if len(found) < 2:
            return float("nan")
        return found[0] / found[-1] if found[-1] else math.inf if found[0] else float("nan")

    @property
    def gradient_slope(self) -> float:
        """log10 of the factor by which the gradient grows from one hidden layer to the next."""
        return _slope([each.gradient_rms for each in self.hidden])

    @property
    def activation_slope(self) -> float:
        """log10 of the factor by which the outputs' standard deviation grows from one hidden layer to the next."""
        return _slope([each.output_std for each in self.hidden])

    @property
    def dead_share(self) -> float:
        """Share of dead units among all units with a ReLU, else `loose_dead`; nan where there is none."""
        found = [each for each in self.layers if not math.isnan(each.dead)]
        total = sum(each.units for each in found)
        return sum(each.dead * each.units for each in found) / total if total else self.loose_dead

    @property
    def worst_dead(self) -> float:
        """Share of dead units in the layer that has most of them."""
        return max((each.dead for each in self.layers if not math.isnan(each.dead)), default=self.loose_dead)

    @property
    def saturated_share(self) -> float:
        """Mean share of saturated values over the hidden layers with sigmoid or tanh."""
        found = [each.saturated for each in self.layers[:-1] if not math.isnan(each.saturated)]
        return float(np.mean(found)) if found else float("nan")


def signals(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, *, train: bool = True) -> Signals:
    """One forward and backward pass on one batch, in the mode of training or of evaluation.

    Activations are seen as modules and as functions alike and counted to the weight layer called last before them.
    """
    parameters = trainable(model)
    with undisturbed(model, "train" if train else "eval"), torch.enable_grad():
        with watching(model) as seen:
            outputs = model(inputs.clone())
        value = loss(outputs, targets)
        gradients = _gradients(value, parameters)
    level = float(value.detach())
    norm = math.hypot(*(float(torch.linalg.vector_norm(each.double())) for each in gradients.values()))
    result = first_tensor(outputs)
    shown = output_range(torch.empty(0) if result is None else result.detach())
    return Signals(
        loss=level,
        finite=math.isfinite(level) and math.isfinite(norm) and shown.nonfinite == 0,
        layers=tuple(_layer(each, parameters, gradients) for each in seen.layers),
        gradient_norm=norm,
        outputs=shown,
        unreached=tuple(name for name in parameters if name not in gradients or not bool(gradients[name].any())),
        first_nonfinite=next((each.name for each in seen.layers if not each.finite), None),
        loose_dead=float(np.mean(seen.loose)) if seen.loose else float("nan"),
    )


def updated(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the entries that did NOT move, bit for bit, between two state dicts (or ``dict(named_parameters())``).

    Non-finite values count as moved, and so do entries that only one of the two has.
    """
    return tuple(name for name, value in before.items() if name in after and torch.equal(value, after[name]))


def output_range(outputs: Tensor) -> OutputRange:
    """What the outputs look like; a model that returns no tensor has none."""
    values = outputs.double()
    finite = values[values.isfinite()]
    whole = bool(values.numel()) and len(finite) == values.numel()
    low, high, mean, std = (
        (float(finite.min()), float(finite.max()), float(finite.mean()), float(finite.std(correction=0)))
        if len(finite)
        else (float("nan"),) * 4
    )
    return OutputRange(
        low=low,
        high=high,
        mean=mean,
        std=std,
        rows_sum_to_one=whole and low >= 0 and _sums_to_one(values),
        log_rows=whole and high <= NORMALISED and _sums_to_one(values.exp()),
        shape=tuple(outputs.shape),
        nonfinite=1 - len(finite) / values.numel() if values.numel() else 0.0,
        constant=whole and _constant(values),
    )


def _sums_to_one(values: Tensor) -> bool:
    axes = {1, values.dim() - 1} if values.dim() > 1 else set()
    return any(values.shape[axis] > 1 and bool(((values.sum(dim=axis) - 1).abs() < NORMALISED).all()) for axis in axes)


def _constant(values: Tensor) -> bool:
    if values.dim() == 0 or len(values) < 2:
        return False
    return float((values - values[:1]).abs().max()) <= SAME * float(values.abs().max())


def _gradients(value: Tensor, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    if not value.requires_grad or not parameters:
        return {}
    found = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    pairs = zip(parameters, found, strict=True)
    return {name: each.to_dense() if each.is_sparse else each for name, each in pairs if each is not None}


def _layer(seen: Seen, parameters: Mapping[str, nn.Parameter], gradients: Mapping[str, Tensor]) -> LayerSignal:
    weights = [each for each in seen.module.parameters() if each.dim() > 1]
    names = {id(each): name for name, each in parameters.items()}
    trained = [(names[id(each)], each) for each in weights if id(each) in names]
    arrived = [gradients.get(name, torch.zeros_like(each)) for name, each in trained]
    if isinstance(seen.module, nn.Embedding | nn.EmbeddingBag):
        arrived = [each[each.flatten(1).any(dim=1)] for each in arrived]
    return LayerSignal(
        name=seen.name,
        kind=type(seen.module).__name__,
        units=seen.units,
        output_std=seen.output_std,
        output_rms=seen.output_rms,
        input_rms=seen.input_rms,
        gradient_rms=_rms_of_all(arrived) if trained else float("nan"),
        weight_rms=_rms_of_all(weights),
        dead=float(np.mean(seen.dead)) if seen.dead else float("nan"),
        saturated=float(np.mean(seen.saturated)) if seen.saturated else float("nan"),
        unit_spread=seen.unit_spread,
        row_spread=seen.row_spread,
    )


def _rms_of_all(tensors: Iterable[Tensor]) -> float:
    parts = [each.detach().flatten() for each in tensors]
    return rms(torch.cat(parts)) if parts else float("nan")


def _slope(values: Sequence[float]) -> float:
    """Least-squares slope of log10 over the index; zeros and non-finite values are left out, nan with fewer than 2."""
    known = [(index, math.log10(value)) for index, value in enumerate(values) if math.isfinite(value) and value > 0]
    if len(known) < 2:
        return float("nan")
    index, logs = np.array(known).T
    return float(np.polyfit(index, logs, 1)[0])

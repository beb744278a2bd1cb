"""Small networks of every kind whose Hessian can be written out in full, and that Hessian by another way.

The oracle shares no code with the operator: `torch.autograd.functional.hessian` of one flat vector, in float64, and
`differences` of gradients, which need no second derivative at all. (`torch.func.hessian` would not do: for layer and
batch normalisation, and for attention with dropout, what it returns is not even symmetric with torch 2.13.)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.func import functional_call
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from goodfit.core.task import Batch, Loss

SEED = 0
ROWS = 12


@dataclass(frozen=True, eq=False)
class Case:
    """A model with weights that are drawn, not trained, in float64; ``mode`` is how it is to be measured."""

    name: str
    model: nn.Module
    loss: Loss
    inputs: Tensor
    targets: Tensor
    mode: Literal["train", "eval"]
    splits: bool = True
    """Whether the loss of all rows follows from micro-batches: not where rows share statistics or draw masks."""

    @property
    def batches(self) -> list[Batch]:
        return [(self.inputs, self.targets)]

    @property
    def micro_batches(self) -> list[Batch]:
        """Three batches of 5, 5 and 2 rows."""
        return list(zip(self.inputs.split(5), self.targets.split(5), strict=True))


class Attention(nn.Module):
    """One head of attention over (batch, length, width), written out or by torch's own function; pooled."""

    def __init__(self, width: int = 4, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.parts, self.out = nn.Linear(width, 3 * width), nn.Linear(width, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        queries, keys, values = self.parts(inputs).chunk(3, -1)
        if self.fused:
            one_head = (each[:, None] for each in (queries, keys, values))  # without that axis no fused kernel is used
            mixed = functional.scaled_dot_product_attention(*one_head)[:, 0]
        else:
            mixed = (queries @ keys.transpose(-2, -1) / math.sqrt(keys.shape[-1])).softmax(-1) @ values
        return self.out(mixed.mean(1))


class Encoder(nn.Module):
    """`nn.TransformerEncoder` over (batch, length, 4), one answer a token (batch, classes, length)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=dropout, activation="gelu", batch_first=True)
        self.encoder, self.out = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(self.encoder(inputs)).transpose(1, 2)


class Recurrent(nn.Module):
    """`nn.GRU` over (batch, length, 4), its last state read out."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(4, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(self.gru(inputs)[0][:, -1])


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4, bias=False), nn.Linear(4, 4)
        self.decoder.weight = self.encoder.weight

    def forward(self, inputs: Tensor) -> Tensor:
        return self.decoder(torch.tanh(self.encoder(inputs)))


def mlp(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), *between, nn.Tanh(), nn.Linear(6, 3))


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 4)),
        nn.Conv1d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


def frozen() -> nn.Sequential:
    made = mlp()
    made[0].requires_grad_(False)
    return made


def summed(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, targets, reduction="sum")


Made = tuple[str, Callable[[], nn.Module], Loss, str, Literal["train", "eval"], bool]
_MEAN = functional.cross_entropy
_TABLE: tuple[Made, ...] = (
    ("MLP", mlp, _MEAN, "rows", "eval", True),
    ("CNN", cnn, _MEAN, "rows", "eval", True),
    ("BatchNorm, train", lambda: mlp(nn.BatchNorm1d(6)), _MEAN, "rows", "train", False),
    ("BatchNorm, eval", lambda: mlp(nn.BatchNorm1d(6)), _MEAN, "rows", "eval", True),
    ("dropout, train", lambda: mlp(nn.Dropout(0.5)), _MEAN, "rows", "train", False),
    ("explicit attention", lambda: Attention(fused=False), _MEAN, "sentences", "eval", True),
    ("F.scaled_dot_product_attention", lambda: Attention(fused=True), _MEAN, "sentences", "eval", True),
    ("nn.TransformerEncoder, train", lambda: Encoder(0.0), _MEAN, "tokens", "train", True),
    ("nn.TransformerEncoder, eval", lambda: Encoder(0.2), _MEAN, "tokens", "eval", True),
    ("nn.TransformerEncoder, dropout", lambda: Encoder(0.2), _MEAN, "tokens", "train", False),
    ("GRU", Recurrent, _MEAN, "sentences", "eval", True),
    ("tied weights", Tied, functional.mse_loss, "numbers", "eval", True),
    ("frozen parameters", frozen, _MEAN, "rows", "eval", True),
    ("sum loss", mlp, summed, "rows", "eval", True),
    ("masked loss", lambda: Encoder(0.0), _MEAN, "masked", "eval", True),
)
NAMES = tuple(each[0] for each in _TABLE)


def case(name: str) -> Case:
    """The case called ``name``, always with the same weights and data."""
    _, model, loss, data, mode, splits = next(each for each in _TABLE if each[0] == name)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        made = model().double()
        inputs, targets = _data(data)
        _settle(made, inputs)
    return Case(name, made, loss, inputs, targets, mode, splits)


def cases() -> list[Case]:
    return [case(name) for name in NAMES]


def _data(kind: str) -> Batch:
    shape = (ROWS, 4) if kind in ("rows", "numbers") else (ROWS, 5, 4)
    inputs = torch.randn(shape, dtype=torch.float64)
    if kind == "numbers":
        return inputs, torch.randn(ROWS, 4, dtype=torch.float64)
    targets = torch.randint(0, 3, (ROWS, 5) if kind in ("tokens", "masked") else (ROWS,))
    if kind == "masked":  # from one to five tokens count: batches of as many rows weigh unequally
        targets = targets.where(torch.arange(5) < 1 + torch.arange(ROWS)[:, None] // 3, -100)
    return inputs, targets


@torch.no_grad()
def _settle(model: nn.Module, inputs: Tensor) -> None:
    """Running statistics that are not those of the batch, and biases and gains off their starting values."""
    for parameter in model.parameters():
        parameter += 0.2 * torch.randn_like(parameter)
    model.train()(2 * inputs + 1)


def oracle(made: Case) -> Tensor:
    """The Hessian over all trainable parameters in the order of the model: (parameters, parameters), float64."""
    level, vector = _as_function(made)
    with _steady():
        found: Tensor = hessian(level, vector)
    return found


def differences(made: Case, step: float = 1e-5) -> Tensor:
    """The same by central differences of the gradient."""
    level, vector = _as_function(made)
    rows = []
    for unit in torch.eye(len(vector), dtype=vector.dtype):
        slopes = []
        for sign in (1, -1):
            moved = (vector + sign * step * unit).requires_grad_()
            with _steady():
                slopes += torch.autograd.grad(level(moved), moved)
        rows.append((slopes[0] - slopes[1]) / (2 * step))
    return torch.stack(rows)


def _as_function(made: Case) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The loss as a function of one vector, and the vector of today's weights."""
    model = copy.deepcopy(made.model).train(made.mode == "train")
    named = {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}
    sizes = [each.numel() for each in named.values()]

    def level(vector: Tensor) -> Tensor:
        parts = zip(named.items(), vector.split(sizes), strict=True)
        weights = {name: part.view_as(each) for (name, each), part in parts}
        buffers = {name: each.clone() for name, each in model.named_buffers()}
        return made.loss(functional_call(model, (weights, buffers), (made.inputs,)), made.targets)

    return level, torch.cat([each.flatten() for each in named.values()])


@contextmanager
def _steady() -> Iterator[None]:
    """The same dropout masks each time, and only the arithmetic that torch can differentiate twice."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.random.fork_rng(), sdpa_kernel(SDPBackend.MATH):
            torch.manual_seed(SEED)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)

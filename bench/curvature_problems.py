"""The problems on which curvature is measured: four networks, partly trained by 40 steps of Adam on one batch.

s  MLP 64-12-12-10, tanh                  digits, 1797 rows       1 066 parameters: small enough for a dense Hessian
a  MLP 64-256-256-10, ReLU                digits, 1797 rows      85 002
b  CNN of three convolutions, ReLU        digits, 512 pictures   92 866
c  Transformer, two pre-norm layers, d=64 labels of 64 x 32 tokens  73 996
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.task import Batch, Loss

STEPS = 40
"""Steps of Adam at its default rate: trained in part, as a network is when one asks."""
NAMES = ("s", "a", "b", "c")
QUICK = ("s", "a")
TOKENS, LENGTH, CLASSES = 64, 32, 12


@dataclass(frozen=True, eq=False)
class Problem:
    """A network, its loss (a mean over rows or tokens), and the one batch that is measured."""

    name: str
    model: nn.Module
    loss: Loss
    inputs: Tensor
    targets: Tensor

    @property
    def batches(self) -> list[Batch]:
        return [(self.inputs, self.targets)]

    @property
    def size(self) -> int:
        return sum(each.numel() for each in self.model.parameters())


def problem(name: str, seed: int = 0) -> Problem:
    """The problem called ``name``, the same one each time for a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = MAKERS[name]()
        _train(made)
    return made


def problems(names: Iterable[str] = NAMES, seed: int = 0) -> list[Problem]:
    return [problem(name, seed) for name in names]


def _train(made: Problem) -> None:
    optimiser = torch.optim.Adam(made.model.parameters())
    for _ in range(STEPS):
        optimiser.zero_grad()
        made.loss(made.model(made.inputs), made.targets).backward()
        optimiser.step()
    optimiser.zero_grad()


def digits() -> Batch:
    """All 1797 digits, each input standardised as one: (1797, 64) and class numbers."""
    inputs, targets = load_digits(return_X_y=True)
    pixels = torch.from_numpy(inputs).float()
    return (pixels - pixels.mean()) / pixels.std(), torch.from_numpy(targets).long()


def mlp(width: int, unit: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, width), unit(), nn.Linear(width, width), unit(), nn.Linear(width, 10))


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 120, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(480, 10),
    )


class Block(nn.Module):
    """Attention written out, so that any tool can differentiate it twice; normalised before (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, vectors: Tensor) -> Tensor:
        batch, length, width = vectors.shape
        parts = self.queries_keys_values(self.before(vectors)).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        scores = queries @ keys.transpose(-2, -1) / math.sqrt(width // self.heads)
        mixed = (scores.softmax(-1) @ values).transpose(1, 2).reshape(batch, length, width)
        vectors = vectors + self.output(mixed)
        return vectors + self.feed_forward(self.between(vectors))


class Labels(nn.Module):
    """Tokens (batch, length) to one class a token (batch, classes, length)."""

    def __init__(self, width: int = 64, depth: int = 2) -> None:
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, width)
        self.position = nn.Parameter(torch.randn(LENGTH, width) / math.sqrt(width))
        self.blocks = nn.Sequential(*(Block(width, 4, 2 * width) for _ in range(depth)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, CLASSES))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.blocks(self.tokens(tokens) + self.position)).transpose(1, 2)


def sentences() -> Batch:
    """64 x 32 random tokens; a label depends on its token and on the one before."""
    tokens = torch.randint(0, TOKENS, (64, LENGTH))
    return tokens, (tokens + tokens.roll(1, dims=1)) % CLASSES


def _digits(name: str, model: nn.Module, rows: int = 1797) -> Problem:
    inputs, targets = digits()
    return Problem(name, model, functional.cross_entropy, inputs[:rows], targets[:rows])


MAKERS: dict[str, Callable[[], Problem]] = {
    "s": lambda: _digits("s", mlp(12, nn.Tanh)),
    "a": lambda: _digits("a", mlp(256, nn.ReLU)),
    "b": lambda: _digits("b", cnn(), rows=512),
    "c": lambda: Problem("c", Labels(), functional.cross_entropy, *sentences()),
}

"""Data, networks and optimisers of which the small jobs are made; every data set is generated or ships with sklearn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_moons
from torch import Tensor, nn
from torch.utils.data import TensorDataset

Array = NDArray[Any]
Parts = tuple[Array, Array, Array, Array]
Job = dict[str, Any]
CROSS = nn.CrossEntropyLoss()


def tensor(values: ArrayLike) -> Tensor:
    array = np.ascontiguousarray(values)
    return torch.as_tensor(array, dtype=torch.long if array.dtype.kind in "iu" else torch.float32)


def pair(x: ArrayLike, y: ArrayLike) -> TensorDataset:
    return TensorDataset(tensor(x), tensor(y))


def job(parts: Parts, model: Callable[[], nn.Module], loss: Any, optimizer: Any, **given: Any) -> Job:
    """A classification job of shuffled batches of 32 rows and 10 epochs, unless ``given`` says otherwise."""
    x, y, v, w = parts
    settings = {"batch_size": 32, "epochs": 10, "shuffle": True, "task": "classification", **given}
    return {"model": model, "loss": loss, "optimizer": optimizer, "train": pair(x, y), "val": pair(v, w), **settings}


def adam(rate: float, **settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.Adam(parameters, lr=rate, **settings)


def sgd(rate: float, momentum: float = 0.0, **settings: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=momentum, **settings)


# -- networks


def net(*sizes: int, act: Callable[[], nn.Module] = nn.ReLU, end: Sequence[nn.Module] = ()) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs), act()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]), *end)


def linears(model: nn.Module) -> list[nn.Linear]:
    return [each for each in model.modules() if isinstance(each, nn.Linear)]


class Squeeze(nn.Module):
    """(rows, 1) to (rows,)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.squeeze(1)


class Bag(nn.Module):
    """Words to vectors, vectors to their mean (over all places, or over those that are not 0), and a head."""

    def __init__(self, words: int, outputs: int, masked: bool = False, width: int = 16) -> None:
        super().__init__()
        self.words, self.masked = nn.Embedding(words, width), masked
        self.head = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, outputs))

    def forward(self, x: Tensor) -> Tensor:
        vectors = self.words(x)
        if not self.masked:
            return self.head(vectors.mean(1))
        real = (x != 0).unsqueeze(2).float()
        return self.head((vectors * real).sum(1) / real.sum(1))


class Attending(nn.Module):
    """Transformer blocks (normalised after the sum, as torch has them) and a mean over the places."""

    def __init__(self, words: int, outputs: int, length: int = 0, depth: int = 1, width: int = 16) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Parameter(0.3 * torch.randn(length, width)) if length else None
        blocks = [nn.TransformerEncoderLayer(width, 2, 2 * width, 0.0, batch_first=True) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        vectors = self.words(x) if self.places is None else self.words(x) + self.places
        return self.head(self.blocks(vectors).mean(1))


# -- data: training inputs and targets, validation inputs and targets


def cut(x: Array, y: Array, share: float = 0.7, seed: int = 0) -> Parts:
    order = np.random.default_rng(seed).permutation(len(x))
    first, second = np.split(order, [int(len(x) * share)])
    return x[first], y[first], x[second], y[second]


def scaled(parts: Parts) -> Parts:
    x, y, v, w = parts
    mean, deviation = x.mean(0), x.std(0)
    return (x - mean) / deviation, y, (v - mean) / deviation, w


def moons(rows: int = 400, noise: float = 0.15, seed: int = 0) -> Parts:
    return cut(*make_moons(rows, noise=noise, random_state=seed), seed=seed)


def wine(seed: int = 0) -> Parts:
    return scaled(cut(*load_wine(return_X_y=True), seed=seed))


def iris(seed: int = 0) -> Parts:
    return scaled(cut(*load_iris(return_X_y=True), seed=seed))


def cancer(rows: int = 360, seed: int = 0) -> Parts:
    x, y = load_breast_cancer(return_X_y=True)
    kept = np.random.default_rng(seed).permutation(len(x))[:rows]
    return scaled(cut(x[kept], y[kept], seed=seed))


def clouds(rows: int = 400, classes: int = 4, columns: int = 6, apart: float = 3.0, seed: int = 0) -> Parts:
    """Gaussian clouds of unit deviation around one centre a class."""
    r = np.random.default_rng(seed)
    centres = r.normal(size=(classes, columns)) * apart / np.sqrt(2)
    y = r.integers(0, classes, rows)
    return cut(centres[y] + r.normal(size=(rows, columns)), y, seed=seed)


def rings(rows: int = 400, seed: int = 0, kinds: int = 3) -> Parts:
    """Rings around each other: no straight line parts them."""
    r = np.random.default_rng(seed)
    y = r.integers(0, kinds, rows)
    angle, radius = r.uniform(0, 2 * np.pi, rows), 0.6 * (y + 0.5) + r.normal(0, 0.07, rows)
    return cut(np.c_[radius * np.cos(angle), radius * np.sin(angle)], y, seed=seed)


def surface(rows: int = 400, noise: float = 0.1, columns: int = 4, seed: int = 0) -> Parts:
    """A smooth surface over ``columns`` normal columns, about standardised; targets of one column."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(rows, columns))
    y = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] - 0.6 * x[:, 3] + noise * r.normal(size=rows)
    return cut(x, y[:, None], seed=seed)


def plane(rows: int = 400, noise: float = 0.1, columns: int = 5, seed: int = 0) -> Parts:
    r = np.random.default_rng(seed)
    x = r.normal(size=(rows, columns))
    return cut(x, (x @ np.linspace(-1, 1, columns))[:, None] + noise * r.normal(size=(rows, 1)), seed=seed)


def bags(rows: int = 450, words: int = 6, length: int = 6, seed: int = 0) -> Parts:
    """Which third of the vocabulary has most of the words: order does not matter."""
    r = np.random.default_rng(seed)
    y = r.integers(0, 3, rows)
    own = 1 + y[:, None] * (words // 3) + r.integers(0, words // 3, (rows, length))
    return cut(np.where(r.random((rows, length)) < 0.5, own, r.integers(1, words + 1, (rows, length))), y, seed=seed)


def orders(rows: int = 500, length: int = 6, seed: int = 0) -> Parts:
    """Words 1 and 2 stand in each row once, among 3 to 6: which comes first?"""
    r = np.random.default_rng(seed)
    x = r.integers(3, 7, (rows, length))
    places = np.argsort(r.random((rows, length)), axis=1)[:, :2]
    x[np.arange(rows), places[:, 0]], x[np.arange(rows), places[:, 1]] = 1, 2
    return cut(x, (places[:, 0] < places[:, 1]).astype(int), seed=seed)


def padded(rows: int = 450, length: int = 20, seed: int = 0) -> Parts:
    """Five to twenty words, then zeros; the class is which share of the words is word 1 (few, some, most)."""
    r = np.random.default_rng(seed)
    y = r.integers(0, 3, rows)
    x = np.where(r.random((rows, length)) < np.array([0.1, 0.5, 0.9])[y][:, None], 1, 2)
    x[np.arange(length) >= r.integers(5, length + 1, rows)[:, None]] = 0
    return cut(x, y, seed=seed)


def lasts(rows: int = 400, length: int = 30, seed: int = 0) -> Parts:
    """Two to 20 of the words 1 to 3, then zeros; the class is the last word."""
    r = np.random.default_rng(seed)
    x, sizes = r.integers(1, 4, (rows, length)), r.integers(2, 21, rows)
    y = x[np.arange(rows), sizes - 1] - 1
    x[np.arange(length) >= sizes[:, None]] = 0
    return cut(x, y, seed=seed)

"""Data of the healthy runs: the packaged small sets and generated ones, split at random, inputs standardised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from bench.jobs._common import cut, standardise

Array = NDArray[Any]
Rows = tuple[Array, Array]

TABLE = ("relu", "tanh", "gelu", "batch norm", "dropout", "layer norm", "residual")
SMALL = ("linear", "narrow", "narrow tanh")


@dataclass(frozen=True)
class Data:
    """One data set and what suits it: models by name, the width of hidden layers, batch size and epochs.

    `draw(seed)` returns inputs and targets; `share` of the rows, drawn with the same seed, are for training.
    """

    name: str
    task: str
    draw: Callable[[int], Rows]
    models: tuple[str, ...]
    outputs: int
    width: int
    batch: int
    epochs: int
    share: float = 0.7
    scaled: bool = True

    def split(self, seed: int) -> tuple[Array, Array, Array, Array]:
        """Inputs and targets of training, then of validation; columns (and real targets) with training statistics."""
        a, b, c, d = cut(*self.draw(seed), self.share, seed)
        if self.scaled:
            a, c = standardise(a, c)
        if self.task == "regression":
            b, d = standardise(b, d)
        return a, b, c, d


def packaged(load: Callable[..., Any], floats: bool = False) -> Callable[[int], Rows]:
    """A packaged set: class numbers, or with `floats` targets in one column."""

    def draw(seed: int) -> Rows:
        x, y = load(return_X_y=True)
        return x, y[:, None].astype("float32") if floats else y

    return draw


def generated(make: Callable[..., Any], floats: bool = False, **settings: Any) -> Callable[[int], Rows]:
    """A scikit-learn generator with these settings; another draw a seed."""

    def draw(seed: int) -> Rows:
        x, y = make(random_state=seed, **settings)[:2]
        return x, (y[:, None] if y.ndim == 1 else y).astype("float32") if floats else y

    return draw


def digits(shape: tuple[int, ...]) -> Callable[[int], Rows]:
    def draw(seed: int) -> Rows:
        x, y = datasets.load_digits(return_X_y=True)
        return (x / 16.0).reshape(-1, *shape), y

    return draw


def overlapping(seed: int) -> Rows:
    """Two unit Gaussians 1.7 apart in ten columns: no classifier is right in more than four of five."""
    r = np.random.RandomState(seed)
    y = r.randint(0, 2, 1800)
    x = r.randn(1800, 10)
    x[:, :4] += 0.85 * (2 * y[:, None] - 1) / 2
    return x, y


def wave(seed: int) -> Rows:
    """A noisy sine over one column."""
    r = np.random.RandomState(seed)
    x = r.uniform(-3, 3, (600, 1))
    return x, np.sin(2 * x) + 0.15 * r.randn(600, 1)


def padded(seed: int, rows: int = 1300, length: int = 10, words: int = 10) -> tuple[Array, Array]:
    """Five to ten words (1 to 9) a row, then zeros; and which places are padding."""
    r = np.random.RandomState(seed)
    padding = np.arange(length) >= r.randint(5, length + 1, (rows, 1))
    return np.where(padding, 0, r.randint(1, words, (rows, length))), padding


def counted(seed: int) -> Rows:
    """Class 1 where more than a third of the words are below 4: the order does not matter."""
    x, padding = padded(seed)
    return x, (3 * ((x < 4) & ~padding).sum(1) > (~padding).sum(1)).astype("int64")


def compared(seed: int) -> Rows:
    """A tag a word: smaller than, equal to or larger than the word before it."""
    x, padding = padded(seed)
    before = np.concatenate([np.zeros((len(x), 1), dtype=x.dtype), x[:, :-1]], 1)
    return x, np.where(padding, -100, np.sign(x - before) + 1)


def after_first(seed: int) -> Rows:
    """A tag a word: whether it is larger than the row's first word."""
    x, padding = padded(seed)
    return x, np.where(padding, -100, x > x[:, :1])


CLASSES, REAL, TAGS = "classification", "regression", "sequence_labelling"
DATA: tuple[Data, ...] = (
    Data("iris", CLASSES, packaged(datasets.load_iris), SMALL, 3, 12, 16, 50),
    Data("wine", CLASSES, packaged(datasets.load_wine), (*SMALL, "dropout", "frozen"), 3, 12, 16, 25),
    Data("breast cancer", CLASSES, packaged(datasets.load_breast_cancer), (*SMALL, "frozen"), 2, 12, 32, 15),
    Data("breast cancer, one output", CLASSES, packaged(datasets.load_breast_cancer, True), SMALL, 1, 12, 32, 15),
    Data("digits", CLASSES, digits((64,)), (*TABLE, "frozen"), 10, 48, 32, 15, 0.8, scaled=False),
    Data("digit images", CLASSES, digits((1, 8, 8)), ("cnn", "cnn norm", "cnn dropout"), 10, 12, 32, 12, 0.8, False),
    Data("moons", CLASSES, generated(datasets.make_moons, n_samples=1000, noise=0.2), TABLE, 2, 24, 32, 40),
    Data(
        "circles", CLASSES, generated(datasets.make_circles, n_samples=1000, noise=0.08, factor=0.5),
        TABLE, 2, 24, 32, 30,
    ),
    Data(
        "blobs", CLASSES, generated(datasets.make_blobs, n_samples=900, n_features=4, centers=4, cluster_std=2.0),
        (*SMALL, *TABLE), 4, 16, 32, 20,
    ),
    Data("overlapping", CLASSES, overlapping, (*SMALL, "dropout"), 2, 8, 64, 15),
    Data(
        "multilabel", CLASSES,
        generated(datasets.make_multilabel_classification, True, n_samples=1800, n_features=15, n_classes=4),
        (*SMALL, "dropout", "layer norm"), 4, 16, 64, 20,
    ),
    Data("diabetes", REAL, packaged(datasets.load_diabetes, True), SMALL[:2], 1, 6, 32, 25),
    Data("friedman", REAL, generated(datasets.make_friedman1, True, n_samples=1400, noise=1.0), TABLE, 1, 24, 32, 35),
    Data("friedman 2", REAL, generated(datasets.make_friedman2, True, n_samples=999, noise=30.0), TABLE, 1, 24, 32, 25),
    Data(
        "noisy friedman", REAL, generated(datasets.make_friedman1, True, n_samples=2000, n_features=5, noise=4.5),
        ("narrow",), 1, 10, 64, 15,
    ),
    Data(
        "noisy line", REAL,
        generated(datasets.make_regression, True, n_samples=1200, n_features=8, n_informative=4, noise=80.0),
        SMALL, 1, 6, 64, 20,
    ),
    Data("wave", REAL, wave, ("tanh", "gelu", "residual"), 1, 32, 32, 80),
    Data("counted words", CLASSES, counted, ("bag", "gru", "attention"), 2, 24, 32, 12, 0.8, scaled=False),
    Data("compared words", TAGS, compared, ("gru", "conv", "attention"), 3, 24, 32, 12, 0.8, scaled=False),
    Data("words after the first", TAGS, after_first, ("gru", "attention"), 2, 24, 32, 15, 0.8, scaled=False),
)  # fmt: skip
"""Every set with the models that fit it: small noisy sets get narrow ones, curved ones no straight line."""

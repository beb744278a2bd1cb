"""Small jobs with a test part, and facts of them that make every remedy offer what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from goodfit.causes import Facts
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng, threads
from goodfit.core.task import Rows
from goodfit.data.questions.drift import Drift
from goodfit.data.questions.labels import Misaligned, Noise, Recoded
from goodfit.data.questions.leaks import Duplicates, Telling
from goodfit.data.questions.quick import quick_fit
from goodfit.data.questions.windows import interleaved_in_time
from tests.causes.facts import around, facts_of
from tests.causes.making import CROSS, Attending, adam, net, sgd

ROWS = 160


def given(x: Any, y: Any, model: Callable[[], nn.Module], loss: Any = CROSS, **settings: Any) -> dict[str, Any]:
    """Half of the rows for training, a quarter each for validation and test."""
    x, y = (torch.as_tensor(each, dtype=torch.long if each.dtype.kind in "iu" else torch.float32) for each in (x, y))
    half, most = len(x) // 2, 3 * len(x) // 4
    parts = {"train": (0, half), "val": (half, most), "test": (most, len(x))}
    made: dict[str, Any] = {key: TensorDataset(x[a:b], y[a:b]) for key, (a, b) in parts.items()}
    base = {"optimizer": adam(0.01), "batch_size": 16, "epochs": 8, "shuffle": True, "task": "classification"}
    return {"model": model, "loss": loss, **made, **base, **settings}


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def table(**settings: Any) -> dict[str, Any]:
    """Three classes by two columns; the other four are noise."""
    x = random().normal(size=(ROWS, 6))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)
    return given(x, y, settings.pop("model", lambda: net(6, 32, 3)), **settings)


def amounts() -> dict[str, Any]:
    x = random().normal(size=(ROWS, 5)) * np.array([1, 100, 1, 1, 1]) + 30
    y = 1e4 * (x[:, :1] - 30) + 1e4 * random(1).normal(size=(ROWS, 1))
    return given(x, y, lambda: net(5, 16, 1), nn.MSELoss(), task="regression", optimizer=sgd(1e-6))


def pictures() -> dict[str, Any]:
    x = random().normal(size=(ROWS, 1, 8, 8))
    y = random(1).integers(0, 2, ROWS)
    x[y == 1, :, 2:4, :] += 2
    return given(x, y, lambda: nn.Sequential(nn.Flatten(), *net(64, 32, 2)))


def windows() -> dict[str, Any]:
    """Windows of ten steps of one series, taken to the parts at random; two numbers a step."""
    r = random()
    series = np.cumsum(r.normal(size=(ROWS + 10, 2)), axis=0)
    x = np.stack([series[i : i + 10] for i in range(ROWS)])
    y = (x[:, -1, 0] > x[:, 0, 0]).astype(int)
    order = r.permutation(ROWS)
    return given(x[order], y[order], lambda: nn.Sequential(nn.Flatten(), *net(20, 16, 2)))


def words() -> dict[str, Any]:
    """Attention over places that it does not know; rows end in zeros."""
    r = random()
    x = r.integers(1, 7, (ROWS, 8))
    x[np.arange(8) >= r.integers(4, 9, ROWS)[:, None]] = 0
    return given(x, (x[:, 0] > x[:, 1]).astype(int), lambda: Attending(7, 2))


class Tagger(nn.Module):
    """Scores (rows, classes, steps) of words."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(7, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.words(x)).transpose(1, 2)


def tags() -> dict[str, Any]:
    """Padding has a label of its own, which counts."""
    x = np.asarray(words()["train"].tensors[0])
    x = np.concatenate([x, x])
    return given(x, x % 3, Tagger, task="sequence_labelling")


class Cut(nn.Module):
    """The first layer is cut off from the loss, and the optimiser does not get the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(x).relu().detach()).relu())


def frozen() -> dict[str, Any]:
    def some(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD([each for i, each in enumerate(parameters) if i not in (2, 3)], lr=0.1)

    return table(model=Cut, optimizer=some)


def restrained() -> dict[str, Any]:
    """Batch normalisation of its own momentum, dropout, decay, smoothing, and two softmaxes."""

    def model() -> nn.Module:
        parts = [nn.Linear(6, 16), nn.BatchNorm1d(16, momentum=0.001), nn.Sigmoid(), nn.Dropout(0.8), nn.Linear(16, 16)]
        return nn.Sequential(*parts, nn.Sigmoid(), nn.Linear(16, 3), nn.Softmax(1))

    loss = nn.CrossEntropyLoss(label_smoothing=0.5)
    return table(model=model, loss=loss, optimizer=adam(1e-4, weight_decay=0.5), shuffle=False, batch_size=4)


def rare() -> dict[str, Any]:
    x = random().normal(size=(ROWS, 4))
    y = (x[:, 0] + 0.3 * random(1).normal(size=ROWS) > 1.2).astype(int)
    return given(x, y, lambda: net(4, 16, 2), batch_size=64)


def flat() -> dict[str, Any]:
    """All weights are zero and nothing else is there to learn: the first step leads nowhere."""

    def model() -> nn.Module:
        layers = nn.Linear(6, 8, bias=False), nn.Linear(8, 3, bias=False)
        for layer in layers:
            nn.init.zeros_(layer.weight)
        return nn.Sequential(layers[0], nn.Tanh(), layers[1])

    return table(model=model, optimizer=sgd(0.1), epochs=4)


def copied() -> dict[str, Any]:
    """Of the 40 validation rows ten are training rows, and ten more are nearly such."""
    made = table()
    x, y = (each.clone() for each in made["val"].tensors)
    known, right = made["train"].tensors
    x[:20], y[:20] = known[:20], right[:20]
    x[10:20] += 1e-4
    return {**made, "val": TensorDataset(x, y)}


MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    each.__name__: each
    for each in (table, amounts, pictures, windows, words, tags, frozen, restrained, rare, flat, copied)
}


def planted(known: Facts) -> Facts:
    """With findings in the data, true or not, so that what answers them is offered."""
    train, validation = rows_of(known.job)
    objective = known.job.task.objective
    with threads(1):
        quick = quick_fit((train.inputs, train.targets), (validation.inputs, validation.targets), objective)
        cut = interleaved_in_time(train.inputs, validation.inputs)
    data = replace(
        known.data,
        quick=quick if objective == "classification" and train.inputs.ndim == 2 else None,
        drift=Drift(around(0.9), ((0, 1.0),), "trees"),
        duplicates=Duplicates(0.5, 0.5, 0.0, around(0.5), around(0.0)),
        telling=(Telling(1, 0.9, 0.1, None),),
        interleaved=cut,
        noise=Noise(around(0.2), tuple(range(10)), "confident predictions"),
        misaligned=Misaligned(1, False, 0.8, 0.0),
        recoded=Recoded({0: 1, 1: 0}, 1.0, 0.0, 0.9, 0.1) if objective == "classification" else None,
    )
    return replace(known, data=data)


@cache
def facts(name: str) -> Facts:
    """Of the job of that name."""
    return planted(facts_of(MADE[name]()))


def everything() -> Iterator[tuple[str, Facts]]:
    for name in MADE:
        yield name, facts(name)


def rows_of(job: Job) -> tuple[Rows, Rows]:
    train, validation = job.task.train, job.task.validation
    assert isinstance(train, Rows)
    assert isinstance(validation, Rows)
    return train, validation


@contextmanager
def quietly() -> Iterator[None]:
    with preserved_rng(), threads(1):
        yield

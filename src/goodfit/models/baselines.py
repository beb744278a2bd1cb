"""Simple models every network has to beat: fitted on the same training rows, judged on the same parts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits
from torch.nn import functional
from torch.utils.data import Subset

from goodfit.core.score import Array, truth
from goodfit.core.task import IGNORED, PARTS, Part, Rows, Task, count_of

MOST_ROWS = 20_000
"""Rows a baseline is fitted on at most."""
MOST_PIXELS = 200
"""Numbers a picture is averaged down to for gradient boosting: its time grows with rows, columns and classes."""
BOOSTED_CELLS = 4_000_000
"""Rows x columns x classes that gradient boosting is fitted on at most: about ten seconds on two cores."""
MANY_CELLS = 1_000_000
"""Below so many rows x columns x classes one thread is quicker than two, and on a busy machine many times so."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """A name a person knows, and a pure function: predictions for every part, with a note on any limit kept."""

    name: str
    predict: Callable[[Task, int], tuple[dict[Part, Array], str]]
    seconds: Callable[[Task], float] = lambda task: 0.1
    """A rough upper bound of what it takes on one core."""


def constant(task: Task, seed: int) -> tuple[dict[Part, Array], str]:
    """The best constant: the median of the training targets, or their most frequent class."""
    train = truth(task, "train")
    if task.objective == "regression":
        return {part: np.full(len(truth(task, part)), np.median(train)) for part in _parts(task)}, ""
    values, counts = np.unique(train[train != IGNORED], return_counts=True)
    return {part: np.full(truth(task, part).shape, values[counts.argmax()]) for part in _parts(task)}, ""


def linear(task: Task, seed: int) -> tuple[dict[Part, Array], str]:
    """Ridge regression (strength by leave-one-out) or logistic regression."""
    index, note = _sample(task, MOST_ROWS, seed)
    if task.objective == "regression":
        return _tabular(task, _one_hot(task, RidgeCV(alphas=np.logspace(-3, 4, 15))), index), note
    return _tabular(task, _one_hot(task, LogisticRegression(max_iter=200)), index), note


def gradient_boosting(task: Task, seed: int) -> tuple[dict[Part, Array], str]:
    """scikit-learn's histogram gradient boosting with its defaults, on fewer rows or pixels where there are many."""
    columns = min(_flat(task, "train", np.arange(1)).shape[1], MOST_PIXELS if task.kind == "images" else 10**9)
    classes = max(1, len(task.classes)) if len(task.classes) != 2 else 1
    index, note = _sample(task, max(500, BOOSTED_CELLS // (columns * classes)), seed)
    if task.objective == "regression":
        return _tabular(task, HistGradientBoostingRegressor(random_state=seed), index, MOST_PIXELS), note
    model = HistGradientBoostingClassifier(random_state=seed, max_iter=100 if classes == 1 else 50)
    return _tabular(task, model, index, MOST_PIXELS), note


def lexicon(task: Task, seed: int) -> tuple[dict[Part, Array], str]:
    """Each word's most frequent label in training; for unknown words the most frequent label of all."""
    words, labels = _tokens(task, "train", 0)
    counts = np.zeros((task.signature.categories[0], task.signature.outputs), dtype=np.int64)
    np.add.at(counts, (words[:, 0], labels), 1)
    best = counts.argmax(axis=1)
    best[counts.sum(axis=1) == 0] = counts.sum(axis=0).argmax()
    return {part: best[_rows(task, part).inputs[..., 0].numpy()] for part in _parts(task)}, ""


def window(task: Task, seed: int) -> tuple[dict[Part, Array], str]:
    """Logistic regression (by stochastic gradient) on the features of a token and of its two neighbours."""
    codes, labels = _tokens(task, "train", 1)
    encoder = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
    model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=8, tol=None, random_state=seed, average=True)
    model.fit(encoder.fit_transform(codes), labels)
    found: dict[Part, Array] = {}
    for part in _parts(task):
        shape = tuple(_rows(task, part).targets.shape)
        codes, _ = _tokens(task, part, 1)
        found[part] = np.full(shape, IGNORED)
        found[part][_rows(task, part).targets.numpy() != IGNORED] = model.predict(encoder.transform(codes))
    return found, ""


def naive(name: str) -> Callable[[Task, int], tuple[dict[Part, Array], str]]:
    """Predictions that came with the data: yesterday's count, last week's."""
    return lambda task, seed: (dict(task.naive[name]), "")


def baselines(task: Task) -> tuple[Baseline, ...]:
    """The baselines that suit a task, quickest first."""
    known = (Baseline("constant", constant), *(Baseline(name, naive(name)) for name in task.naive))
    if task.objective == "sequence_labelling":
        return (*known, Baseline("lexicon", lexicon), Baseline("window", window, _window_seconds))
    straight = "linear regression" if task.objective == "regression" else "logistic regression"
    return (
        *known,
        Baseline(straight, linear, _linear_seconds),
        Baseline("gradient boosting", gradient_boosting, _boosted_seconds),
    )


def _window_seconds(task: Task) -> float:
    counted = int((_rows(task, "train").targets != IGNORED).sum())
    return 1 + counted * len(task.signature.categories) * task.signature.outputs / 1e6


def _linear_seconds(task: Task) -> float:
    return 0.5 + _cells(task, MOST_ROWS) / (2e7 if task.objective == "regression" else 2e6)


def _boosted_seconds(task: Task) -> float:
    return 1 + min(_cells(task, 10**9), BOOSTED_CELLS) / 2e5


def _cells(task: Task, most_rows: int) -> int:
    rows = min(most_rows, count_of(task.train))
    return int(rows * np.prod(task.signature.inputs)) * max(1, len(task.classes))


def _parts(task: Task) -> tuple[Part, ...]:
    return tuple(part for part in PARTS if task.part(part) is not None)


def _rows(task: Task, part: Part) -> Rows:
    rows = task.part(part)
    assert isinstance(rows, Rows), "token tasks are always in memory"  # noqa: S101
    return rows


def _sample(task: Task, most: int, seed: int) -> tuple[NDArray[np.int64], str]:
    count = count_of(task.train)
    if count <= most:
        return np.arange(count), ""
    index = np.sort(np.random.default_rng(seed).permutation(count)[:most])
    return index, f"fitted on {most:,} of {count:,} rows"


def _tabular(task: Task, model: Any, index: NDArray[np.int64], most_pixels: int = 10**9) -> dict[Part, Array]:
    targets = _targets(task)[index]
    inputs = _flat(task, "train", index, most_pixels)
    few = inputs.size * max(1, len(task.classes)) < MANY_CELLS
    with threadpool_limits(1 if few else None), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(inputs, targets)
        guesses = {part: model.predict(_flat(task, part, None, most_pixels)) for part in _parts(task)}
    if task.objective == "regression":
        return {part: _in_unit(task, part, guess) for part, guess in guesses.items()}
    return guesses


def _one_hot(task: Task, model: Any) -> Any:
    """The model behind an encoder of the category codes, which mean nothing as numbers."""
    codes = len(task.signature.categories)
    if not codes:
        return model
    columns = list(range(task.signature.inputs[0] - codes, task.signature.inputs[0]))
    encode = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), columns)], remainder="passthrough")
    return make_pipeline(encode, model)


def _targets(task: Task) -> Floats:
    if task.objective == "regression":
        found: Floats = _rows(task, "train").targets.reshape(-1).double().numpy()
        return found
    return np.asarray(truth(task, "train"))


def _in_unit(task: Task, part: Part, guess: Floats) -> Floats:
    decoded: Floats = task.decode(
        torch.as_tensor(guess, dtype=torch.float32)[:, None], _rows(task, part).inputs
    ).numpy()
    return decoded


def _flat(task: Task, part: Part, index: NDArray[np.int64] | None, most_pixels: int = 10**9) -> Floats:
    """Inputs as a matrix; pictures averaged down until they have at most ``most_pixels`` numbers."""
    rows = task.part(part)
    if isinstance(rows, Rows):
        inputs = rows.inputs if index is None else rows.inputs[torch.as_tensor(index)]
    else:
        assert rows is not None  # noqa: S101
        chosen = Subset(rows, range(count_of(rows)) if index is None else index.tolist())
        inputs = torch.stack([chosen[i][0] for i in range(len(chosen))])
    if inputs.ndim == 4:
        while inputs[0].numel() > most_pixels and min(inputs.shape[2:]) > 1:
            inputs = functional.avg_pool2d(inputs, 2, ceil_mode=True)
    flat: Floats = inputs.flatten(1).numpy()
    return flat


def _tokens(task: Task, part: Part, reach: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes of every counted token and of ``reach`` neighbours on each side, (tokens, columns), and its label."""
    rows = _rows(task, part)
    around = functional.pad(rows.inputs, (0, 0, reach, reach))
    length = rows.inputs.shape[1]
    columns = torch.cat([around[:, i : i + length] for i in range(2 * reach + 1)], dim=-1)
    counted = rows.targets != IGNORED
    return columns[counted].numpy(), rows.targets[counted].numpy()

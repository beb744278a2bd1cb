"""Inputs of any shape as a plain matrix, targets as class numbers or columns of numbers."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from goodfit.core.task import IGNORED, Objective

MOST_ROWS = 4_000
"""Training rows a question looks at; more are drawn at random."""
MOST_COLUMNS = 400
"""Columns of the matrix; larger pictures are averaged down."""
MOST_ONE_HOT = 2_000
"""Columns spent on one-hot tokens."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def sample(count: int, most: int, seed: int) -> Ints:
    """At most ``most`` of ``count`` row numbers, drawn without replacement and in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def is_tokens(inputs: Tensor) -> bool:
    """Whether inputs are codes of things (whole numbers from zero, a row a sequence), not amounts."""
    return not inputs.is_floating_point() and inputs.ndim == 2 and bool((inputs >= 0).all())


def is_bytes(inputs: Tensor) -> bool:
    """Whether inputs are pictures as files hold them: amounts from 0 to 255, and no codes."""
    return inputs.dtype is torch.uint8 and inputs.ndim > 2


def vocabulary(*parts: Tensor) -> int:
    """One more than the largest token of all parts; 0 where they are not tokens."""
    if not all(is_tokens(part) for part in parts):
        return 0
    return 1 + max((int(part.max()) for part in parts if part.numel()), default=0)


def features(inputs: Tensor, words: int | None = None) -> Floats:
    """A matrix (rows, columns) of what the inputs say.

    Numbers are flattened, and averaged down where there are more than `MOST_COLUMNS`. Tokens become counts
    and, where that stays below `MOST_ONE_HOT` columns, one-hot codes of each position. ``words`` is the size of
    the vocabulary, to encode two parts alike. What is not finite counts as 0.
    """
    words = vocabulary(inputs) if words is None else words
    if words:
        return _encoded(inputs.long(), words)
    flat = _averaged(inputs.detach().float()).flatten(1)
    return _finite(flat)


def pair(train: Tensor, validation: Tensor) -> tuple[Floats, Floats]:
    """The features of two parts, encoded alike."""
    words = vocabulary(train, validation)
    return features(train, words), features(validation, words)


def columns(inputs: Tensor) -> Floats:
    """The inputs as they are, flattened to (rows, columns): for questions about single columns."""
    return _finite(inputs.detach().reshape(len(inputs), -1))


def classes(targets: Tensor, objective: Objective) -> Ints | None:
    """Class numbers (rows,), or None for regression, for several labels a row, and for labelled sequences."""
    if objective != "classification":
        return None
    targets = targets.detach()
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim == 2:
        one_hot = bool((targets.sum(1) == 1).all()) and bool(((targets == 0) | (targets == 1)).all())
        return np.asarray(targets.argmax(1).numpy(), dtype=np.int64) if one_hot else None
    if targets.ndim != 1 or not bool((targets == targets.round()).all()):
        return None
    return np.asarray(targets.round().long().numpy(), dtype=np.int64)


def numbers(targets: Tensor) -> Floats:
    """Targets as columns of real numbers (rows, outputs)."""
    return np.asarray(
        targets.detach().double().flatten(1).numpy() if targets.ndim > 1 else targets.detach().double()[:, None].numpy()
    )


def same_rows(matrix: Floats) -> Ints:
    """A number for each row, equal for rows that are exact copies."""
    plain = np.ascontiguousarray(matrix + 0.0)  # -0.0 and 0.0 are one number
    keys = plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
    return np.asarray(np.unique(keys, return_inverse=True)[1], dtype=np.int64)


def token_rows(
    inputs: Tensor, targets: Tensor, words: int | None = None, most: int = MOST_ROWS, seed: int = 0
) -> tuple[Floats, Ints, Ints]:
    """One row for each counted token of labelled sequences: (features, labels, number of the sequence).

    Features: the token, two neighbours on each side, the token at the mirrored place, place counted from both ends,
    and the whole sequence where it is short. Inputs are tokens (rows, length) or numbers (rows, length, features) or
    (rows, features, length).
    """
    rows, places = np.nonzero(targets.numpy() != IGNORED)
    keep = sample(len(rows), most, seed)
    rows, places = rows[keep], places[keep]
    length = targets.shape[1]
    around = [np.clip(places + step, -1, length) for step in (0, -1, 1, -2, 2)]
    around = [np.where((at < 0) | (at >= length), length, at) for at in [*around, length - 1 - places]]
    values = _by_place(inputs, length, words)
    near = [values[rows, at].numpy() for at in around]
    where = _one_hot(torch.from_numpy(places)[:, None], length).numpy() if length <= 100 else np.empty((len(rows), 0))
    found = [*near, where, places[:, None] / length, 1.0 - places[:, None] / length]
    if values.shape[1] * values.shape[2] <= MOST_COLUMNS:
        found.append(values[torch.from_numpy(rows)].flatten(1).numpy())
    labels = targets.numpy()[rows, places].astype(np.int64)
    return np.concatenate(found, axis=1).astype(np.float64), labels, rows.astype(np.int64)


def _finite(flat: Tensor) -> Floats:
    return np.asarray(np.nan_to_num(flat.double().numpy(), nan=0.0, posinf=0.0, neginf=0.0))


def _by_place(inputs: Tensor, length: int, words: int | None) -> Tensor:
    """What stands at each place, (rows, length + 1, columns); the last place stands for 'outside'."""
    words = vocabulary(inputs) if words is None else words
    if words:
        values = functional.one_hot(inputs.long() % min(words, MOST_COLUMNS // 4)).float()
    else:
        values = inputs.detach().float().nan_to_num(0.0, 0.0, 0.0)
        if values.ndim == 3 and values.shape[1] != length and values.shape[2] == length:
            values = values.transpose(1, 2)
        values = values.reshape(len(values), values.shape[1], -1)
    return functional.pad(values, (0, 0, 0, 1))


def _one_hot(tokens: Tensor, words: int) -> Tensor:
    return functional.one_hot(tokens, words).flatten(1).double()


def _encoded(tokens: Tensor, words: int) -> Floats:
    kept = min(words, MOST_ONE_HOT)
    tokens = tokens % kept  # a large vocabulary is folded: a hash needs no table
    counts = torch.zeros(len(tokens), kept, dtype=torch.float64)
    counts.scatter_add_(1, tokens, torch.ones_like(tokens, dtype=torch.float64))
    if tokens.shape[1] * words > MOST_ONE_HOT:
        return np.asarray(counts.numpy())
    return np.asarray(torch.cat([_one_hot(tokens, words), counts], dim=1).numpy())


def _averaged(inputs: Tensor) -> Tensor:
    """Halve the longest axis by averaging until few enough numbers are left."""
    inputs = inputs.reshape(len(inputs), -1) if inputs.ndim == 1 else inputs
    while inputs.shape[1:].numel() > MOST_COLUMNS:
        axis = 1 + max(range(inputs.ndim - 1), key=lambda at: inputs.shape[1 + at])
        moved = inputs.movedim(axis, -1)
        if moved.shape[-1] % 2:
            moved = torch.cat([moved, moved[..., -1:]], dim=-1)
        inputs = moved.unflatten(-1, (-1, 2)).mean(-1).movedim(-1, axis)
    return inputs

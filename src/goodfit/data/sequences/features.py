"""What a model is told of each token: whole-number codes for the word, its shape and its ends.

Code 0 is padding, code 1 a value not seen in training. The vocabularies come from training sentences only.
Feature 0 is the token exactly as written, with every training token in its vocabulary.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from goodfit.core.errors import DataError
from goodfit.core.task import IGNORED, Batch, Rows

UNKNOWN = 1
FIRST = 2
"""First code of a value seen in training."""

LEAST_COUNT = 2
"""Values of features other than the token that are seen less often count as unknown, which trains that code."""

Tokens = Sequence[str]


def shape(token: str) -> str:
    """Capitals as X, small letters as x, digits as d, runs cut at two: ``U.S.`` X.X., ``Oct2019`` Xxxdd."""
    kinds = "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in token)
    return re.sub(r"(.)\1{2,}", r"\1\1", kinds)


def _start(size: int) -> Callable[[str], str]:
    return lambda token: token.lower()[:size]


def _end(size: int) -> Callable[[str], str]:
    return lambda token: token.lower()[-size:]


FEATURES: Mapping[str, Callable[[str], str]] = {
    "token": str,
    "lower case": str.lower,
    "shape": shape,
    **{f"first {n}": _start(n) for n in (1, 2, 3, 4)},
    **{f"last {n}": _end(n) for n in (1, 2, 3, 4)},
}


@dataclass(frozen=True)
class Vocabulary:
    """Codes of one feature's values, the most frequent first."""

    name: str
    codes: Mapping[str, int]

    @property
    def size(self) -> int:
        return len(self.codes) + FIRST

    def code(self, token: str) -> int:
        return self.codes.get(FEATURES[self.name](token), UNKNOWN)


@dataclass(frozen=True)
class TokenEncoder:
    """From tokens to codes, as learnt from the training sentences."""

    vocabularies: tuple[Vocabulary, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(vocabulary.size for vocabulary in self.vocabularies)

    def codes(self, tokens: Iterable[str]) -> Tensor:
        """(tokens, features)"""
        rows = [[vocabulary.code(token) for vocabulary in self.vocabularies] for token in tokens]
        return torch.tensor(rows, dtype=torch.int64).view(-1, len(self.vocabularies))

    def rows(self, sentences: Sequence[Tokens], targets: Sequence[Sequence[int]]) -> TokenRows:
        """Padded rows of sentences and their classes."""
        types: dict[str, int] = {}
        for tokens in sentences:
            for token in tokens:
                types.setdefault(token, len(types) + 1)
        padding = torch.zeros(1, len(self.vocabularies), dtype=torch.int64)
        lengths = torch.tensor([len(tokens) for tokens in sentences])
        return TokenRows(
            torch.cat([padding, self.codes(types)]),
            _padded([[types[token] for token in tokens] for tokens in sentences], 0, torch.int32),
            _padded(targets, IGNORED, torch.int64),
            lengths,
        )

    def __call__(self, sentences: Sequence[Tokens]) -> Tensor:
        """New sentences, without labels, to padded codes (sentences, longest, features)."""
        if isinstance(sentences, str) or (len(self.vocabularies) > 1 and any(isinstance(s, str) for s in sentences)):
            raise DataError("a text where a list of sentences is needed", "Give each sentence as a list of its tokens.")
        return self.rows(sentences, [[]] * len(sentences)).inputs


class TokenRows(Rows):
    """Padded sentences that store each different token's codes once: a few bytes a token instead of a hundred.

    ``table`` (different tokens, features), ``types`` (rows, longest) numbers of its lines, 0 the line of padding.
    """

    lengths: Tensor

    def __init__(self, table: Tensor, types: Tensor, targets: Tensor, lengths: Tensor) -> None:
        self.table, self.types, self.targets, self.lengths = table, types, targets, lengths

    @property
    def inputs(self) -> Tensor:  # type: ignore[override]
        """All rows' codes (rows, longest, features), made anew at each call."""
        return self.table[self.types.long()]

    def __len__(self) -> int:
        return len(self.types)

    def batch(self, index: Tensor) -> Batch:
        longest = int(self.lengths[index].max())
        return self.table[self.types[index, :longest].long()], self.targets[index, :longest]

    def taken(self, index: Tensor) -> TokenRows:
        longest = int(self.lengths[index].max())
        return TokenRows(self.table, self.types[index, :longest], self.targets[index, :longest], self.lengths[index])


def learn_encoder(sentences: Iterable[Tokens]) -> TokenEncoder:
    """Vocabularies from training sentences; a feature that tells apart what an earlier one does is left out."""
    counts = Counter(token for tokens in sentences for token in tokens)
    kept: dict[str, list[str]] = {}
    for name, feature in FEATURES.items():
        values = [feature(token) for token in counts]
        if name == "token" or (len(set(values)) > 1 and not any(_alike(values, each) for each in kept.values())):
            kept[name] = values
    return TokenEncoder(tuple(_vocabulary(name, values, counts) for name, values in kept.items()))


def _alike(one: list[str], other: list[str]) -> bool:
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def _vocabulary(name: str, values: list[str], counts: Counter[str]) -> Vocabulary:
    totals: Counter[str] = Counter()
    for value, count in zip(values, counts.values(), strict=True):
        totals[value] += count
    least = 1 if name == "token" else LEAST_COUNT
    known = [value for value, count in totals.most_common() if count >= least]
    return Vocabulary(name, {value: code for code, value in enumerate(known, FIRST)})


def _padded(rows: Sequence[Sequence[int]], fill: int, dtype: torch.dtype) -> Tensor:
    longest = max((len(row) for row in rows), default=0)
    padded = np.full((len(rows), longest), fill, dtype=np.int64)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return torch.from_numpy(padded).to(dtype)

"""Sequence labelling: one label for each token, sentences of any length. See `sequences.files` for what can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from torch.nn import functional

from goodfit.core.errors import DataError, SettingsError
from goodfit.core.settings import DataSettings
from goodfit.core.task import ACCURACY, PARTS, Part, Signature, Task
from goodfit.data.files import parts_in
from goodfit.data.sequences.features import TokenEncoder, learn_encoder
from goodfit.data.sequences.files import (
    Layout,
    Sentence,
    check_length,
    choose_layout,
    read_lines,
    read_sentences,
)
from goodfit.data.splits import Indices, given_split, random_split

Labelled = Sequence[tuple[Sequence[str], Sequence[str]]]
"""Sentences as pairs of tokens and their labels."""

MOST_LABELS = 1_000
NOT_FOR_TOKENS = ("time_col", "group_col", "split_col", "drop")


@dataclass(frozen=True)
class Corpus:
    """All sentences of a source, and the part each belongs to where the source says."""

    name: str
    where: str
    sentences: tuple[Sentence, ...]
    layout: Layout | None = None
    parts: tuple[Part, ...] = field(default=())


def load(source: Path | Labelled, settings: DataSettings, seed: int = 0) -> Task:
    """A file, a folder with train, dev and test files, or a list of (tokens, labels), as a task.

    Inputs are codes (rows, longest, features), targets (rows, longest). Copies of a sentence are on one side of
    the split unless the files give it. DataError names the file and line of what cannot be used.
    """
    for name in NOT_FOR_TOKENS:
        if getattr(settings, name):
            raise SettingsError(f"The 'data.{name}' setting does not apply to files of tokens", "Leave it out.")
    corpus = _read(source, settings.target)
    indices = _split(corpus, settings, seed)
    parts = {part: [corpus.sentences[i] for i in indices.part(part)] for part in PARTS}
    _check_labels(parts["train"], corpus)
    encoder = learn_encoder(sentence.tokens for sentence in parts["train"])
    classes = tuple(sorted({label for sentence in corpus.sentences for label in sentence.labels}))
    number = {label: i for i, label in enumerate(classes)}
    rows = {
        part: encoder.rows([s.tokens for s in found], [[number[label] for label in s.labels] for s in found])
        for part, found in parts.items()
    }
    return Task(
        name=corpus.name,
        kind="sequences",
        objective="sequence_labelling",
        train=rows["train"],
        validation=rows["validation"],
        test=rows["test"],
        signature=Signature((len(encoder.sizes),), len(classes), encoder.sizes, tokens=True),
        loss=functional.cross_entropy,
        metric=ACCURACY,
        classes=classes,
        raw={part: [list(sentence.tokens) for sentence in found] for part, found in parts.items()},
        encode=encoder,
        facts=_facts(corpus, parts, indices, encoder),
    )


def _read(source: Path | Labelled, target: str | None) -> Corpus:
    if not isinstance(source, Path):
        return _from_lists(source)
    named = _named_files(source)
    if not named:
        raise DataError(
            "the folder has no file named after the training part",
            "Name its files train, dev and test (.tsv, .conllu, ...), or give one file.",
            where=str(source),
        )
    first = named["train"][0]
    layout = choose_layout(read_lines(first), target, first)
    read: dict[Part, list[Sentence]] = {
        part: [sentence for file in files for sentence in read_sentences(read_lines(file), layout, file)]
        for part, files in named.items()
    }
    parts = tuple(part for part, sentences in read.items() for _ in sentences)
    together = tuple(sentence for sentences in read.values() for sentence in sentences)
    return Corpus(source.name.split(".")[0], source.name, together, layout, parts if len(named) > 1 else ())


def _named_files(source: Path) -> dict[Part, list[Path]]:
    """The files of each part; a sub-folder stands for those in it."""
    if not source.is_dir():
        return {"train": [source]}
    return {
        part: [each for path in paths for each in (sorted(path.iterdir()) if path.is_dir() else [path])]
        for part, paths in parts_in(source).items()
    }


def _from_lists(pairs: Labelled) -> Corpus:
    for number, pair in enumerate(pairs, 1):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise DataError(
                f"{pair!r:.60} is no pair of tokens and labels",
                "Give a list of (tokens, labels), or a table as a frame.",
                where=f"sentence {number:,}",
            )
    sentences = tuple(Sentence(tuple(tokens), tuple(labels)) for tokens, labels in pairs)
    for number, sentence in enumerate(sentences, 1):
        where = f"sentence {number:,}"
        if len(sentence.tokens) != len(sentence.labels):
            raise DataError(
                f"{len(sentence.tokens)} tokens but {len(sentence.labels)} labels",
                "Give each token one label.",
                where=where,
            )
        if not all(isinstance(each, str) for each in (*sentence.tokens, *sentence.labels)):
            raise DataError("tokens and labels must be strings", "Convert them with str().", where=where)
        check_length(sentence, where)
    return Corpus("sentences", "the list of sentences", tuple(s for s in sentences if s.tokens))


def _split(corpus: Corpus, settings: DataSettings, seed: int) -> Indices:
    numbers: dict[tuple[str, ...], int] = {}
    copies = np.array([numbers.setdefault(s.tokens, len(numbers)) for s in corpus.sentences])
    if len(numbers) < len(PARTS):
        count = f"{len(numbers)} different sentence{'' if len(numbers) == 1 else 's'}"
        raise DataError(
            f"there {'is' if len(numbers) == 1 else 'are'} only {count}",
            "Put a blank line after each sentence, and bring at least one for each of train, validation and test.",
            where=corpus.where,
        )
    split = (
        partial(given_split, corpus.parts, where=corpus.where) if corpus.parts else partial(random_split, len(copies))
    )
    return split(duplicates=copies, seed=seed, validation=settings.validation, test=settings.test)


def _check_labels(train: Sequence[Sentence], corpus: Corpus) -> None:
    labels = {label for sentence in train for label in sentence.labels}
    column = f" in {corpus.layout.target_name}" if corpus.layout else ""
    if len(labels) == 1:
        raise DataError(
            f"every token has the label {next(iter(labels))!r}{column}, so that there is nothing to learn",
            "Choose the column of the labels with --target." if corpus.layout else "Give at least two labels.",
            where=corpus.where,
        )
    if len(labels) > MOST_LABELS:
        raise DataError(
            f"{len(labels):,} different labels{column}, more than {MOST_LABELS:,}",
            "Choose the column of the labels with --target.",
            where=corpus.where,
        )


def _facts(
    corpus: Corpus, parts: Mapping[Part, Sequence[Sentence]], indices: Indices, encoder: TokenEncoder
) -> dict[str, str]:
    counts = {part: len(found) for part, found in parts.items()}
    sizes = ", ".join(f"{part} {count:,}" for part, count in counts.items())
    how = "as the files give it" if corpus.parts else "at random, copies on one side"
    lengths = [len(sentence.tokens) for sentence in corpus.sentences]
    many, pieces = corpus.layout.units if corpus.layout else ("sentences", "tokens")
    facts = {
        "kind": f"sequences, one label for each of the {pieces}",
        "format": corpus.layout.describe() if corpus.layout else "lists of tokens and labels",
        "rows": f"{len(lengths):,} {many}, {sum(lengths):,} {pieces}, the longest has {max(lengths):,}",
        "labels": _labels(parts["train"]),
        "split": f"{sizes}; {how}" + (f"; {indices.note}" if indices.note else ""),
        "features": ", ".join(vocabulary.name for vocabulary in encoder.vocabularies),
        "unknown": f"{_unknown_share(parts):.1%} of the test {pieces} never occur in training",
        "copies": _copies(parts, many),
        "unseen labels": _unseen_labels(parts),
    }
    return {key: fact for key, fact in facts.items() if fact}


def _labels(train: Sequence[Sentence], shown: int = 5) -> str:
    counts = Counter(label for sentence in train for label in sentence.labels)
    total = counts.total()
    most = ", ".join(f"{label} {count / total:.1%}" for label, count in counts.most_common(shown))
    return f"{len(counts)} in training, most often {most}"


def _unknown_share(parts: Mapping[Part, Sequence[Sentence]]) -> float:
    known = {token for sentence in parts["train"] for token in sentence.tokens}
    tokens = [token for sentence in parts["test"] for token in sentence.tokens]
    return sum(token not in known for token in tokens) / len(tokens)


def _copies(parts: Mapping[Part, Sequence[Sentence]], many: str) -> str:
    """Copies across the parts, which only a split that was given can have: they flatter the score."""
    known = {sentence.tokens for sentence in parts["train"]}
    count = sum(sentence.tokens in known for sentence in parts["test"])
    return f"{count / len(parts['test']):.1%} of the test {many} stand in training too" if count else ""


def _unseen_labels(parts: Mapping[Part, Sequence[Sentence]]) -> str:
    known = {label for sentence in parts["train"] for label in sentence.labels}
    unseen = Counter(
        label for part in ("validation", "test") for s in parts[part] for label in s.labels if label not in known
    )
    named = ", ".join(f"{label} ({count})" for label, count in sorted(unseen.items()))
    return f"never in training, so never predicted: {named}" if unseen else ""

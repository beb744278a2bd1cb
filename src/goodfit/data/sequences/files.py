"""Files of labelled tokens: CoNLL-U, columns with blank lines between sentences, words with a label for each letter.

A file is read in two steps. `choose_layout` looks at the content and says how it is written down; `read_sentences`
reads it that way, and every line that breaks the layout is an error with its number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from conllu.exceptions import ParseException
from conllu.parser import DEFAULT_FIELD_PARSERS, DEFAULT_FIELDS, parse_line

from goodfit.core.errors import DataError, did_you_mean
from goodfit.data.files import read_text

MOST_TOKENS = 1_000
"""Longest sentence: attention's cost grows with the square of it."""

ONE_SENTENCE = 200
"""A file without a blank line and with more tokens than this has forgotten its blank lines."""

WORD_HEADINGS = ("token", "tokens", "word", "words", "form", "text")
OTHER_HEADINGS = ("id", "index", "number", "lemma", "tag", "tags", "label", "labels", "pos", "upos", "xpos", "feats")
HEADINGS = frozenset((*WORD_HEADINGS, *OTHER_HEADINGS, "head", "deprel", "chunk", "ner", "ne", "bio", "iob", "entity"))
COMMENT = re.compile(r"#\s+(\w+\s+)?[\w.:]+\s*=(\s|$)")
BIO = re.compile(r"O|[BIESLUM]-\S+")

Line = tuple[int, str]
"""Number, counted from 1, and text."""


@dataclass(frozen=True)
class Sentence:
    """Tokens with one label each; ``line`` is where it begins in its file, 0 if it comes from none."""

    tokens: tuple[str, ...]
    labels: tuple[str, ...]
    line: int = 0


@dataclass(frozen=True)
class Layout:
    """How a file writes tokens and labels down. Columns are counted from 0 here, from 1 for people."""

    form: Literal["conllu", "columns", "letters"]
    tabs: bool = True
    columns: int = 2
    word: int = 0
    target: int = 1
    header: tuple[str, ...] = ()
    """Names of the columns, if the file gives them; its first line unless it is CoNLL-U."""

    @property
    def units(self) -> tuple[str, str]:
        """What a row and what a labelled piece of it is called."""
        return ("words", "letters") if self.form == "letters" else ("sentences", "tokens")

    @property
    def target_name(self) -> str:
        named = f" ({self.header[self.target]})" if self.header else ""
        return f"column {self.target + 1} of {self.columns}{named}"

    def describe(self) -> str:
        if self.form == "letters":
            return "words with a label for each letter"
        form = "CoNLL-U" if self.form == "conllu" else f"columns separated by {'tabs' if self.tabs else 'spaces'}"
        return f"{form}: tokens in column {self.word + 1}, labels in {self.target_name}"

    def cells(self, text: str) -> list[str]:
        """A line's columns. No-break spaces are part of a token."""
        if self.tabs:
            return [cell.strip(" ") for cell in text.split("\t")]
        return re.split(r"[ \t]+", text.strip(" \t"))


def read_lines(path: Path) -> list[str]:
    """The lines of a text file. Not str.splitlines: tokens may hold rarer separators, such as U+2028."""
    return read_text(path).split("\n")


def place(path: Path, line: int) -> str:
    return f"{path.name}, line {line:,}"


def choose_layout(lines: Sequence[str], target: str | None, path: Path) -> Layout:
    """How the file is written, by its content; ``target`` is a column's name or its number from 1."""
    counted = [line for line in enumerate(lines, 1) if line[1].strip()]
    tabs = sum("\t" in text for _, text in counted) * 2 >= sum(not text.startswith("#") for _, text in counted)
    layout = Layout("columns", tabs)
    rows = [(number, layout.cells(text)) for number, text in counted if not _is_comment(text, layout)]
    if not rows:
        raise DataError("the file holds comments only", "Give each token a line with its label.", where=path.name)
    layout = replace(layout, columns=Counter(len(cells) for _, cells in rows).most_common(1)[0][0])
    if layout.columns == 1:
        number, cells = rows[0]
        raise DataError(
            f"the token {_short(cells[0])} has no label",
            "Give each token a line: the token, a tab, its label.",
            where=place(path, number),
        )
    even = [cells for _, cells in rows if len(cells) == layout.columns]
    if tabs and layout.columns == len(DEFAULT_FIELDS) and re.fullmatch(r"\d+([-.]\d+)?", even[0][0]):
        return _conllu_layout(target, path)
    if tabs and layout.columns == 2 and sum(" " in row[1] for row in even) * 2 > len(even):
        layout = replace(layout, form="letters")
    else:
        layout = _with_columns(layout, even, _declared(lines, layout), target)
    return replace(layout, target=_target(layout, even, target, path))


def read_sentences(lines: Sequence[str], layout: Layout, path: Path) -> list[Sentence]:
    """All sentences of a file; DataError with the line where it breaks its layout."""
    sentences = _words(lines, layout, path) if layout.form == "letters" else _sentences(lines, layout, path)
    for sentence in sentences:
        check_length(sentence, place(path, sentence.line))
    return sentences


def _words(lines: Sequence[str], layout: Layout, path: Path) -> list[Sentence]:
    return [_spelt(layout.cells(text), number, path) for number, text in _token_lines(lines, layout)]


def _sentences(lines: Sequence[str], layout: Layout, path: Path) -> list[Sentence]:
    read = _conllu_sentence if layout.form == "conllu" else _column_sentence
    blocks = list(_blocks(lines, layout))
    if len(blocks) == 1 and len(blocks[0]) > ONE_SENTENCE:
        raise DataError(
            f"there is no blank line, so that all {len(blocks[0]):,} tokens are one sentence",
            "Put a blank line after each sentence.",
            where=path.name,
        )
    return [sentence for block in blocks if (sentence := read(block, layout, path)).tokens]


def check_length(sentence: Sentence, where: str) -> None:
    """DataError where a sentence is too long for attention."""
    if len(sentence.tokens) > MOST_TOKENS:
        raise DataError(
            f"this sentence has {len(sentence.tokens):,} tokens, and the longest allowed has {MOST_TOKENS:,}",
            "Put blank lines where its sentences end, or cut it into pieces.",
            where=where,
        )


def _is_comment(text: str, layout: Layout) -> bool:
    """``# key = value``, and any line with ``#`` that has not the columns of a token: ``#`` may be a token too."""
    if not text.startswith("#") or layout.form == "conllu":
        return text.startswith("#")
    columns = len(layout.cells(text))
    return bool(COMMENT.match(text)) or columns == 1 or (not layout.tabs and columns != layout.columns)


def _token_lines(lines: Iterable[str], layout: Layout) -> Iterator[Line]:
    skip = bool(layout.header) and layout.form == "columns"
    for number, text in enumerate(lines, 1):
        if text.strip() and not _is_comment(text, layout):
            if not (skip and layout.cells(text) == list(layout.header)):
                yield number, text
            skip = False


def _blocks(lines: Sequence[str], layout: Layout) -> Iterator[list[Line]]:
    """The token lines of each sentence; a line of nothing but white space ends one."""
    block: list[Line] = []
    for number, text in _token_lines(lines, layout):
        if block and any(not between.strip() for between in lines[block[-1][0] : number - 1]):
            yield block
            block = []
        block.append((number, text))
    if block:
        yield block


def _conllu_layout(target: str | None, path: Path) -> Layout:
    layout = Layout("conllu", columns=len(DEFAULT_FIELDS), word=1, header=DEFAULT_FIELDS)
    if target is None:
        return replace(layout, target=DEFAULT_FIELDS.index("upos"))
    return replace(layout, target=_asked(layout, target, path))


def _conllu_sentence(block: list[Line], layout: Layout, path: Path) -> Sentence:
    """Syntactic words only: multiword tokens (``1-2``) and empty nodes (``1.1``) are left out."""
    tokens: list[str] = []
    labels: list[str] = []
    for number, text in block:
        if text.count("\t") + 1 != layout.columns:
            raise _ragged(text.split("\t"), layout, path, number)
        try:
            token = parse_line(text, layout.header, {"id": DEFAULT_FIELD_PARSERS["id"]})
        except ParseException as error:
            raise DataError(
                f"this is no line of CoNLL-U: {error}", "Correct it or leave it out.", where=place(path, number)
            ) from error
        if not isinstance(token["id"], int):
            continue
        if token["id"] != len(tokens) + 1:
            raise DataError(
                f"token number {token['id']} stands where {len(tokens) + 1} is due",
                "Number the tokens of a sentence 1, 2, 3 and put a blank line after it.",
                where=place(path, number),
            )
        tokens.append(token["form"])
        labels.append(token[layout.header[layout.target]])
        if labels[-1] in ("", "_") and layout.header[layout.target] != "feats":
            raise _unlabelled(tokens[-1], layout, path, number)
    return Sentence(tuple(tokens), tuple(labels), block[0][0])


def _column_sentence(block: list[Line], layout: Layout, path: Path) -> Sentence:
    tokens: list[str] = []
    labels: list[str] = []
    for number, text in block:
        cells = layout.cells(text)
        if cells[0] == "-DOCSTART-":
            continue
        if len(cells) != layout.columns:
            raise _ragged(cells, layout, path, number)
        if not cells[layout.target]:
            raise _unlabelled(cells[layout.word], layout, path, number)
        tokens.append(cells[layout.word])
        labels.append(cells[layout.target])
    return Sentence(tuple(tokens), tuple(labels), block[0][0])


def _spelt(cells: list[str], number: int, path: Path) -> Sentence:
    if len(cells) != 2 or not cells[1]:
        raise _ragged(cells, Layout("letters"), path, number)
    letters, labels = tuple(cells[0]), tuple(cells[1].split())
    if len(letters) != len(labels):
        raise DataError(
            f"{_short(cells[0])} has {_count(len(letters), 'letter')} but {_count(len(labels), 'label')}",
            "Give each letter one label, a silent one '-', with spaces between the labels.",
            where=place(path, number),
        )
    return Sentence(letters, labels, number)


def _ragged(cells: list[str], layout: Layout, path: Path, number: int) -> DataError:
    where, expected = place(path, number), f"{_count(layout.columns, 'column')}"
    if len([cell for cell in cells if cell]) == 1:
        repair = f"Give it a label: {expected} in all, separated by {'tabs' if layout.tabs else 'spaces'}."
        return DataError(f"the token {_short(cells[0])} has no label", repair, where=where)
    return DataError(
        f"{_count(len(cells), 'column')} found, {layout.columns} expected",
        "Make all lines alike and put a blank line after each sentence.",
        where=where,
    )


def _unlabelled(token: str, layout: Layout, path: Path, number: int) -> DataError:
    return DataError(
        f"the token {_short(token)} has no label in {layout.target_name}",
        "Fill it in, or choose another column with --target.",
        where=place(path, number),
    )


def _declared(lines: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """Column names from a CoNLL-U Plus comment: ``# global.columns = ID FORM UPOS``."""
    for text in lines[:1]:
        if found := re.match(r"#\s*global\.columns\s*=(.*)", text):
            names = tuple(found[1].split())
            return names if len(names) == layout.columns else ()
    return ()


def _with_columns(layout: Layout, rows: list[list[str]], declared: tuple[str, ...], target: str | None) -> Layout:
    """The header, if there is one, and the column of the words."""
    first = rows[0]
    named = target is not None and not target.isdigit() and target.lower() in [cell.lower() for cell in first]
    header = declared or (tuple(first) if named or all(cell.lower() in HEADINGS for cell in first) else ())
    layout = replace(layout, header=header)
    for index, name in enumerate(header):
        if name.lower() in WORD_HEADINGS:
            return replace(layout, word=index)
    numbers = [row[0] for row in rows[: ONE_SENTENCE * 5] if row != list(header)]
    counting = all(number.isdigit() for number in numbers) and len(set(numbers)) < max(3, len(numbers))
    return replace(layout, word=1 if layout.columns > 2 and counting else 0)


def _target(layout: Layout, rows: list[list[str]], target: str | None, path: Path) -> int:
    """The column asked for; else the last one of BIO tags, else the first with more than one label after the word."""
    if target is not None:
        return _asked(layout, target, path)
    rows = [row for row in rows if row != list(layout.header) and row[0] != "-DOCSTART-"]
    candidates = [i for i in range(layout.word + 1, layout.columns) if len({row[i] for row in rows}) > 1]
    spans = [i for i in candidates if all(BIO.fullmatch(row[i]) for row in rows)]
    if spans:
        return spans[-1]
    return candidates[0] if candidates else layout.word + 1 if layout.word + 1 < layout.columns else 0


def _asked(layout: Layout, target: str, path: Path) -> int:
    names = [name.lower() for name in layout.header]
    if target.lower() in names:
        index = names.index(target.lower())
    elif target.isdigit() and 1 <= int(target) <= layout.columns:
        index = int(target) - 1
    elif layout.header:
        raise DataError(f"there is no column {target!r}", did_you_mean(target, layout.header), where=path.name)
    else:
        raise DataError(
            f"there is no column {target!r}: the file has {layout.columns} columns without names",
            f"Choose --target by number, at most {layout.columns}.",
            where=path.name,
        )
    if index == layout.word:
        raise DataError(f"column {index + 1} holds the tokens themselves", "Choose another --target.", where=path.name)
    return index


def _short(token: str) -> str:
    return repr(token if len(token) <= 40 else token[:40] + "…")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

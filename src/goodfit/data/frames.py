"""Tables as polars frames: from CSV, Parquet and NDJSON files, from pandas, pyarrow, numpy and torch.

CSV values are read as strings; `goodfit.data.columns` finds out what they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import torch
from polars.exceptions import DuplicateError, PolarsError

from goodfit.core.errors import DataError
from goodfit.data.files import HEAD, existing, head, read_bytes, read_text

MOST_COLUMNS = 20_000
"""More than a gene-expression table has; a first layer of 256 units on them already holds 5 million weights."""

DELIMITERS = ",\t;|"
PARQUET = b"PAR1"


@dataclass(frozen=True, eq=False)
class Frame:
    """Rows with what is needed to name a place in them."""

    data: pl.DataFrame
    name: str
    """``views.csv``, or 'the data frame'."""
    at: Callable[[int], str]
    """Place of a row (counted from 0): ``views.csv, line 7``."""


def frame_of(data: Any, name: str = "the data frame") -> Frame:
    """A polars, pandas or pyarrow frame, or a numpy or torch matrix; its rows are named by number, from 1.

    A matrix gets the column names column_0, column_1 ... DataError for anything else.
    """
    frame = _as_polars(data, name)
    _check_size(frame, name)
    return Frame(frame, name, lambda row: f"{name}, row {row + 1}")


def read_frame(path: Path) -> Frame:
    """A CSV (with any of ``, tab ; |``), NDJSON or Parquet file, the first two gzip or not, told apart by content.

    DataError with the line where one can be named: no such file, empty, a header only, ragged, duplicate or no
    column names, more columns than `MOST_COLUMNS`, another encoding, binary.
    """
    start = head(existing(path))
    if start.startswith(PARQUET):
        return _read_parquet(path)
    frame = _read_ndjson(path) if start.lstrip().startswith(b"{") else _read_csv(path)
    _check_size(frame.data, path.name)
    return frame


def delimiter_of(lines: list[str]) -> str:
    """The delimiter that cuts the lines into the most equal numbers of fields, more than one; else a comma."""

    def evenness(delimiter: str) -> tuple[float, int]:
        widths = [len(record) for record in csv.reader(lines, delimiter=delimiter) if record]
        first = widths[0] if widths else 0
        return (sum(width == first for width in widths) / len(widths) if first > 1 else 0.0, first)

    return max(DELIMITERS, key=evenness)


def _check_size(frame: pl.DataFrame, name: str) -> None:
    _check_width(frame.width, name)
    if not frame.height:
        raise DataError("column names, but no rows below them", "Add rows of data.", where=name)


def _check_width(columns: int, name: str) -> None:
    if columns > MOST_COLUMNS:
        repair = "Choose the columns that matter; if each row of the file is one column, transpose it."
        raise DataError(f"{columns:,} columns, and goodfit reads at most {MOST_COLUMNS:,}", repair, where=name)


# --- CSV


def _read_csv(path: Path) -> Frame:
    text = read_text(path).lstrip("\n")
    delimiter = delimiter_of(text[:HEAD].split("\n")[:50])
    names = _column_names(path, text, delimiter)
    try:
        data = pl.read_csv(io.StringIO(text), infer_schema=False, separator=delimiter, new_columns=names)
    except PolarsError as error:
        _check_ragged(path, text, delimiter, len(names))
        repair = "Check its delimiters and quotation marks."
        raise DataError(f"not readable as CSV ({_first_line(error)})", repair, where=path.name) from None
    if data.width and data[:, -1].null_count():
        # polars fills a row that is too short with nulls, and that would go unnoticed.
        _check_ragged(path, text, delimiter, len(names))
    kept = data.select(keep=~pl.all_horizontal(pl.all().is_null()))["keep"]
    rows = kept.arg_true().to_numpy()
    return Frame(
        data.filter(kept), path.name, lambda row: f"{path.name}, line {_line(text, delimiter, int(rows[row]))}"
    )


def _records(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """First line and fields of each record, blank ones too."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"not readable as CSV ({error})", "Check its quotation marks.", where=name) from None


def _line(text: str, delimiter: str, row: int) -> int:
    return next(line for number, (line, _) in enumerate(_records(text, delimiter, "")) if number == row + 1)


def _column_names(path: Path, text: str, delimiter: str) -> list[str]:
    # Counted before it is parsed: a header of a million columns must be refused at once.
    first = text.split("\n", 1)[0]
    _check_width(first.count(delimiter) + 1, path.name)
    names = [name.strip() for name in next(_records(text, delimiter, path.name))[1]]
    if all(_is_number(name) for name in names):
        raise DataError(
            f"the first line holds numbers ({', '.join(names[:3])} ...) instead of column names",
            "Add a first line with a name for each column.",
            where=f"{path.name}, line 1",
        )
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        shown = ", ".join(repr(name) for name in twice[:5])
        raise DataError(
            f"more than one column is called {shown}", "Rename or remove one.", where=f"{path.name}, line 1"
        )
    return [name or _free_name(number, names) for number, name in enumerate(names, 1)]


def _free_name(number: int, taken: list[str]) -> str:
    name = f"column {number}"
    return name if name not in taken else _free_name(number + 1, taken)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_ragged(path: Path, text: str, delimiter: str, width: int) -> None:
    for line, record in _records(text, delimiter, path.name):
        if record and len(record) != width:
            raise DataError(
                f"{len(record)} {'field' if len(record) == 1 else 'fields'}, where line 1 names {width} columns",
                "Complete the line, or put quotation marks around a value that holds the delimiter.",
                where=f"{path.name}, line {line}",
            )


# --- NDJSON and Parquet


def _read_ndjson(path: Path) -> Frame:
    lines = [(number, line) for number, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]
    _check_width(len(_json_object(path, *lines[0])), path.name)
    try:
        data = pl.read_ndjson(io.StringIO("\n".join(line for _, line in lines)), infer_schema_length=None)
    except PolarsError as error:
        for number, line in lines:
            _json_object(path, number, line)
        repair = "Give each key values of one type on every line."
        raise DataError(f"the lines do not agree ({_first_line(error)})", repair, where=path.name) from None
    return Frame(data, path.name, lambda row: f"{path.name}, line {lines[row][0]}")


def _json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    repair = "Write on each line one object with a value for each column."
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", repair, where=f"{path.name}, line {number}") from None
    if not isinstance(found, dict):
        raise DataError("not a JSON object", repair, where=f"{path.name}, line {number}")
    return found


def _read_parquet(path: Path) -> Frame:
    source = io.BytesIO(read_bytes(path))
    try:
        _check_width(len(pl.read_parquet_schema(source)), path.name)
        return frame_of(pl.read_parquet(source), path.name)
    except PolarsError as error:
        raise DataError(f"a broken Parquet file ({_first_line(error)})", "Write it again.", where=path.name) from None


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]


# --- frames and matrices in memory


def _as_polars(data: Any, name: str) -> pl.DataFrame:
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, torch.Tensor):
        data = data.detach().cpu().numpy()
    if isinstance(data, np.ndarray):
        return _from_matrix(data, name)
    try:
        return _from_frame(data, name)
    except (nw.exceptions.DuplicateError, DuplicateError):
        problem = "more than one column has the same name"
        raise DataError(problem, "Rename or remove one.", where=name) from None


def _from_frame(data: Any, name: str) -> pl.DataFrame:
    frame = nw.from_native(data, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        kind = type(data).__name__
        raise DataError(f"a {kind} is no table", "Pass a frame (polars, pandas, pyarrow) or a matrix.", where=name)
    _check_width(frame.shape[1], name)
    # By place: pandas may number its columns, and frame[0] is a row.
    return pl.DataFrame([_values(column).alias(str(column.name)) for column in frame.iter_columns()])


def _from_matrix(matrix: np.ndarray[Any, Any], name: str) -> pl.DataFrame:
    if matrix.ndim != 2:
        shape = tuple(matrix.shape)
        raise DataError(f"an array of shape {shape}, where (rows, columns) is needed", "Reshape it.", where=name)
    _check_width(matrix.shape[1], name)
    if matrix.dtype == object:
        columns: list[Any] = [pl.Series(matrix[:, i].tolist(), strict=False) for i in range(matrix.shape[1])]
    else:
        columns = [np.ascontiguousarray(matrix[:, i]) for i in range(matrix.shape[1])]
    return pl.DataFrame({f"column_{i}": column for i, column in enumerate(columns)})


def _values(series: nw.Series[Any]) -> pl.Series:
    # Not by narwhals' own conversion, which needs pyarrow for all but plain numbers.
    values = series.to_numpy()
    if values.dtype.kind in "biufM":
        return pl.Series(values)
    missing = series.is_null().to_list()
    listed = zip(series.to_list(), missing, strict=True)
    return pl.Series([None if gone else value for value, gone in listed], strict=False)

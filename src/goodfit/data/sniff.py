"""Which kind of data a file, a folder or an object holds, by its content; a name's ending is only a hint."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from polars.exceptions import PolarsError
from torch import Tensor

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.data.columns import is_readable, reading_of
from goodfit.data.files import existing, head, parts_in, text_of
from goodfit.data.frames import PARQUET, delimiter_of, frame_of

Kind = Literal["series", "table", "images", "sequences"]

READS = (
    "goodfit reads tables and series (CSV, Parquet, NDJSON), images (a folder for each class, IDX, .npz) "
    "and labelled tokens (CoNLL-U, or columns with blank lines between sentences)."
)
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
ZIP = b"PK\x03\x04"
SAMPLE_LINES = 200


def sniff(source: Any, settings: DataSettings) -> Kind:
    """The kind of data. DataError saying what it looks like where it is none that goodfit reads."""
    if isinstance(source, Path):
        return _of_folder(source, settings) if existing(source).is_dir() else _of_file(source, settings)
    if isinstance(source, list):
        return "sequences"
    if isinstance(source, tuple) or (isinstance(source, np.ndarray | Tensor) and source.ndim > 2):
        return "images"
    return _of_frame(frame_of(source).data, settings)


def _of_folder(folder: Path, settings: DataSettings) -> Kind:
    parts = parts_in(folder)
    entries = parts["train"] if parts else [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    if parts and entries[0].is_dir() and not _holds_pictures(entries[0]):
        return sniff(entries[0], settings)
    if any(_holds_pictures(path) if path.is_dir() else _is_idx(head(path, 4)) for path in entries):
        return "images"
    if parts and entries[0].is_file():
        return _of_file(existing(entries[0]), settings)
    more = f" and {len(entries) - 4} more" if len(entries) > 4 else ""
    found = ", ".join(path.name for path in entries[:4]) + more
    raise DataError(
        f"a folder of {found}" if entries else "an empty folder",
        "A folder needs files named train, (validation and) test, or a sub-folder of pictures for each class.",
        where=str(folder),
    )


def _holds_pictures(folder: Path) -> bool:
    """Whether a picture is among the first files, here or one level down."""
    inside = sorted(folder.iterdir())[:20]
    below = [path for each in inside if each.is_dir() for path in sorted(each.iterdir())[:20]]
    files = [path for path in [*inside, *below] if path.is_file()]
    return any(path.suffix.lower() in PICTURE_SUFFIXES or _is_picture(head(path, 16)) for path in files)


def _is_picture(start: bytes) -> bool:
    return start.startswith(PICTURES)


def _is_idx(start: bytes) -> bool:
    """Two zero bytes, the type of the values, the number of axes (the MNIST file format)."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in range(8, 15) and start[3] in range(1, 5)


def _of_file(path: Path, settings: DataSettings) -> Kind:
    start = head(path)
    if _is_idx(start) or (start.startswith(ZIP) and (path.suffix == ".npz" or _is_npz(path))):
        return "images"
    if _is_picture(start):
        raise DataError("a single picture", "Give a folder with a sub-folder for each class.", where=path.name)
    if start.startswith(PARQUET):
        return _of_parquet(path, settings)
    if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"binary data{_named(start)}", READS, where=path.name)
    return _of_text(_whole_lines(start, path.name), settings, path.name)


def _whole_lines(start: bytes, name: str) -> list[str]:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text_of(start[: len(start) // 2 * 2], name).split("\n")
    # A letter of several bytes may be cut in two at the end of the sample, a line end cannot.
    return text_of(start[: start.rfind(b"\n") + 1] or start, name).split("\n")


def _named(start: bytes) -> str:
    known = {b"%PDF": "a PDF", ZIP: "a ZIP archive or spreadsheet", b"SQLite": "an SQLite database", b"\x89HDF": "HDF5"}
    return next((f" ({name})" for magic, name in known.items() if start.startswith(magic)), "")


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _of_parquet(path: Path, settings: DataSettings) -> Kind:
    try:
        return _of_frame(pl.read_parquet(path, n_rows=SAMPLE_LINES), settings)
    except PolarsError:
        return "table"  # whose reader says what is broken


def _of_text(lines: list[str], settings: DataSettings, name: str) -> Kind:
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise DataError("the file is empty", READS, where=name)
    if filled[0].lstrip().startswith("{"):
        return _of_json(filled, settings)
    if filled[0].lstrip().startswith(("[{", "[[")) or filled[0].strip() == "[":
        raise DataError("a JSON array", "Write one JSON object with the values of a row on each line.", where=name)
    if _is_tokens(lines, filled):
        return "sequences"
    delimiter = delimiter_of(filled[:50])
    widths = [line.count(delimiter) for line in filled[:50]]
    if not widths[0] or sum(width == 0 for width in widths) > len(widths) / 2:
        looks = f"text without columns (its first line: {filled[0][:40]!r})"
        raise DataError(looks, READS, where=name)
    return _of_csv(filled[:SAMPLE_LINES], delimiter, settings)


def _is_tokens(lines: list[str], filled: list[str]) -> bool:
    told = [line for line in filled if not re.match(r"#\s*[\w.]+|#$", line)][:SAMPLE_LINES]
    if not told:
        return False
    tabbed = [line.split("\t") for line in told]
    if len(tabbed[0]) == 10 and re.fullmatch(r"\d+([-.]\d+)?", tabbed[0][0]):
        return True  # CoNLL-U
    if sum(len(row) == 2 and len(row[0]) == len(row[1].split()) > 1 for row in tabbed) > len(told) / 2:
        return True  # a word and as many labels as it has letters
    if any(sum(line.count(mark) == told[0].count(mark) > 0 for line in told) > 0.8 * len(told) for mark in ",;|"):
        return False  # a table with blank lines in it
    inner = "\n".join(lines).strip("\n")
    columns = [len(row) if len(row) > 1 else len(row[0].split()) for row in tabbed]
    even = sum(count == columns[0] for count in columns) > 0.8 * len(columns)
    return columns[0] > 1 and even and bool(re.search(r"\n[ \t]*\n", inner))


def _of_json(lines: list[str], settings: DataSettings) -> Kind:
    try:
        return _of_frame(pl.read_ndjson(io.StringIO("\n".join(lines[:SAMPLE_LINES]))), settings)
    except PolarsError:
        return "table"


def _of_csv(lines: list[str], delimiter: str, settings: DataSettings) -> Kind:
    try:
        text = io.StringIO("\n".join(lines))
        sample = pl.read_csv(text, infer_schema=False, separator=delimiter, truncate_ragged_lines=True, n_rows=100)
    except PolarsError:
        return "table"
    return _of_frame(sample, settings)


def _of_frame(frame: pl.DataFrame, settings: DataSettings) -> Kind:
    """A series is one date column and one of numbers, perhaps with one that says which series a row belongs to."""
    if settings.history is not None:
        return "series"
    left = [name for name in frame.columns if name not in settings.drop]
    if not 2 <= len(left) <= 3 or settings.split_col or not all(is_readable(frame[name].dtype) for name in left):
        return "table"
    # Half is enough: a series with wrong values should be refused as a series, with the wrong line named.
    kinds = {name: reading_of(frame[name].head(SAMPLE_LINES), mostly=0.5).kind for name in left}
    dates, numbers, names = ([name for name in left if kinds[name] == kind] for kind in ("date", "number", "category"))
    if len(dates) != 1 or len(numbers) != 1 or settings.target not in (None, *numbers):
        return "table"
    return "series" if len(names) == len(left) - 2 and settings.group_col in (None, *names) else "table"

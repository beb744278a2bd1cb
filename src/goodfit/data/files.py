"""What every kind of data needs of files: do they exist, are they text, in which encoding, which part of a split?"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path

from goodfit.core.errors import DataError, did_you_mean
from goodfit.core.task import PARTS, Part
from goodfit.data.splits import part_of

HEAD = 1 << 16
GZIP = b"\x1f\x8b"


def existing(path: Path) -> Path:
    """The path itself. DataError where nothing is there, or an empty file."""
    if not path.exists():
        near = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        meant = did_you_mean(path.name, near)
        repair = meant if meant.startswith("Did") else "Check the path."
        raise DataError("no such file or folder", repair, where=str(path))
    if path.is_file() and path.stat().st_size == 0:
        raise DataError("the file is empty", "It needs a line of column names and rows below it.", where=path.name)
    return path


def head(path: Path, size: int = HEAD) -> bytes:
    """The first bytes of a file, unpacked where it is gzip."""
    with _opened(path) as file:
        return _unpacking(path, lambda: file.read(size))


def read_bytes(path: Path) -> bytes:
    """All bytes of a file, unpacked where it is gzip. DataError for a folder, an empty or a broken file."""
    if existing(path).is_dir():
        raise DataError("a folder, where one file is needed", "Name a file in it.", where=str(path))
    with _opened(path) as file:
        data = _unpacking(path, file.read)
    if not data.strip():
        raise DataError("the file is empty", "It needs rows of data.", where=path.name)
    return data


def read_text(path: Path) -> str:
    """A text file as one string with ``\\n`` at line ends: UTF-8, with or without byte-order mark, or marked UTF-16.

    DataError for another encoding (naming the line) and for binary files.
    """
    return text_of(read_bytes(path), path.name)


def text_of(data: bytes, name: str) -> str:
    """See `read_text`."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in data[:HEAD] and not marked:
        raise DataError("binary data, where text is needed", "Export it as CSV, Parquet or plain text.", where=name)
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        found = "not UTF-16" if marked else f"byte 0x{data[error.start]:02x} is not UTF-8"
        repair = "Save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 old > new)."
        raise DataError(found, repair, where=f"{name}, line {line}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parts_in(folder: Path) -> dict[Part, list[Path]]:
    """Files or sub-folders named after the parts of a split; ``{}`` unless there is train and one other part."""
    named = [(part_of(_stem(path)), path) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    found: dict[Part, list[Path]] = {part: [path for name, path in named if name == part] for part in PARTS}
    found = {part: paths for part, paths in found.items() if paths}
    return found if "train" in found and len(found) > 1 else {}


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] if path.is_file() else path.name


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")


def _unpacking(path: Path, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError("a broken gzip file", "Fetch or pack it again.", where=path.name) from None

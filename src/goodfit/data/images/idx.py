"""IDX files, the format of MNIST and its kin: one array a file, often gzip.

Format (LeCun, Cortes & Burges, The MNIST database): two zero bytes, one byte for the type, one for the number
of dimensions, each dimension as four bytes, then the values; high bytes first.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.core.errors import DataError
from goodfit.core.task import Part
from goodfit.data.files import head, read_bytes
from goodfit.data.splits import part_of

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_DIMENSIONS = 4

Pair = tuple[Path, Path]
"""A file of pictures and the file of their labels."""


def dimensions(path: Path) -> int | None:
    """How many dimensions an IDX file says it has: 1 for labels, 3 or 4 for pictures; None for another file."""
    start = head(path, 4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not 1 <= start[3] <= MOST_DIMENSIONS:
        return None
    return start[3]


def read_idx(path: Path) -> NDArray[Any]:
    """The array of an IDX file. DataError for another kind of file, or one cut off."""
    count = dimensions(path)
    if count is None:
        start = head(path, 4).hex(" ")
        raise DataError(f"not an IDX file: it begins with the bytes {start}", "Fetch it again.", where=path.name)
    data = read_bytes(path)
    begin = 4 + 4 * count
    shape = tuple(np.frombuffer(data[4:begin], ">u4").tolist()) if len(data) >= begin else ()
    kind = np.dtype(TYPES[data[2]])
    announced, found = prod(shape) * kind.itemsize, len(data) - begin
    if len(shape) != count or announced != found:
        sides = " x ".join(f"{side:,}" for side in shape) or "no complete header"
        raise DataError(
            f"the file is {'cut off' if found < announced or not shape else 'too long'}: it announces {sides} values "
            f"({announced:,} bytes), and {max(0, found):,} bytes follow",
            "Fetch it again.",
            where=path.name,
        )
    return np.frombuffer(data, kind, offset=begin).reshape(shape).astype(kind.newbyteorder("="))


def pair_of(path: Path) -> Pair:
    """The pictures and labels that belong together, given either file. DataError where the other is not beside it."""
    given = dimensions(path)
    others = {_key(each): each for each in _idx_files(path.parent) if (dimensions(each) == 1) != (given == 1)}
    other = others.get(_key(path))
    if other is None:
        lacking, present = ("pictures", "labels") if given == 1 else ("labels", "images")
        word = "images" if given == 1 else "labels"
        raise DataError(
            f"no file of {lacking} beside it",
            f"Its name is expected to be the same with {word!r} for {present!r}.",
            where=path.name,
        )
    return (other, path) if given == 1 else (path, other)


def pairs_in(folder: Path) -> dict[Part | None, Pair]:
    """The pairs of a folder by the part they are named after; ``{}`` where it holds no IDX file of pictures.

    A single pair is no split, and has the key None.
    """
    pictures = {_key(path): path for path in _idx_files(folder) if dimensions(path) != 1}
    found: dict[Part | None, Pair] = {}
    for path in pictures.values():
        part = part_of(_key(path)) if len(pictures) > 1 else None
        if part in found or (len(pictures) > 1 and part is None):
            raise DataError(
                f"cannot tell which of {', '.join(each.name for each in pictures.values())} is for training and which "
                "for testing",
                "Name one of the files, or leave only those of one data set in the folder.",
                where=folder.name,
            )
        found[part] = pair_of(path)
    return found


def _idx_files(folder: Path) -> list[Path]:
    files = (each for each in sorted(folder.iterdir()) if each.is_file() and not each.name.startswith("."))
    return [each for each in files if dimensions(each)]


def _key(path: Path) -> str:
    """What the names of pictures and their labels have in common."""
    return re.sub(r"images?|labels?|idx\d|\.gz$|\W", "", path.name.lower().replace("-", "_"))

"""Pictures and labels in memory: numpy and torch arrays, and the arrays of an .npz file."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from goodfit.core.errors import DataError
from goodfit.core.task import Part
from goodfit.data.images.files import Picture, fitted
from goodfit.data.splits import part_of

Values = NDArray[Any]

PICTURE_WORDS = ("images", "image", "pictures", "x", "data")
LABEL_WORDS = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True, eq=False)
class ArrayPictures:
    """Pictures held in one array (n, height, width, channels) of uint8, resized where ``shape`` says so."""

    array: NDArray[np.uint8]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> Picture:
        return fitted(self.array[index], self.shape)


def array_pictures(arrays: Sequence[Picture], names: Sequence[str], size: int | None) -> ArrayPictures:
    """Arrays of pictures one after the other, resized to ``size``. DataError where they differ and none is given."""
    first = arrays[0]
    for array, name in zip(arrays, names, strict=True):
        if array.shape[1:] != first.shape[1:]:
            ours, theirs = ((" x ".join(str(side) for side in each.shape[1:])) for each in (first, array))
            raise DataError(
                f"pictures of different sizes: {names[0]} has {ours}, {name} has {theirs}", "Make them alike."
            )
    _, height, width, channels = first.shape
    shape = (size, size, channels) if size else (height, width, channels)
    return ArrayPictures(np.concatenate(arrays) if len(arrays) > 1 else first, shape)


def as_pictures(values: Any, where: str) -> NDArray[np.uint8]:
    """Any array of pictures as uint8 (n, height, width, channels).

    Taken are (n, height, width), the same with one or three channels last, or first as in torch; whole numbers
    0 to 255, or fractions 0 to 1. DataError for other shapes and values.
    """
    array = _numpy(values)
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise DataError(
            f"an array of shape {tuple(np.shape(values))} is no set of pictures",
            "Give (n, height, width), or (n, height, width, 3) for colour.",
            where=where,
        )
    return _bytes(array, where)


def as_labels(values: Any, where: str) -> Values:
    """Labels as whole numbers or strings (n,). DataError for fractions, one-hot rows and objects."""
    labels = _numpy(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"labels of shape {labels.shape}",
            "Give one label for each picture (of one-hot rows, the argmax).",
            where=where,
        )
    if labels.dtype.kind == "f":
        odd = np.flatnonzero(~np.isfinite(labels) | (labels != np.floor(labels)))
        if len(odd):
            raise DataError(
                f"label {labels[odd[0]]:g} of picture {odd[0] + 1:,} is not a whole number",
                "Labels are classes: give whole numbers or names.",
                where=where,
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        raise DataError(
            f"labels of type {labels.dtype}", "Labels are classes: give whole numbers or names.", where=where
        )
    return labels.astype(np.int64) if labels.dtype.kind in "biu" else labels


def check_counts(pictures: int, labels: int, where: str) -> None:
    if pictures != labels:
        raise DataError(
            f"{pictures:,} pictures but {labels:,} labels",
            "Each picture needs one label; make sure that both are of the same set.",
            where=where,
        )


def read_npz(path: Path) -> dict[Part | None, tuple[Values, Values]]:
    """Pictures and labels by part, as named in an .npz file: x_train and y_train, or one pair under None.

    Nothing is unpickled. DataError for a broken file, for objects, and where no such names are found.
    """
    arrays = _arrays(path)
    found: dict[Part | None, dict[str, Values]] = {}
    for name, array in arrays.items():
        if role := _role(_spaced(name)):
            found.setdefault(part_of(_spaced(name)), {})[role] = array
    pairs = {part: pair for part, pair in found.items() if part is not None and len(found) > 1} or found
    for part, pair in pairs.items():
        if len(pair) < 2:
            lacking = "labels" if "pictures" in pair else "pictures"
            of_part = f" for {part}" if part else ""
            raise _unnamed(path, f"no {lacking}{of_part}", arrays)
    if not pairs:
        raise _unnamed(path, "no pictures and labels", arrays)
    return {part: (pair["pictures"], pair["labels"]) for part, pair in pairs.items()}


def _arrays(path: Path) -> dict[str, Values]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays: dict[str, Values] = {}
            for name in file.files:
                arrays[name] = file[name]
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"a broken .npz file ({error})", "Save it again.", where=path.name) from None
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise DataError(f"a broken .npz file ({error})", "Save it again.", where=path.name) from None
        raise DataError(
            "an array of Python objects, which is not read because reading it can run code",
            "Save plain numbers: np.savez(file, images=array_of_uint8, labels=array_of_int).",
            where=path.name,
        ) from None


def _spaced(name: str) -> str:
    """``Xtrain`` as ``x_train``."""
    return re.sub(r"^([xy])(?=train|val|test)", r"\1_", name.lower())


def _role(name: str) -> str | None:
    words = set(re.findall(r"[a-z]+", name))
    if words & set(LABEL_WORDS):
        return "labels"
    return "pictures" if words & set(PICTURE_WORDS) else None


def _unnamed(path: Path, problem: str, arrays: dict[str, Values]) -> DataError:
    names = ", ".join(repr(name) for name in arrays) or "none"
    return DataError(
        f"{problem} among its arrays ({names})",
        "Name them images and labels, or x_train, y_train, x_test and y_test.",
        where=path.name,
    )


def _numpy(values: Any) -> Values:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _bytes(array: Values, where: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "biuf":
        raise DataError(f"pictures of type {array.dtype}", "Give numbers from 0 to 255.", where=where)
    missing = ~np.isfinite(array).all(axis=(1, 2, 3))
    if missing.any():
        raise DataError(
            f"picture {int(missing.argmax()) + 1:,} has pixels that are not numbers", "Leave it out.", where=where
        )
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        raise DataError(
            f"values from {low:g} to {high:g}",
            "Give pixels from 0 to 255, or fractions from 0 to 1; goodfit normalises them itself.",
            where=where,
        )
    scale = 255 if array.dtype.kind == "b" or (array.dtype.kind == "f" and high <= 1) else 1
    return np.rint(array.astype(np.float32) * scale).astype(np.uint8)

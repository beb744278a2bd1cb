"""From pictures to model inputs: one pass over all of them, the scale of the training part, rows in memory or lazy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from goodfit.core.errors import DataError
from goodfit.core.task import Batch, Rows
from goodfit.data.images.arrays import ArrayPictures, as_pictures
from goodfit.data.images.files import Picture, fitted, read_header, read_picture

Ints = NDArray[np.int64]

MEMORY_SHARE = 0.25
"""Of the memory available, what pictures may take; more stay in their files and are read for each batch."""

BYTES_A_PIXEL = 5
"""One as it is shown, four as it is learnt from."""


class Pictures(Protocol):
    """Pictures of one ``shape`` (height, width, channels), by number."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Picture: ...


def fits_in_memory(pictures: Pictures) -> bool:
    height, width, channels = pictures.shape
    needed = len(pictures) * height * width * channels * BYTES_A_PIXEL
    return needed <= MEMORY_SHARE * psutil.virtual_memory().available


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each channel, of pixels from 0 to 255."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, pictures: NDArray[np.uint8]) -> Tensor:
        """(n, height, width, channels) of uint8 to (n, channels, height, width) of float32."""
        rows = torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32))
        mean, deviation = (torch.tensor(each).reshape(1, -1, 1, 1) for each in (self.mean, self.deviation))
        return rows.sub_(mean).div_(deviation)


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass over all pictures finds: a key equal for copies (n,), and sums over each one's pixels."""

    keys: Ints
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    pixels: int

    def scale(self, rows: Ints, where: str) -> Scale:
        """The scale of some rows, the training part. DataError where all their pixels are alike."""
        count = len(rows) * self.pixels
        mean = self.sums[rows].sum(axis=0) / count
        variance = self.squares[rows].sum(axis=0) / count - mean**2
        flat = variance < 1e-6
        if flat.all():
            raise DataError(
                "all training pictures are of one and the same flat colour", "Check the files.", where=where
            )
        deviation = np.sqrt(np.where(flat, 1.0, variance))
        return Scale(tuple(mean.tolist()), tuple(deviation.tolist()))


def survey(pictures: Pictures, *, keep: bool) -> tuple[Survey, Pictures]:
    """Look at every picture once, so that a broken one is found before training; kept in memory if so asked."""
    count, (height, width, channels) = len(pictures), pictures.shape
    kept = np.empty((count, *pictures.shape), dtype=np.uint8) if keep else None
    keys = np.empty(count, dtype=np.int64)
    sums, squares = np.empty((2, count, channels))
    for index in range(count):
        picture = pictures[index]
        digest = blake2b(picture.tobytes(), digest_size=8).digest()
        keys[index] = int.from_bytes(digest, "little", signed=True)
        pixels = picture.reshape(-1, channels).astype(np.float64)
        sums[index], squares[index] = pixels.sum(axis=0), np.einsum("pc,pc->c", pixels, pixels)
        if kept is not None:
            kept[index] = picture
    found = Survey(keys, sums, squares, height * width)
    return found, pictures if kept is None else ArrayPictures(kept, pictures.shape)


def rows_in_memory(pictures: Pictures, index: Ints, targets: Ints, scale: Scale) -> Rows:
    """Rows of normalised pictures."""
    stacked = np.stack([pictures[i] for i in index.tolist()])
    return Rows(scale(stacked), torch.from_numpy(targets))


class LazyPictures(Dataset[Batch]):
    """Rows that are read and normalised when they are asked for; ``targets`` are in memory."""

    def __init__(self, pictures: Pictures, index: Ints, targets: Ints, scale: Scale) -> None:
        self.pictures, self.index, self.scale = pictures, index, scale
        self.targets = torch.from_numpy(targets)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, row: int) -> Batch:
        return self.scale(self.pictures[int(self.index[row])][None])[0], self.targets[row]


class RawPictures(Sequence[Any]):
    """The pictures of a part as a person sees them: (height, width) or (height, width, 3) of uint8."""

    def __init__(self, pictures: Pictures, rows: Ints) -> None:
        self.pictures, self.rows = pictures, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return RawPictures(self.pictures, self.rows[row])
        picture = self.pictures[int(self.rows[row])]
        return picture[:, :, 0] if picture.shape[2] == 1 else picture


@dataclass(frozen=True)
class Encoder:
    """New pictures, as an array or as paths of files, to model inputs (n, channels, height, width)."""

    shape: tuple[int, int, int]
    scale: Scale
    resize: bool = False

    def __call__(self, pictures: Any) -> Tensor:
        if isinstance(pictures, Sequence) and all(isinstance(each, str | Path) for each in pictures):
            found = self._read([Path(each) for each in pictures])
        else:
            found = list(as_pictures(pictures, "the new pictures"))
            self._check_size(found[0].shape, "the new pictures")
        return self.scale(np.stack([fitted(each, self.shape) for each in found]))

    def _read(self, paths: list[Path]) -> list[Picture]:
        for path in paths:
            header = read_header(path)
            self._check_size((header.height, header.width), str(path))
        return [read_picture(path, grey=self.shape[2] == 1) for path in paths]

    def _check_size(self, size: tuple[int, ...], where: str) -> None:
        height, width, _ = self.shape
        if tuple(size[:2]) != (height, width) and not self.resize:
            raise DataError(
                f"{size[0]} x {size[1]}, but the model was trained on pictures of {height} x {width}",
                "Resize the new pictures, or train with --size to have that done.",
                where=where,
            )

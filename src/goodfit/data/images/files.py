"""Picture files: which there are, of what size and colour, and their pixels. Pillow reads them by content."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from goodfit.core.errors import DataError
from goodfit.core.task import Part
from goodfit.data.files import parts_in

Picture = NDArray[np.uint8]
"""(height, width, channels), one channel or three."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
GREY = ("1", "L", "LA")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
TRANSPARENT = ("LA", "PA", "RGBA")
LITTER = ("Thumbs.db", "desktop.ini", "__MACOSX")
"""What file managers leave behind, beside hidden files."""

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
"""The EXIF tag, and its values for a camera held upright."""


@dataclass(frozen=True)
class Header:
    """What is known of a file before its pixels are read."""

    path: Path
    height: int
    width: int
    grey: bool

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


def read_header(path: Path) -> Header:
    """DataError for a file that is no picture, is broken, or has more than 8 bits a channel."""
    with _opened(path) as image:
        if image.mode not in GREY + COLOUR:
            raise DataError(
                f"a picture of more than 8 bits a pixel (mode {image.mode})",
                "Convert it to 8-bit grey or colour, choosing the range that matters.",
                where=named(path),
            )
        width, height = image.size
        if image.getexif().get(ORIENTATION) in SIDEWAYS:
            width, height = height, width
        return Header(path, height, width, _is_grey(image))


def read_picture(path: Path, *, grey: bool) -> Picture:
    """The pixels of the first frame, upright, what is transparent as white. DataError for a broken file."""
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in TRANSPARENT or "transparency" in upright.info:
            white = Image.new("RGBA", upright.size, "white")
            white.alpha_composite(upright.convert("RGBA"))
            upright = white
        pixels = np.asarray(upright.convert("L" if grey else "RGB"), dtype=np.uint8)
    return pixels[:, :, None] if grey else pixels


def named(path: Path) -> str:
    """A file with its folder, which is its class."""
    return f"{path.parent.name}/{path.name}"


def is_visible(path: Path) -> bool:
    return not path.name.startswith(".") and path.name not in LITTER


def part_folders(folder: Path) -> dict[Part, list[Path]]:
    """The folders of a given split, each with a folder for each class; ``{}`` where ``folder`` itself has those."""
    parts = {part: [each for each in paths if each.is_dir()] for part, paths in parts_in(folder).items()}
    inside = [each for each in _visible(folder) if each.is_dir()]
    named_so = [each for paths in parts.values() for each in paths]
    # 'train' may also be the name of a class, beside car and bus.
    is_split = set(named_so) == set(inside) and any(each.is_dir() for path in named_so for each in _visible(path))
    return {part: paths for part, paths in parts.items() if paths} if is_split else {}


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """The picture files of each class: those in the folder named after it, and below.

    DataError where there is no such folder, an empty one, or a picture beside them.
    """
    inside = _visible(folder)
    classes = {each.name: sorted(_files_below(each)) for each in inside if each.is_dir()}
    for name, files in classes.items():
        if not files:
            raise DataError(
                f"the class folder {name!r} holds no pictures", "Fill it or remove it.", where=str(folder / name)
            )
    stray = next((each for each in inside if each.is_file() and is_picture(each)), None)
    if stray:
        raise DataError(
            f"the picture {stray.name} is in no class folder",
            "Put each picture into a folder named after its class.",
            where=str(folder),
        )
    if not classes:
        repair = "Name a folder that holds a folder of pictures for each class, IDX files, or an .npz file."
        raise DataError("no pictures in the folder", repair, where=str(folder))
    return classes


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Pictures read from their files each time they are asked for."""

    paths: tuple[Path, ...]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Picture:
        return fitted(read_picture(self.paths[index], grey=self.shape[2] == 1), self.shape)


def file_pictures(paths: Iterable[Path], size: int | None) -> FilePictures:
    """The pictures in these files, resized to ``size``. DataError where they differ in size and none is given."""
    headers = [read_header(path) for path in paths]
    first = headers[0]
    odd = next((each for each in headers if each.size != first.size), None)
    if odd and size is None:
        side = max(4, min(min(each.size) for each in headers))
        raise DataError(
            f"pictures of different sizes: {named(first.path)} is {first.height} x {first.width}, "
            f"{named(odd.path)} is {odd.height} x {odd.width}",
            f"Give --size N to resize all of them, such as --size {min(side, 1024)}.",
        )
    height, width = (size, size) if size else first.size
    channels = 1 if all(each.grey for each in headers) else 3
    return FilePictures(tuple(each.path for each in headers), (height, width, channels))


def fitted(picture: Picture, shape: tuple[int, int, int]) -> Picture:
    """A picture in another size (smoothed where it shrinks) and number of channels."""
    if picture.shape == shape:
        return picture
    height, width, channels = shape
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    image = image.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(shape)


def _visible(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if is_visible(each)]


def _files_below(folder: Path) -> Iterator[Path]:
    for each in _visible(folder):
        if each.is_dir():
            yield from _files_below(each)
        else:
            yield each


def _is_grey(image: Image.Image) -> bool:
    if image.mode != "P":
        return image.mode in GREY
    palette = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def is_picture(path: Path) -> bool:
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except (UnidentifiedImageError, OSError):
        return False


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError:
        raise DataError(
            "not a picture (PNG, JPEG, BMP, GIF, WebP, TIFF), or one whose beginning is broken",
            "Remove it from the folder or replace it.",
            where=named(path),
        ) from None
    except Image.DecompressionBombError:
        raise DataError("more pixels than can be meant", "Scale it down.", where=named(path)) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        # Pillow raises each of these for broken files, by format.
        raise DataError(f"a broken picture ({error})", "Replace or remove it.", where=named(path)) from None

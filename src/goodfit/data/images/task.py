"""Pictures with one label each: a folder for each class, IDX files, an .npz file, or arrays in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

from goodfit.core.errors import DataError, SettingsError
from goodfit.core.settings import DataSettings
from goodfit.core.task import ACCURACY, PARTS, Part, Signature, Task
from goodfit.data.files import existing
from goodfit.data.images.arrays import array_pictures, as_labels, as_pictures, check_counts, read_npz
from goodfit.data.images.files import (
    Picture,
    class_folders,
    file_pictures,
    is_picture,
    part_folders,
)
from goodfit.data.images.idx import dimensions, pair_of, pairs_in, read_idx
from goodfit.data.images.rows import (
    Encoder,
    LazyPictures,
    Pictures,
    RawPictures,
    Scale,
    fits_in_memory,
    rows_in_memory,
    survey,
)
from goodfit.data.splits import Indices, given_split, random_split

Ints = NDArray[np.int64]
Arrays = tuple[Any, Any]
"""Pictures and labels as numpy or torch arrays; see `images.arrays.as_pictures` and `as_labels`."""

LEAST_SIDE = 4
NOT_FOR_PICTURES = ("target", "time_col", "group_col", "split_col", "drop")


@dataclass(frozen=True, eq=False)
class Collection:
    """All pictures of a source, their labels, and the part each belongs to where the source says."""

    name: str
    where: str
    pictures: Pictures
    labels: NDArray[Any]
    parts: tuple[Part, ...] = field(default=())


def load(source: Any, settings: DataSettings, seed: int = 0) -> Task:
    """Read, check, split and normalise pictures.

    ``source`` is a folder with a folder for each class (or with train, validation and test folders of that
    kind), an IDX file beside its labels or a folder of them, an .npz file, or (pictures, labels) in memory.
    Inputs are float32 (rows, channels, height, width), normalised by each channel's mean and deviation over the
    training pictures; targets (rows,) int64. Copies of a picture are on one side of the split unless the source
    gives it. Where the pictures do not fit into memory the parts are `LazyPictures`. DataError names the file.
    """
    for name in NOT_FOR_PICTURES:
        if getattr(settings, name):
            raise SettingsError(f"The 'data.{name}' setting does not apply to pictures", "Leave it out.")
    collection = read(source, settings.size)
    classes, codes = _classes(collection)
    in_memory = fits_in_memory(collection.pictures)
    found, pictures = survey(collection.pictures, keep=in_memory)
    indices = _split(collection, codes, found.keys, settings, seed)
    _check_training(codes, classes, indices, collection.where)
    scale = found.scale(indices.train, collection.where)
    make = rows_in_memory if in_memory else LazyPictures
    rows = {part: make(pictures, indices.part(part), codes[indices.part(part)], scale) for part in PARTS}
    height, width, channels = pictures.shape
    return Task(
        name=collection.name,
        kind="images",
        objective="classification",
        train=rows["train"],
        validation=rows["validation"],
        test=rows["test"],
        signature=Signature((channels, height, width), len(classes)),
        loss=functional.cross_entropy,
        metric=ACCURACY,
        classes=classes,
        raw={part: RawPictures(pictures, indices.part(part)) for part in PARTS},
        encode=Encoder(pictures.shape, scale, resize=settings.size is not None),
        facts=_facts(collection, indices, scale)
        | _oddities(codes, classes, found.keys, indices, given=bool(collection.parts))
        | ({} if in_memory else {"memory": "too little for all pictures: they are read again for each batch"}),
    )


def read(source: Any, size: int | None = None) -> Collection:
    """All pictures of a source, not yet split; resized to ``size``. DataError where they cannot be used."""
    collection = _read(source, size)
    height, width, _ = collection.pictures.shape
    if min(height, width) < LEAST_SIDE:
        raise DataError(
            f"pictures of {height} x {width} are smaller than {LEAST_SIDE} x {LEAST_SIDE}",
            "Give --size N to enlarge them.",
            where=collection.where,
        )
    return collection


def _read(source: Any, size: int | None) -> Collection:
    if isinstance(source, tuple) and len(source) == 2:
        return _from_arrays("images", "the arrays", {None: source}, size)
    if not isinstance(source, Path):
        raise DataError("pictures without labels", "Give both: goodfit.run((pictures, labels)).", where="the arrays")
    if existing(source).is_dir():
        pairs = pairs_in(source)
        return _from_idx(source, pairs, size) if pairs else _from_folders(source, size)
    if dimensions(source):
        return _from_idx(source, {None: pair_of(source)}, size)
    if _is_npz(source):
        return _from_arrays(source.name.split(".")[0], source.name, read_npz(source), size)
    one = is_picture(source)
    raise DataError(
        "one picture is no data set" if one else "neither pictures in folders, nor an IDX or .npz file",
        "Name the folder that holds a folder of pictures for each class." if one else "Check the file or --kind.",
        where=source.name,
    )


def _is_npz(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return path.suffix == ".npz"
    with zipfile.ZipFile(path) as file:
        return any(name.endswith(".npy") for name in file.namelist())


def _from_idx(source: Path, pairs: Mapping[Part | None, tuple[Path, Path]], size: int | None) -> Collection:
    checked = {}
    for part, (pictures, labels) in pairs.items():
        ours, theirs = as_pictures(read_idx(pictures), pictures.name), as_labels(read_idx(labels), labels.name)
        check_counts(len(ours), len(theirs), f"{pictures.name} and {labels.name}")
        checked[part] = ours, theirs
    return _joined(source.name.split(".")[0], source.name, checked, size)


def _from_arrays(name: str, where: str, arrays: Mapping[Part | None, Arrays], size: int | None) -> Collection:
    checked = {}
    for part, (pictures, labels) in arrays.items():
        at = f"{where} ({part})" if part else where
        ours, theirs = as_pictures(pictures, at), as_labels(labels, at)
        check_counts(len(ours), len(theirs), at)
        checked[part] = ours, theirs
    return _joined(name, where, checked, size)


def _joined(
    name: str, where: str, arrays: Mapping[Part | None, tuple[Picture, NDArray[Any]]], size: int | None
) -> Collection:
    """The arrays of all parts one after the other."""
    pictures = array_pictures([ours for ours, _ in arrays.values()], [f"{where} ({part})" for part in arrays], size)
    parts = tuple(part for part, (ours, _) in arrays.items() if part is not None for _ in ours)
    labels = np.concatenate([theirs for _, theirs in arrays.values()])
    return Collection(name, where, pictures, labels, parts if len(arrays) > 1 else ())


def _from_folders(source: Path, size: int | None) -> Collection:
    """The pictures of each class, and of each part where the folder has train and test folders."""
    parts = part_folders(source)
    if not parts:
        return _from_files(source, ((None, *each) for each in class_folders(source).items()), size)
    files = [(part, *each) for part, paths in parts.items() for path in paths for each in class_folders(path).items()]
    return _from_files(source, files, size)


def _from_files(source: Path, files: Iterable[tuple[Part | None, str, list[Path]]], size: int | None) -> Collection:
    rows = [(part, label, path) for part, label, paths in files for path in paths]
    parts = tuple(part for part, _, _ in rows if part is not None)
    pictures = file_pictures([path for _, _, path in rows], size)
    labels = np.array([label for _, label, _ in rows])
    return Collection(source.resolve().name, str(source), pictures, labels, parts if len(set(parts)) > 1 else ())


def _classes(collection: Collection) -> tuple[tuple[str, ...], Ints]:
    """Names of the classes, numbers in the order of numbers, and each picture's class (n,)."""
    names, codes = np.unique(collection.labels, return_inverse=True)
    if len(names) < 2:
        found = f"all pictures are of one class, {str(names[0])!r}" if len(names) else "there are no pictures"
        raise DataError(found, "Bring pictures of at least two classes.", where=collection.where)
    if len(names) > len(codes) / 2:
        raise DataError(
            f"{len(names):,} different labels for {len(codes):,} pictures are hardly classes",
            "Give each class several pictures.",
            where=collection.where,
        )
    classes = [str(name) for name in names]
    numbered = all(name.isdecimal() for name in classes)
    order = sorted(range(len(classes)), key=lambda i: int(classes[i]) if numbered else i)
    return tuple(classes[i] for i in order), np.argsort(order)[codes].astype(np.int64)


def _split(collection: Collection, codes: Ints, keys: Ints, settings: DataSettings, seed: int) -> Indices:
    split = partial(given_split, collection.parts) if collection.parts else partial(random_split, len(codes))
    try:
        return split(strata=codes, duplicates=keys, seed=seed, validation=settings.validation, test=settings.test)
    except DataError as error:
        raise DataError(error.problem, error.repair, where=collection.where) from None


def _check_training(codes: Ints, classes: tuple[str, ...], indices: Indices, where: str) -> None:
    found = set(codes[indices.train].tolist())
    if len(found) < 2:
        raise DataError(
            f"all training pictures are of one class, {classes[found.pop()]!r}",
            "Bring training pictures of at least two classes.",
            where=where,
        )


def _facts(collection: Collection, indices: Indices, scale: Scale) -> dict[str, str]:
    height, width, channels = collection.pictures.shape
    _, counts = np.unique(collection.labels, return_counts=True)
    few, many = counts.min(), counts.max()
    sizes = ", ".join(f"{part} {len(indices.part(part)):,}" for part in PARTS)
    how = "as the source gives it" if collection.parts else "at random by class, copies on one side"
    mean, deviation = (", ".join(f"{each:.1f}" for each in values) for values in (scale.mean, scale.deviation))
    return {
        "kind": "pictures, one label each",
        "rows": f"{counts.sum():,} {'grey' if channels == 1 else 'colour'} pictures of {height} x {width}",
        "classes": f"{len(counts)} of {few:,}{'' if few == many else f' to {many:,}'} pictures",
        "split": f"{sizes}; {how}" + (f"; {indices.note}" if indices.note else ""),
        "normalised": f"by the training pictures' mean {mean} and deviation {deviation} (pixels 0 to 255)",
    }


def _oddities(codes: Ints, classes: tuple[str, ...], keys: Ints, indices: Indices, *, given: bool) -> dict[str, str]:
    """What a person should know of copies (across the parts of a given split they flatter the score) and classes."""
    facts = {}
    copies = len(keys) - len(np.unique(keys))
    across = int(np.isin(keys[indices.test], keys[indices.train]).sum())
    if given and across:
        facts["copies"] = f"{across:,} of the test pictures stand in training too"
    elif copies:
        facts["copies"] = f"{copies:,} pictures are copies of another"
    unseen = [classes[i] for i in sorted(set(codes.tolist()) - set(codes[indices.train].tolist()))]
    if unseen:
        facts["unseen classes"] = f"never in training, so never predicted: {', '.join(unseen)}"
    return facts

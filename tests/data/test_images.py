"""Pictures: what can be read, how it is split and normalised, and what bad input is told."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from goodfit.core.errors import DataError, SettingsError
from goodfit.core.settings import DataSettings
from goodfit.core.task import PARTS, Rows, Task, targets_of
from goodfit.data.demos import DEMOS
from goodfit.data.images import load
from goodfit.data.images import rows as picture_rows
from goodfit.data.images import task as images

RNG = np.random.default_rng(0)
NOTHING = DataSettings()


def noise(count: int, *shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def save(path: Path, picture: np.ndarray[Any, Any], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)
    return path


def folder(root: Path, classes: tuple[str, ...] = ("cat", "dog"), each: int = 10, shape: Any = (8, 8)) -> Path:
    for number, name in enumerate(classes):
        for index, picture in enumerate(noise(each, *shape, seed=number)):
            save(root / name / f"{index:02}.png", picture)
    return root


def write_idx(path: Path, array: np.ndarray[Any, Any], code: int = 8) -> Path:
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    data = header + array.astype({8: ">u1", 11: ">i2", 13: ">f4"}[code]).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def idx_folder(root: Path, train: int = 40, test: int = 20) -> Path:
    for seed, (word, count) in enumerate((("train", train), ("t10k", test))):
        write_idx(root / f"{word}-images-idx3-ubyte.gz", noise(count, 8, 6, seed=seed))
        write_idx(root / f"{word}-labels-idx1-ubyte.gz", np.arange(count) % 4)
    return root


def sizes(task: Task) -> tuple[int, ...]:
    return tuple(len(targets_of(task.part(part))) for part in PARTS)  # type: ignore[arg-type]


def shown(task: Task, part: str) -> set[bytes]:
    return {np.ascontiguousarray(each).tobytes() for each in task.raw[part]}  # type: ignore[index]


# --- what can be read


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    task = load(folder(tmp_path / "pets", ("cat", "dog", "eel")), NOTHING)
    assert (task.name, task.kind, task.classes) == ("pets", "images", ("cat", "dog", "eel"))
    assert task.signature.inputs == (1, 8, 8)
    assert task.signature.outputs == 3
    assert sizes(task) == (18, 6, 6)
    assert isinstance(task.train, Rows)
    assert task.train.inputs.dtype == torch.float32
    assert task.train.targets.dtype == torch.int64
    assert np.bincount(task.train.targets).tolist() == [6, 6, 6]
    assert task.facts["rows"] == "30 grey pictures of 8 x 8"


def test_rows_hold_the_pictures_of_their_own_file(tmp_path: Path) -> None:
    task = load(folder(tmp_path), NOTHING)
    files = {np.asarray(Image.open(path)).tobytes(): path.parent.name for path in tmp_path.rglob("*.png")}
    for part in PARTS:
        targets = targets_of(task.part(part))  # type: ignore[arg-type]
        for picture, target in zip(task.raw[part], targets, strict=True):
            assert files[picture.tobytes()] == task.classes[target]
    assert set().union(*(shown(task, part) for part in PARTS)) == set(files)


def test_inputs_are_normalised_by_the_training_pictures(tmp_path: Path) -> None:
    task = load(folder(tmp_path, shape=(8, 6, 3)), NOTHING)
    assert task.signature.inputs == (3, 8, 6)
    inputs = task.train.inputs  # type: ignore[attr-defined]
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)
    raw = np.stack(list(task.raw["train"])).astype(float)
    by_hand = (task.raw["test"][0] - raw.mean((0, 1, 2))) / raw.std((0, 1, 2))
    np.testing.assert_allclose(task.test.inputs[0].permute(1, 2, 0), by_hand, atol=1e-4)  # type: ignore[union-attr]


def test_a_colour_that_never_varies_is_no_division_by_zero(tmp_path: Path) -> None:
    pictures = noise(20, 8, 8, 3)
    pictures[..., 2] = 7
    task = load((pictures, np.arange(20) % 2), NOTHING)
    assert torch.equal(task.train.inputs[:, 2], torch.zeros(12, 8, 8))  # type: ignore[attr-defined]


def test_a_given_split_of_folders_is_kept_and_validation_comes_from_training(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "test")):
        for index, picture in enumerate(noise(20, 8, 8, seed=number)):
            save(tmp_path / part / "ab"[index % 2] / f"{index}.png", picture)
    task = load(tmp_path, NOTHING)
    assert sizes(task) == (16, 4, 20)
    assert shown(task, "test") == {each.tobytes() for each in noise(20, 8, 8, seed=1)}
    assert "as the source gives it" in task.facts["split"]
    for index, picture in enumerate(noise(6, 8, 8, seed=2)):
        save(tmp_path / "valid" / "ab"[index % 2] / f"{index}.png", picture)
    assert sizes(load(tmp_path, NOTHING)) == (20, 6, 20)


def test_train_may_be_the_name_of_a_class(tmp_path: Path) -> None:
    assert load(folder(tmp_path, ("bus", "train")), NOTHING).classes == ("bus", "train")


def test_numbers_as_names_are_ordered_as_numbers(tmp_path: Path) -> None:
    assert load(folder(tmp_path, ("10", "9", "1")), NOTHING).classes == ("1", "9", "10")


def test_hidden_files_and_litter_are_ignored(tmp_path: Path) -> None:
    folder(tmp_path)
    for name in (
        ".DS_Store",
        "cat/.DS_Store",
        "cat/._00.png",
        "dog/Thumbs.db",
        "README.md",
        ".git/config",
        "__MACOSX/a",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    assert sum(sizes(load(tmp_path, NOTHING))) == 20


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "webp", "tif"])
def test_formats_are_known_by_content(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    pictures = noise(10, 8, 8)
    for index, picture in enumerate(pictures):
        path = save(tmp_path / "ab"[index % 2] / f"{index}.{suffix}", picture, **options)
        path.rename(path.with_suffix(".dat"))
    task = load(tmp_path, NOTHING)
    found = set().union(*(shown(task, part) for part in PARTS))
    wide = [np.repeat(each[..., None], 3, axis=2) for each in pictures]  # WebP has no grey.
    assert found == {each.tobytes() for each in (wide if suffix == "webp" else pictures)}


def test_jpeg_is_read_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    for index in range(10):
        picture = np.zeros((8, 16), np.uint8)
        picture[:, :8] = 100 + 10 * index
        save(tmp_path / "ab"[index % 2] / f"{index}.jpg", picture, exif=turned, quality=95)
    task = load(tmp_path, NOTHING)
    assert task.signature.inputs == (1, 16, 8)
    assert task.raw["train"][0][:8].mean() > 90 > 10 > task.raw["train"][0][8:].mean()


def test_transparent_palette_and_black_and_white_pictures(tmp_path: Path) -> None:
    for index, name in enumerate("ab" * 5):
        rgba = np.full((8, 8, 4), 10 + index, np.uint8)
        rgba[:4, :, 3] = 0
        image = Image.fromarray(rgba)
        (tmp_path / name).mkdir(exist_ok=True)
        image.save(tmp_path / name / f"{index}.png")
        image.convert("RGB").quantize(4).save(tmp_path / name / f"p{index}.png")
        image.convert("1").save(tmp_path / name / f"b{index}.png")
    task = load(tmp_path, NOTHING)
    assert task.signature.inputs == (3, 8, 8)
    tops = {tuple(each[0, 0].tolist()) for part in PARTS for each in task.raw[part]}
    assert (255, 255, 255) in tops, "what is transparent shows white"
    assert (10, 10, 10) in tops, "a palette gives its colours"


def test_grey_and_colour_together_become_colour(tmp_path: Path) -> None:
    folder(tmp_path)
    save(tmp_path / "cat" / "colour.png", noise(1, 8, 8, 3)[0])
    task = load(tmp_path, NOTHING)
    assert task.signature.inputs == (3, 8, 8)
    assert task.facts["rows"] == "21 colour pictures of 8 x 8"


def test_size_resizes_all(tmp_path: Path) -> None:
    folder(tmp_path)
    save(tmp_path / "cat" / "wide.png", np.full((10, 30), 77, np.uint8))
    task = load(tmp_path, DataSettings(size=12))
    assert task.signature.inputs == (1, 12, 12)
    assert any((each == 77).all() for part in PARTS for each in task.raw[part])
    assert load((noise(20, 8, 6), np.arange(20) % 2), DataSettings(size=5)).signature.inputs == (1, 5, 5)


def test_idx_folder_is_a_given_split(tmp_path: Path) -> None:
    task = load(idx_folder(tmp_path / "mnist"), NOTHING)
    assert (task.name, task.classes, task.signature.inputs) == ("mnist", ("0", "1", "2", "3"), (1, 8, 6))
    assert sizes(task) == (32, 8, 20)
    assert np.bincount(targets_of(task.validation)).tolist() == [2, 2, 2, 2]
    assert np.array_equal(np.stack(list(task.raw["test"])), noise(20, 8, 6, seed=1))


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
def test_a_lone_idx_file_finds_the_other(tmp_path: Path, name: str) -> None:
    task = load(idx_folder(tmp_path) / name, NOTHING)
    assert sizes(task) == (24, 8, 8)


def test_idx_packed_and_unpacked_side_by_side_are_one(tmp_path: Path) -> None:
    idx_folder(tmp_path)
    packed = tmp_path / "train-images-idx3-ubyte.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    assert sizes(load(tmp_path, NOTHING)) == (32, 8, 20)


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X_train", "y_train"), ("data", "target")])
def test_npz_with_one_pair_of_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    pictures, labels = noise(30, 8, 8), np.array(["no", "yes", "maybe"] * 10)
    np.savez(tmp_path / "set.npz", **dict(zip(names, (pictures, labels), strict=True)))
    task = load(tmp_path / "set.npz", NOTHING)
    assert (task.name, task.classes, sizes(task)) == ("set", ("maybe", "no", "yes"), (18, 6, 6))


@pytest.mark.parametrize("form", ["x_{}", "x{}", "{}_images"])
def test_npz_with_a_given_split(tmp_path: Path, form: str) -> None:
    other = {"x_{}": "y_{}", "x{}": "y{}", "{}_images": "{}_labels"}[form]
    arrays = {}
    for seed, (part, count) in enumerate({"train": 30, "val": 6, "test": 9}.items()):
        arrays[form.format(part)] = noise(count, 8, 8, 3, seed=seed)
        arrays[other.format(part)] = (np.arange(count) % 3)[:, None]
    np.savez(tmp_path / "set.npz", **arrays)
    task = load(tmp_path / "set.npz", NOTHING)
    assert sizes(task) == (30, 6, 9)
    assert np.array_equal(np.stack(list(task.raw["test"])), arrays[form.format("test")])


@pytest.mark.parametrize(
    "convert",
    [
        lambda p: torch.tensor(p),
        lambda p: torch.tensor(p).unsqueeze(1),
        lambda p: p[..., None],
        lambda p: p.astype(np.int64),
        lambda p: (p / 255).astype(np.float32),
        lambda p: p.astype(float),
    ],
)
def test_arrays_of_many_forms_are_the_same_pictures(convert: Callable[[Any], Any]) -> None:
    pictures, labels = noise(30, 8, 6), np.arange(30) % 3
    task, plain = load((convert(pictures), torch.tensor(labels)), NOTHING), load((pictures, labels), NOTHING)
    assert task.fingerprint == plain.fingerprint
    assert task.name == "images"


def test_torch_colour_has_channels_first() -> None:
    pictures = noise(20, 8, 6, 3)
    task = load((torch.tensor(pictures).permute(0, 3, 1, 2), np.arange(20) % 2), NOTHING)
    assert task.signature.inputs == (3, 8, 6)
    assert shown(task, "train") < {each.tobytes() for each in pictures}


def test_fashion_mnist(shared_data: Path) -> None:
    task = load(shared_data / "fashion-mnist", NOTHING)
    assert sizes(task) == (9_600, 2_400, 10_000)
    assert len(task.classes) == 10
    assert abs(float(task.train.inputs.mean())) < 1e-4  # type: ignore[attr-defined]


# --- splits


def test_copies_never_straddle_the_split() -> None:
    pictures = np.concatenate([noise(20, 8, 8)] * 4)
    for seed in range(5):
        task = load((pictures, np.tile(np.arange(20) % 2, 4)), NOTHING, seed)
        train, validation, test = (shown(task, part) for part in PARTS)
        assert not train & (validation | test)
        assert not validation & test
    assert task.facts["copies"] == "60 pictures are copies of another"


def test_copies_across_a_given_split_are_told(tmp_path: Path) -> None:
    pictures, labels = noise(30, 8, 8), np.arange(30) % 3
    parts = {"train": slice(0, 20), "val": slice(20, 30), "test": slice(11, 29)}
    arrays = {f"{x}_{part}": rows[at] for part, at in parts.items() for x, rows in (("x", pictures), ("y", labels))}
    np.savez(tmp_path / "a.npz", **arrays)
    task = load(tmp_path / "a.npz", NOTHING)
    assert task.facts["copies"] == "9 of the test pictures stand in training too"


def test_the_seed_decides_the_split() -> None:
    source = noise(60, 8, 8), np.arange(60) % 2
    first, again, other = (load(source, NOTHING, seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_class_that_training_lacks_is_told(tmp_path: Path) -> None:
    y_test = np.arange(9) % 4
    np.savez(
        tmp_path / "a.npz", x_train=noise(30, 8, 8), y_train=np.arange(30) % 3, x_test=noise(9, 8, 8), y_test=y_test
    )
    assert load(tmp_path / "a.npz", NOTHING).facts["unseen classes"] == "never in training, so never predicted: 3"


# --- more than memory holds, and new pictures


@pytest.mark.parametrize("as_files", [True, False])
def test_more_than_memory_holds_is_read_for_each_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_files: bool
) -> None:
    source = folder(tmp_path) if as_files else (noise(20, 8, 8), np.arange(20) % 2)
    plain = load(source, NOTHING)
    monkeypatch.setattr(picture_rows, "MEMORY_SHARE", 0.0)
    task = load(source, NOTHING)
    assert "read again for each batch" in task.facts["memory"]
    for part in PARTS:
        lazy, rows = task.part(part), plain.part(part)
        assert isinstance(lazy, picture_rows.LazyPictures)
        assert isinstance(rows, Rows)
        (inputs, targets), *_ = DataLoader(pickle.loads(pickle.dumps(lazy)), batch_size=64)
        torch.testing.assert_close(inputs, rows.inputs)
        assert torch.equal(targets, rows.targets)
        assert torch.equal(lazy.targets, rows.targets)
        assert np.array_equal(np.stack(list(task.raw[part])), np.stack(list(plain.raw[part])))


def test_new_pictures_are_encoded_as_those_of_the_task(tmp_path: Path) -> None:
    task = load(folder(tmp_path), NOTHING)
    assert task.encode is not None
    expected = task.test.inputs  # type: ignore[union-attr]
    raw = np.stack(list(task.raw["test"]))
    for form in (raw, torch.tensor(raw), raw[:, None], list(raw)):
        torch.testing.assert_close(task.encode(form), expected)
    files = {np.asarray(Image.open(path)).tobytes(): path for path in tmp_path.rglob("*.png")}
    paths = [files[each.tobytes()] for each in raw]
    torch.testing.assert_close(task.encode(paths), expected)
    torch.testing.assert_close(task.encode([str(path) for path in paths]), expected)


def test_new_pictures_of_another_size_are_refused_or_resized() -> None:
    source = noise(20, 8, 8), np.arange(20) % 2
    with pytest.raises(DataError, match=r"the new pictures: 9 x 8, but .* 8 x 8\. Resize .* --size"):
        load(source, NOTHING).encode(noise(2, 9, 8))  # type: ignore[misc]
    assert load(source, DataSettings(size=6)).encode(noise(2, 9, 8)).shape == (2, 1, 6, 6)  # type: ignore[misc]


# --- bad input


def refused(source: Any, *words: str, settings: DataSettings = NOTHING) -> None:
    with pytest.raises(DataError) as caught:
        load(source, settings)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert message.endswith((".", "?"))
    assert "\n" not in message


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path, shape=(64, 64)) / "dog" / "03.png"
    path.write_bytes(path.read_bytes()[:-900])
    refused(tmp_path, "dog/03.png: a broken picture", "Replace or remove it.")
    path.write_bytes(path.read_bytes()[:5])
    refused(tmp_path, "dog/03.png: not a picture", "Remove it from the folder or replace it.")
    path.write_bytes(b"")
    refused(tmp_path, "dog/03.png: not a picture")


def test_a_broken_jpeg_is_named(tmp_path: Path) -> None:
    folder(tmp_path, shape=(64, 64))
    path = save(tmp_path / "cat" / "x.jpg", noise(1, 64, 64)[0])
    path.write_bytes(path.read_bytes()[:1500])
    refused(tmp_path, "cat/x.jpg: a broken picture", "Replace or remove it.")


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (folder(tmp_path) / "dog" / "notes.txt").write_text("a fine dog")
    refused(tmp_path, "dog/notes.txt: not a picture", "Remove it from the folder")


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    save(folder(tmp_path) / "dog" / "deep.png", noise(1, 8, 8)[0].astype(np.uint16) * 200)
    refused(tmp_path, "dog/deep.png: a picture of more than 8 bits", "Convert it to 8-bit")


def test_unequal_sizes_name_two_files_and_the_option(tmp_path: Path) -> None:
    save(folder(tmp_path) / "dog" / "wide.png", noise(1, 9, 12)[0])
    refused(tmp_path, "cat/00.png is 8 x 8", "dog/wide.png is 9 x 12", "--size N", "--size 8")


def test_folders_without_classes(tmp_path: Path) -> None:
    refused(folder(tmp_path / "one", ("cat",)), "all pictures are of one class, 'cat'", "at least two classes")
    empty = folder(tmp_path / "empty")
    (empty / "eel").mkdir()
    (empty / "eel" / ".DS_Store").touch()
    refused(empty, "the class folder 'eel' holds no pictures", "Fill it or remove it.")
    (tmp_path / "nothing").mkdir()
    refused(tmp_path / "nothing", "nothing: no pictures in the folder", "a folder of pictures for each class")
    save(tmp_path / "flat" / "a.png", noise(1, 8, 8)[0])
    refused(tmp_path / "flat", "the picture a.png is in no class folder", "a folder named after its class")
    refused(tmp_path / "flat" / "a.png", "one picture is no data set", "for each class")
    refused(tmp_path / "gone", "no such file or folder")
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    refused(tmp_path / "text.csv", "text.csv: neither pictures in folders, nor an IDX or .npz file", "--kind")


def test_pictures_too_few_too_small_or_flat(tmp_path: Path) -> None:
    two = noise(2, 8, 8)
    refused((two[[0, 0, 0, 1]], [0, 0, 1, 1]), "the arrays: ", "different", "Bring more data")
    refused((noise(20, 2, 2), np.arange(20) % 2), "2 x 2 are smaller than 4 x 4", "--size N")
    flat, other, labels = np.full((20, 8, 8), 9, np.uint8), noise(20, 8, 8), np.arange(20) % 2
    arrays = {"x_train": flat, "x_val": other, "x_test": other, "y_train": labels, "y_val": labels, "y_test": labels}
    np.savez(tmp_path / "flat.npz", **arrays)
    refused(tmp_path / "flat.npz", "flat.npz: all training pictures are of one and the same flat colour")


def test_idx_files_that_are_broken(tmp_path: Path) -> None:
    name, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    write_idx(tmp_path / labels, np.arange(9) % 3)
    refused(write_idx(tmp_path / name, noise(10, 8, 8)), "10 pictures but 9 labels", name, labels)
    path = write_idx(tmp_path / name, noise(9, 8, 8))
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    refused(path, f"{name}: the file is cut off: it announces 9 x 8 x 8", "576 bytes", "569", "Fetch it again.")
    path.write_bytes(whole + b"more")
    refused(path, "the file is too long")
    path.write_bytes(whole[:9])
    refused(path, "the file is cut off")
    path.write_bytes(b"\1" + whole[1:])
    refused(path, "neither pictures in folders, nor an IDX")
    path.unlink()
    packed = write_idx(tmp_path / f"{name}.gz", noise(9, 8, 8))
    packed.write_bytes(packed.read_bytes()[:-40])
    refused(packed, f"{name}.gz: a broken gzip file", "again")


def test_idx_with_a_wrong_magic_in_its_partner(tmp_path: Path) -> None:
    images_file = write_idx(tmp_path / "train-images-idx3-ubyte", noise(9, 8, 8))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x77\x01\0\0\0\x09" + bytes(9))
    refused(images_file, "train-images-idx3-ubyte: no file of labels beside it", "the same with 'labels' for 'images'")


def test_idx_without_labels_or_with_fractions(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", noise(10, 8, 8))
    refused(path, "t10k-images-idx3-ubyte.gz: no file of labels beside it", "'labels' for 'images'")
    refused(tmp_path, "no file of labels beside it")
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([0, 1, 0.5, 1, 0, 1, 0, 1, 0, 1]), code=13)
    refused(path, "t10k-labels-idx1-ubyte: label 0.5 of picture 3 is not a whole number")
    write_idx(tmp_path / "other-images-idx3-ubyte", noise(10, 8, 8))
    refused(
        tmp_path, "cannot tell which of other-images-idx3-ubyte, t10k-images-idx3-ubyte.gz", "Name one of the files"
    )


class Trap:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("trap"),))


def test_npz_files_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "set.npz"
    np.savez(path, images=noise(10, 8, 8))
    refused(path, "set.npz: no labels among its arrays ('images')", "Name them images and labels")
    np.savez(path, noise(10, 8, 8), np.arange(10))
    refused(path, "no pictures and labels among its arrays ('arr_0', 'arr_1')")
    np.savez(path, x_train=noise(10, 8, 8), y_train=np.arange(10) % 2, x_test=noise(4, 8, 8))
    refused(path, "no labels for test")
    np.savez(path, images=noise(10, 8, 8), labels=np.array([Trap()] * 10, dtype=object))
    refused(path, "set.npz: an array of Python objects", "reading it can run code", "Save plain numbers")
    assert not (tmp_path / "trap").exists()
    np.savez(path, images=noise(10, 8, 8), labels=np.arange(9) % 2)
    refused(path, "set.npz: 10 pictures but 9 labels")
    path.write_bytes(path.read_bytes()[:300])
    refused(path, "set.npz", "npz")
    np.savez_compressed(path, images=noise(10, 8, 8), labels=np.arange(10) % 2)
    data = bytearray(path.read_bytes())
    data[200:240] = bytes(40)
    path.write_bytes(data)
    refused(path, "set.npz: a broken .npz file", "Save it again.")


@pytest.mark.parametrize(
    ("pictures", "labels", "words"),
    [
        (noise(10, 64), np.arange(10) % 2, "an array of shape (10, 64)"),
        (noise(10, 8, 8, 4), np.arange(10) % 2, "an array of shape (10, 8, 8, 4)"),
        (noise(10, 8, 8) - 300.0, np.arange(10) % 2, "Give pixels from 0 to 255"),
        (noise(10, 8, 8).astype(int) * 257, np.arange(10) % 2, "values from 0 to 65535"),
        (np.where(np.arange(640).reshape(10, 8, 8) == 200, np.nan, 1.0), np.arange(10) % 2, "picture 4 has pixels"),
        (noise(10, 8, 8).astype(str), np.arange(10) % 2, "pictures of type <U3"),
        (noise(10, 8, 8), np.eye(10), "labels of shape (10, 10)"),
        (noise(10, 8, 8), np.array([0, 1] * 4 + [np.nan, 1]), "label nan of picture 9 is not a whole number"),
        (noise(10, 8, 8), np.arange(9) % 2, "the arrays: 10 pictures but 9 labels"),
        (noise(10, 8, 8), np.zeros(10), "all pictures are of one class, '0'"),
        (noise(10, 8, 8), np.arange(10), "10 different labels for 10 pictures are hardly classes"),
        (noise(10, 8, 8), np.array([None] * 10), "labels of type object"),
    ],
)
def test_arrays_that_cannot_be_used(pictures: Any, labels: Any, words: str) -> None:
    refused((pictures, labels), "the arrays: ", words)


def test_pictures_without_labels_are_refused() -> None:
    for source in (noise(10, 8, 8), torch.tensor(noise(10, 8, 8)), (noise(10, 8, 8),)):
        refused(source, "the arrays: pictures without labels", "goodfit.run((pictures, labels))")


def test_settings_of_other_kinds_are_refused() -> None:
    for name in images.NOT_FOR_PICTURES:
        settings = DataSettings(**{name: ("a",) if name == "drop" else "a"})
        with pytest.raises(SettingsError, match=rf"'data\.{name}' setting does not apply to pictures"):
            load((noise(10, 8, 8), np.arange(10) % 2), settings)


def test_the_digits_that_scikit_learn_carries() -> None:
    demo = DEMOS["digits"]
    task = load(demo.load(), demo.settings)
    assert task.classes == tuple("0123456789")
    assert task.signature.inputs == (1, 8, 8)
    assert sum(sizes(task)) == 1797
    assert max(int(each.max()) for each in task.raw["train"]) == 255

"""Text however it is stored, and folders that are a split."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from goodfit.core.errors import DataError
from goodfit.data.files import existing, head, parts_in, read_text

TEXT = "één\nдва\n三\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        gzip.compress(TEXT.encode(), mtime=0),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
    ],
)
def test_text_is_the_same_however_it_is_stored(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "words"
    path.write_bytes(data)
    assert read_text(path) == TEXT


def test_the_head_of_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "words.gz"
    path.write_bytes(gzip.compress(b"0123456789", mtime=0))
    assert head(path, 4) == b"0123"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "words: the file is empty"),
        (b" \n", "words: the file is empty"),
        (b"one\ntwo\n\xe9t\xe9\n", "words, line 3: byte 0xe9 is not UTF-8. Save the file as UTF-8"),
        (b"one\0two", "words: binary data, where text is needed"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-6], "words: a broken gzip file"),
        (b"\x1f\x8b\x08" + bytes(9) + b"junk", "words: a broken gzip file"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "words"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_text(path)
    assert str(caught.value).startswith(says)
    assert caught.value.repair


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder, where one file is needed"):
        read_text(tmp_path)


def test_parts_need_train_and_another(tmp_path: Path) -> None:
    for name in ("train.csv", "notes.txt", ".train.swp"):
        (tmp_path / name).write_text(TEXT)
    assert parts_in(tmp_path) == {}
    os.mkdir(tmp_path / "test")
    assert parts_in(tmp_path) == {"train": [tmp_path / "train.csv"], "test": [tmp_path / "test"]}


def test_a_missing_file_is_compared_with_its_neighbours_but_they_are_not_all_listed(tmp_path: Path) -> None:
    for name in ("views.csv", "secret.txt", ".hidden"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"no such file or folder\. Did you mean 'views\.csv'\?$"):
        existing(tmp_path / "veiws.csv")
    with pytest.raises(DataError, match=r"no such file or folder\. Check the path\.$"):
        existing(tmp_path / "quite different")

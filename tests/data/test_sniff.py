"""The kind of data follows from the content, whatever the file is called."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.data import KINDS, load
from goodfit.data.sniff import sniff

AUTO = DataSettings()
IDX = struct.pack(">HBB", 0, 8, 1) + struct.pack(">I", 2) + b"\1\2"
CONLLU = "# text = Hi there\n1\tHi\thi\tINTJ\t_\t_\t0\troot\t_\t_\n2\tthere\tthere\tADV\t_\t_\t1\tadvmod\t_\t_\n\n"
SERIES = "date,count\n" + "".join(f"2024-01-{day:02d},{day * 3}\n" for day in range(1, 29))


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros((2, 4, 4)), y=np.zeros(2))
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("sheet.xml", "<a/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (SERIES, "series"),
        (SERIES.replace("-01-02,6", "-01-02,six"), "series"),
        (SERIES.replace(",", ";"), "series"),
        ("page,date,count\n" + "".join(f"p{i % 2},2024-01-{1 + i // 2:02d},{i}\n" for i in range(40)), "series"),
        ("day,count,rain\n" + "".join(f"2024-01-{1 + i:02d},{i},{i * 2}\n" for i in range(28)), "table"),
        ("a,b,y\n1,2,u\n3,4,v\n", "table"),
        ("a\tb\n1\tu\n3\tv\n", "table"),
        ("day and time,y\n" + "2024-01-01 10:00,3\n\n2024-01-02 10:00,4\n" * 3, "series"),
        ("a,b\n1,2\n3\n4,5,6\n", "table"),
        ('{"a": 1, "y": 2}\n{"a": 1, "y": 3}\n', "table"),
        ('{"day": "2024-01-01", "y": 2}\n{"day": "2024-01-02", "y": 3}\n', "series"),
        (CONLLU * 2, "sequences"),
        ("Hi\tINTJ\nthere\tADV\n\nYou\tPRON\n", "sequences"),
        ("-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nBerlin NNP B-NP B-LOC\n", "sequences"),
        ("cat\tK AE T\ndog\tD AO G\nhouse\tHH AW - S -\n", "sequences"),
        (IDX, "images"),
        (npz(), "images"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files(tmp_path: Path, content: str | bytes, kind: str, packed: bool) -> None:
    data = content.encode() if isinstance(content, str) else content
    if packed and data[:2] == b"PK":
        pytest.skip(".npz is packed already")
    path = tmp_path / "data.bin"
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    assert sniff(path, AUTO) == kind


def test_the_target_and_the_history_help_to_tell() -> None:
    frame = pl.DataFrame({"day": ["2024-01-01", "2024-01-02"] * 9, "place": ["a", "b"] * 9, "n": range(18)})
    assert sniff(frame, AUTO) == "series"
    assert sniff(frame, DataSettings(target="place")) == "table"
    assert sniff(frame, DataSettings(group_col="place")) == "series"
    assert sniff(frame, DataSettings(split_col="place")) == "table"
    assert sniff(frame.with_columns(m=pl.col("n")), DataSettings(drop=("m",))) == "series"
    assert sniff(frame.with_columns(m=pl.col("n")), DataSettings(history=7)) == "series"


def test_objects() -> None:
    assert sniff(np.zeros((4, 3)), AUTO) == "table"
    assert sniff(np.zeros((4, 8, 8)), AUTO) == "images"
    assert sniff((np.zeros((4, 8, 8)), np.zeros(4)), AUTO) == "images"
    assert sniff([(["Hi"], ["INTJ"])], AUTO) == "sequences"


def test_folders(tmp_path: Path) -> None:
    def folder(name: str, **files: str | bytes) -> Path:
        for file, content in files.items():
            path = tmp_path / name / file.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    picture = b"\x89PNG\r\n\x1a\n" + bytes(20)
    assert sniff(folder("classes", cat__one=picture, dog__two=picture), AUTO) == "images"
    assert sniff(folder("parts", train__cat__one=picture, test__cat__two=picture), AUTO) == "images"
    assert sniff(folder("idx", train_images=IDX, t10k_images=IDX), AUTO) == "images"
    assert sniff(folder("table", train="a,b,c\n1,2,3\n", test="a,b,c\n1,2,3\n"), AUTO) == "table"
    assert sniff(folder("tags", dev=CONLLU, train=CONLLU), AUTO) == "sequences"
    with pytest.raises(DataError, match=r"a folder of one\.csv, two\.csv\. A folder needs files named train"):
        sniff(folder("loose", **{"one.csv": SERIES, "two.csv": SERIES}), AUTO)
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="an empty folder"):
        sniff(tmp_path / "bare", AUTO)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "Once upon a time\nthere was a file\nwith a story in it\n",
            "text without columns (its first line: 'Once upon",
        ),
        ("42\n43\n44\n", "text without columns"),
        (b"%PDF-1.7\n\0\0", "binary data (a PDF)"),
        (zipped(), "binary data (a ZIP archive or spreadsheet)"),
        (b"\x7fELF\0\0\0", "binary data"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a single picture. Give a folder"),
        ('[{"a": 1}]', "a JSON array. Write one JSON object"),
        ("\n \n", "the file is empty"),
        ("", "the file is empty"),
    ],
)
def test_what_is_of_no_kind_is_refused_with_what_it_looks_like(tmp_path: Path, content: str | bytes, says: str) -> None:
    path = tmp_path / "views.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as caught:
        sniff(path, AUTO)
    assert str(caught.value).startswith("views.csv: ")
    assert says in str(caught.value)


def test_a_broken_npz_goes_to_the_reader_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "pictures.npz"
    path.write_bytes(npz()[:200])
    assert sniff(path, AUTO) == "images"
    with pytest.raises(DataError, match=r"pictures\.npz: a broken \.npz file"):
        load(path, AUTO)


def test_load_goes_to_the_kind_by_content_or_as_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("x,y\n" + "".join(f"{i * 7 % 31}.5,{'uv'[i % 2]}\n" for i in range(40)))
    assert load(str(path), DataSettings(target="y")).kind == "table"
    assert load(path, DataSettings(target="y", kind="table"), 1).name == "rows"
    assert set(KINDS) == {"series", "table", "images", "sequences"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("daily-counts/wikipedia_9_pages.csv", "series"),
        ("daily-counts/youtube_coding_train_2021.csv", "series"),
        ("daily-counts/bike_sharing_daily.csv", "table"),
        ("fashion-mnist", "images"),
        ("ud-english-ewt", "sequences"),
        ("cmudict-g2p", "sequences"),
        ("wnut17", "sequences"),
        ("uner-english-ewt/dev.iob2", "sequences"),
    ],
)
def test_real_data(shared_data: Path, name: str, kind: str) -> None:
    assert sniff(shared_data / name, AUTO) == kind

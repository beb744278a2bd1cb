"""Files and frames: what is read, and which line a refusal names."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from goodfit.core.errors import DataError
from goodfit.data.frames import MOST_COLUMNS, frame_of, read_frame

GOOD = 'a,b,y\n1.5,"x, z",0\n2.5,w,1\n3,v,0\n'


def written(folder: Path, content: str | bytes, name: str = "views.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16"),
        gzip.compress(GOOD.encode(), mtime=0),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        b"\n\n" + GOOD.replace("\n", "\n\n").encode(),
    ],
    ids=["plain", "byte-order mark", "utf-16", "gzip", "crlf", "cr", "blank lines"],
)
def test_the_same_table_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    frame = read_frame(written(tmp_path, content))
    assert frame.data.rows() == [("1.5", "x, z", "0"), ("2.5", "w", "1"), ("3", "v", "0")]
    assert frame.data.columns == ["a", "b", "y"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = "a,b\n1,hello world\n2,again\n".replace(",", delimiter)
    assert read_frame(written(tmp_path, text)).data.columns == ["a", "b"]


def test_a_row_knows_its_line_past_blank_lines_and_quoted_ones(tmp_path: Path) -> None:
    frame = read_frame(written(tmp_path, 'a,y\n"one\ntwo",1\n\nx,2\n'))
    assert [frame.at(row) for row in range(frame.data.height)] == ["views.csv, line 2", "views.csv, line 5"]


def test_ndjson_and_parquet_are_known_by_content(tmp_path: Path) -> None:
    table = pl.DataFrame({"a": [1.5, None], "y": ["u", "v"]})
    lines = read_frame(written(tmp_path, '{"a": 1.5, "y": "u"}\n\n{"y": "v"}\n', "data.txt"))
    assert lines.data.equals(table)
    assert lines.at(1) == "data.txt, line 3"
    table.write_parquet(tmp_path / "data.dat")
    assert read_frame(tmp_path / "data.dat").data.equals(table)


def test_unnamed_columns_get_a_name(tmp_path: Path) -> None:
    assert read_frame(written(tmp_path, ",a\n0,1\n")).data.columns == ["column 1", "a"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "views.csv: the file is empty"),
        (" \n\n", "views.csv: the file is empty"),
        ("a,b\n", "views.csv: column names, but no rows"),
        (GOOD + "1,2\n4,5,6\n", "views.csv, line 5: 2 fields, where line 1 names 3 columns"),
        (GOOD + "\n1,2,3,4\n", "views.csv, line 6: 4 fields, where line 1 names 3 columns"),
        ('a,b\n"x,1\ny,2\n', "views.csv, line 2: 1 field, where line 1 names 2 columns"),
        ("a,b,a\n1,2,3\n", "line 1: more than one column is called 'a'"),
        ("1,2\n3,4\n", "line 1: the first line holds numbers"),
        ("a,b\n1,\xf1\n".encode("latin-1"), "views.csv, line 2: byte 0xf1 is not UTF-8. Save the file as UTF-8"),
        (b"\x01\x00\x02" * 100, "views.csv: binary data"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-12], "views.csv: a broken gzip file"),
        (b"PAR1" + bytes(200), "views.csv: a broken Parquet file"),
        ('{"a": 1}\n{"a": \n', "views.csv, line 2: not JSON"),
        ('{"a": 1}\n[1]\n', "views.csv, line 2: not a JSON object"),
        ('{"a": {"b": 1}}\n{"a": [1]}\n', "views.csv: the lines do not agree"),
    ],
)
def test_a_refusal_names_the_place(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read_frame(written(tmp_path, content))
    assert says in str(caught.value)
    assert caught.value.repair


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    with pytest.raises(DataError, match=r"no such file or folder\. Did you mean 'views.csv'"):
        read_frame(tmp_path / "viewz.csv")


def test_a_million_columns_are_refused_before_they_are_read(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(1_000_000))
    with pytest.raises(DataError, match=f"1,000,000 columns, and goodfit reads at most {MOST_COLUMNS:,}"):
        read_frame(written(tmp_path, f"{names}\n{names}\n"))
    line = "{" + ",".join(f'"c{i}":1' for i in range(MOST_COLUMNS + 1)) + "}\n"
    with pytest.raises(DataError, match="20,001 columns"):
        read_frame(written(tmp_path, line, "wide.ndjson"))
    with pytest.raises(DataError, match="20,001 columns"):
        frame_of(np.zeros((1, MOST_COLUMNS + 1)))


def test_frames_and_matrices_of_every_make() -> None:
    table = pl.DataFrame({"n": [1.0, 2.0], "s": ["a", None], "d": [datetime(2020, 1, 1), None]})
    pandas = pd.DataFrame({"n": [1.0, 2.0], "s": ["a", None], "d": pd.to_datetime(["2020-01-01", None])})
    assert frame_of(table).data.equals(table)
    assert frame_of(table.lazy()).data.equals(table)
    assert frame_of(pandas).data.with_columns(pl.col("d").cast(table["d"].dtype)).equals(table)
    nullable = pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "c": pd.Categorical(["u", "v"])})
    assert frame_of(nullable).data.fill_nan(None).rows() == [(1.0, "u"), (None, "v")]
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    for made in (matrix, torch.from_numpy(matrix), matrix.astype(object)):
        assert frame_of(made).data.to_dict(as_series=False) == {"column_0": [1.0, 3.0], "column_1": [2.0, 4.0]}
    assert frame_of(matrix).at(1) == "the data frame, row 2"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.zeros(3), r"an array of shape \(3,\)"),
        ({"a": [1]}, "a dict is no table"),
        (pl.DataFrame({"a": []}), "no rows below them"),
    ],
)
def test_what_is_no_table_is_refused(data: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        frame_of(data)

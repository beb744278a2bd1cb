"""Tables from file to task: types, roles, splits, preprocessing, and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.core.task import PARTS, Rows, Task, targets_of
from goodfit.data.table import load
from goodfit.data.table.preprocessing import FEW_LEVELS

N = 120


def make(rows: int = N, seed: int = 0, **columns: Any) -> pl.DataFrame:
    """Numbers, categories, dates out of order, gaps, and a target of two classes."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=rows)
    frame = {
        "number": np.where(rng.random(rows) < 0.1, np.nan, number),
        "whole": rng.integers(0, 5, rows),
        "colour": rng.choice(["red", "green", "blue"], rows),
        "city": rng.choice([f"city {i}" for i in range(40)], rows),
        "day": np.datetime64("2020-01-01") + rng.integers(0, 800, rows),
        "flag": rng.random(rows) < 0.5,
        "y": np.where(number > 0, "up", "down"),
    }
    return pl.DataFrame({**frame, **columns})


def task_of(source: Any, seed: int = 0, **settings_: Any) -> Task:
    return load(source, DataSettings(**{"target": "y", **settings_}), seed)


def inputs(task: Task, part: str) -> torch.Tensor:
    rows = task.part(part)  # type: ignore[arg-type]
    assert isinstance(rows, Rows)
    return rows.inputs


def refused(source: Any, **settings_: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        task_of(source, **settings_)
    assert caught.value.repair
    return caught.value


def csv(folder: Path, text: str, name: str = "views.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


# --- what comes out


def test_a_classification_task() -> None:
    task = task_of(make())
    assert (task.kind, task.objective, task.classes) == ("table", "classification", ("down", "up"))
    assert [len(task.part(part)) for part in PARTS] == [72, 24, 24]  # type: ignore[arg-type]
    assert task.train.targets.dtype == torch.int64  # type: ignore[attr-defined]
    x = inputs(task, "train")
    assert x.dtype == torch.float32
    assert torch.isfinite(x).all()
    assert task.signature.inputs == tuple(x.shape[1:])
    assert task.signature.outputs == 2
    assert list(task.facts)[:3] == ["kind", "rows", "target"]
    assert task.facts["target"].startswith("'y': 2 classes: down ")
    assert "stratified by class" in task.facts["split"]


def test_regression_targets_are_scaled_by_the_training_rows_and_come_back_in_their_unit() -> None:
    y = np.random.default_rng(1).normal(1000, 50, N)
    task = task_of(make(y=y))
    assert task.objective == "regression"
    scaled = targets_of(task.train)
    assert scaled.shape == (72, 1)
    assert abs(float(scaled.mean())) < 1e-5
    assert abs(float(scaled.std(correction=0)) - 1) < 1e-5
    assert task.metric.unit == "y"
    back = torch.cat([task.decode(targets_of(task.part(part)), torch.zeros(0)) for part in PARTS])  # type: ignore[arg-type]
    assert back.ndim == 1
    np.testing.assert_allclose(np.sort(back.numpy()), np.sort(y), rtol=1e-5)


@pytest.mark.parametrize(
    ("values", "objective"),
    [
        (np.arange(N) % 10, "classification"),
        (np.arange(N) % 11, "regression"),  # more than the square root of 120
        (np.arange(N) % 2 + 0.5, "classification"),
        (np.arange(N) % 9 + 0.5, "regression"),
        ([bool(i % 2) for i in range(N)], "classification"),
        ([str(i % 3) for i in range(N)], "classification"),
        ([f"{i}.25" for i in range(N)], "regression"),
    ],
)
def test_the_objective_follows_from_the_values(values: Any, objective: str) -> None:
    assert task_of(make(y=values)).objective == objective


def test_the_objective_can_be_said() -> None:
    assert task_of(make(y=np.arange(N) % 10), objective="regression").objective == "regression"
    many = task_of(make(y=np.arange(N) % 12), objective="classification")
    assert many.classes == tuple(str(i) for i in range(12))  # in the order of numbers, not of words
    assert "is not a number" in str(refused(make(), objective="regression"))


# --- preprocessing


def test_types_become_inputs_and_category_codes_come_last() -> None:
    task = task_of(make())
    words = task.facts["inputs"]
    assert "2 numbers, 3 categories, 1 date" in words
    assert "'city' with" in words
    assert "missing values filled by the median and marked: number" in words
    sizes = task.signature.categories
    assert len(sizes) == 1
    codes = inputs(task, "train")[:, -1]
    assert codes.min() >= 0
    assert codes.max() == sizes[0] - 1
    assert (codes == codes.round()).all()
    # two numbers, days since, the mark of the gaps, colours, weekdays, months, a flag, and one code
    assert task.signature.inputs == (2 + 1 + 1 + 3 + 7 + 12 + 2 + 1,)


def test_a_level_that_is_new_or_rare_or_missing_has_code_zero_and_is_a_colour_of_no_kind() -> None:
    task = task_of(make())
    assert task.encode is not None
    rows = make(4).with_columns(city=pl.Series(["Atlantis", None, "", "city 1"]), colour=pl.lit("mauve"))
    encoded = task.encode(rows)
    assert encoded[:, -1].tolist()[:3] == [0, 0, 0]
    assert encoded[3, -1] > 0
    assert encoded[:, 4:7].sum() == 0


def test_few_levels_are_one_hot_and_one_more_gets_an_embedding() -> None:
    rows = 1000
    for levels, sizes in ((FEW_LEVELS, ()), (FEW_LEVELS + 1, (FEW_LEVELS + 2,))):
        frame = pl.DataFrame(
            {"c": [f"c{i % levels}" for i in range(rows)], "x": np.random.default_rng(0).normal(size=rows)}
        )
        y = pl.Series("y", ["u", "v"] * (rows // 2))
        assert task_of(frame.with_columns(y)).signature.categories == sizes


def test_columns_that_cannot_help_are_left_out_and_said() -> None:
    frame = make(
        row=np.arange(N) + 17,
        customer_id=np.random.default_rng(0).permutation(N) * 3,
        name=[f"name {i}" for i in range(N)],
        same=[7.0] * N,
        gone=[None] * N,
        listed=[[1, 2]] * N,
    )
    task = task_of(frame)
    left = task.facts["left out"]
    for words in (
        "'row': numbers the rows",
        "'customer_id': numbers the rows",
        "'name': a different text on every row",
        "'same': always 7",
        "'gone': no value in the training rows",
        "'listed': holds lists",
    ):
        assert words in left
    assert torch.equal(inputs(task, "train"), inputs(task_of(make()), "train"))


def test_heavy_tails_are_made_normal_by_rank_and_far_values_are_cut() -> None:
    income = np.exp(np.random.default_rng(0).normal(size=N) * 3)
    task = task_of(make(income=income))
    assert "heavy-tailed, by rank: income" in task.facts["inputs"]
    assert inputs(task, "train").abs()[:, :-1].max() < 15
    assert task.encode is not None
    far = task.encode(make(2, income=[1e30, -1e30]).with_columns(number=pl.Series([1e30, -1e30])))
    assert torch.isfinite(far).all()
    assert far[:, :-1].abs().max() <= 15


def test_strays_among_numbers_count_as_missing_and_are_said(tmp_path: Path) -> None:
    rows = "".join(f"{i * 7 % 31}.5,{'uv'[i % 2]}\n" for i in range(40))
    task = task_of(csv(tmp_path, f"x,y\n{rows}lots,u\n"))
    assert "1 in 'x', not a number, counted as missing: the first is 'lots' at views.csv, line 42" in str(task.facts)


values = st.one_of(st.none(), st.text(max_size=5), st.floats(), st.sampled_from(["1e9", "2031-01-01", "red", "-3"]))


# Not shrunk: each example loads two tables.
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example([1.5e308, 1e101, -5e-324, "9999-12-31", "0001-01-01", "\0"])
@given(st.lists(values, min_size=6, max_size=6))
def test_preprocessing_does_not_hang_on_the_test_rows(garbage: list[Any]) -> None:
    frame = make(60).with_columns(pl.all().cast(pl.String))
    part = pl.Series("part", ["train"] * 44 + ["dev"] * 10 + ["test"] * 6)
    before = task_of(frame.with_columns(part), split_col="part")
    words = pl.Series([None if each is None else str(each) for each in garbage], dtype=pl.String)
    bad = frame.with_columns(
        pl.concat([frame[name].head(54), words]).alias(name) for name in frame.columns if name != "y"
    )
    after = task_of(bad.with_columns(part), split_col="part")
    assert torch.equal(inputs(before, "train"), inputs(after, "train"))
    assert torch.equal(inputs(before, "validation"), inputs(after, "validation"))
    assert torch.isfinite(inputs(after, "test")).all()


# --- new rows


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000))
def test_encoding_the_training_rows_again_gives_the_inputs(seed: int) -> None:
    frame = make(60, seed).with_columns(part=pl.Series(["train"] * 40 + ["valid"] * 10 + ["test"] * 10))
    task = task_of(frame, split_col="part")
    assert task.encode is not None
    train = frame.head(40).drop("y", "part").select("flag", "day", "city", "colour", "whole", "number")
    assert torch.equal(task.encode(train), inputs(task, "train"))


def test_new_rows_may_be_pandas_or_a_matrix() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(N, 3))
    y = (matrix[:, 0] > 0).astype(int)
    task = task_of(np.c_[matrix, y], target="column_3")
    assert task.encode is not None
    wanted = task.encode(matrix)
    named = {f"column_{i}": matrix[:, i] for i in range(3)}
    for same in (torch.from_numpy(matrix), pd.DataFrame(named), pl.DataFrame(named), pd.DataFrame(named).iloc[:, ::-1]):
        assert torch.equal(task.encode(same), wanted)
    with pytest.raises(DataError, match=r"2 columns.*3 columns in the order"):
        task.encode(matrix[:, :2])
    with pytest.raises(DataError, match="lack the columns 'column_1'"):
        task.encode(pl.DataFrame(named).drop("column_1"))


def test_pandas_and_polars_and_files_give_one_task(tmp_path: Path) -> None:
    frame = make()
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ndjson(tmp_path / "t.ndjson")
    pandas = pd.DataFrame({name: frame[name].to_list() for name in frame.columns})
    sources = (frame, pandas, tmp_path / "t.csv", tmp_path / "t.parquet", tmp_path / "t.ndjson")
    prints = [task_of(source).fingerprint for source in sources]
    assert len(set(prints)) == 1


# --- splits


def sides(task: Task, frame: pl.DataFrame, column: str) -> list[set[Any]]:
    """Values of a column in each part, by the row numbers that ``raw`` gives."""
    return [{frame[column][int(word.split()[1]) - 1] for word in task.raw[part]} for part in PARTS]


def test_copies_fall_on_one_side_though_a_running_number_tells_them_apart() -> None:
    once = make(60).with_columns(key=pl.Series(range(60)).cast(pl.Float64) * 1.5)
    frame = pl.concat([once, once, once]).with_columns(row=pl.Series(range(180)))
    for seed in range(5):
        task = task_of(frame, seed)
        train, validation, test = sides(task, frame, "key")
        assert len(train | validation | test) == len(train) + len(validation) + len(test)
    assert "120 rows are copies of others, all copies on one side" in task.facts["split"]


def test_groups_stay_whole_and_are_the_clusters() -> None:
    frame = make(patient=[f"p{i % 15}" for i in range(N)])
    task = task_of(frame, group_col="patient")
    train, validation, test = sides(task, frame, "patient")
    assert len(train | validation | test) == len(train) + len(validation) + len(test)
    assert len(np.unique(task.clusters["test"])) == len(test)
    assert "by groups ('patient')" in task.facts["split"]
    assert "patient" not in task.facts["inputs"]


def test_time_puts_the_newest_rows_in_the_test_and_gives_no_days_since() -> None:
    frame = make()
    task = task_of(frame, time_col="day")
    assert max(task.raw["train"]) < min(task.raw["validation"]) <= max(task.raw["validation"]) < min(task.raw["test"])
    assert task.signature.inputs[0] == task_of(frame).signature.inputs[0] - 1
    year = task_of(frame.with_columns(year=pl.Series(range(N)) // 7), time_col="year")
    assert "year" not in year.facts["inputs"]
    assert min(map(float, year.raw["test"])) > max(map(float, year.raw["train"]))


def test_a_regular_record_in_time_is_split_by_time_unasked() -> None:
    days = pl.Series(np.datetime64("2021-03-01") + np.arange(N))
    task = task_of(make(day=days))
    assert "inferred because each row is one regular step of 'day'" in task.facts["split"]
    assert task.raw["test"][-1] == str(days[-1])
    gone = np.random.default_rng(0).choice(N, 60, replace=False)
    assert "random" in task_of(make(day=days)[np.sort(gone)]).facts["split"]


def test_a_split_column_is_respected_and_never_an_input() -> None:
    part = ["train"] * 80 + ["Val"] * 20 + ["TEST"] * 20
    frame = make(part=part)
    task = task_of(frame, split_col="part")
    assert task.raw["test"] == [f"row {i}" for i in range(101, 121)]
    assert "given by 'part'" in task.facts["split"]
    assert torch.equal(
        inputs(task, "train"),
        inputs(task_of(frame.drop("part").with_columns(p=pl.Series(part)), split_col="p"), "train"),
    )


def test_a_folder_of_parts_is_a_given_split(tmp_path: Path) -> None:
    frame = make()
    frame.head(90).write_csv(tmp_path / "train.csv")
    frame.tail(30).write_csv(tmp_path / "my_test.csv")
    task = task_of(tmp_path)
    assert [len(task.part(part)) for part in PARTS] == [72, 18, 30]  # type: ignore[arg-type]
    assert "given by the files" in task.facts["split"]
    csv(tmp_path, "number,y\n1,up\n", "my_test.csv")
    assert str(refused(tmp_path)).startswith("my_test.csv: no column 'whole'. All parts need the columns of train.csv")
    bad = frame.with_columns(y=pl.when(pl.int_range(N) == 95).then(pl.lit("")).otherwise("y"))
    bad.tail(30).write_csv(tmp_path / "my_test.csv")
    assert "my_test.csv, line 7" in str(refused(tmp_path))


def test_rare_classes_are_split_and_said() -> None:
    y = ["rare"] + [("up", "down")[i % 2] for i in range(N - 1)]
    task = task_of(make(y=y))
    assert task.classes == ("down", "rare", "up")
    assert "1 of the classes have too few rows" in task.facts["split"]


def test_one_seed_one_task() -> None:
    assert task_of(make(), 3).fingerprint == task_of(make(), 3).fingerprint != task_of(make(), 4).fingerprint


# --- refusals


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": None}, "no column to predict was named. Name it with --target. Columns: number, whole, colour"),
        ({"target": "colours"}, "there is no column 'colours' (target). Did you mean 'colour'?"),
        ({"group_col": "cty"}, "there is no column 'cty' (group_col). Did you mean 'city'?"),
        ({"time_col": "dey"}, "there is no column 'dey' (time_col). Did you mean 'day'?"),
        ({"split_col": "part"}, "there is no column 'part' (split_col)"),
        ({"drop": ("flags",)}, "there is no column 'flags' (drop). Did you mean 'flag'?"),
        ({"drop": ("y",)}, "column 'y' is both target and drop"),
        ({"group_col": "y"}, "column 'y' is both target and group_col"),
        ({"time_col": "day", "group_col": "city"}, "a split by time tears groups apart"),
        ({"time_col": "colour"}, "row 1: '"),
        ({"split_col": "colour"}, "is no part of a split"),
        ({"target": "day"}, "target 'day' holds dates"),
        ({"target": "number"}, "target 'number' is missing in"),
        ({"drop": ("number", "whole", "colour", "city", "day", "flag")}, "there is no column beside y"),
        ({"validation": 0.6, "test": 0.6}, "leave no rows to train on"),
    ],
)
def test_wrong_settings_are_refused_with_the_column(options: dict[str, Any], says: str) -> None:
    assert says in str(refused(make(), **options))


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (["up"] * N, "target 'y' has one value only, 'up'"),
        ([3.5] * N, "target 'y' has one value only"),
        ([None] * N, "target 'y' has no value in any row"),
        ([np.nan] * 2 + [1.5, 2.5] * 59, "target 'y' is missing in 2 of 120 rows (row 1, row 2). Fill these values in"),
        ([np.inf, *np.arange(N - 1) * 0.5], "row 1: inf in target 'y' is beyond 1e+100 or infinite"),
        ([f"{i + 1}e300" for i in range(N)], "row 1: '1e300' in target 'y' is beyond 1e+100 or infinite"),
        ([(i + 1) * 1e300 for i in range(N)], "row 1: 1e+300 in target 'y' is beyond 1e+100 or infinite"),
        ([f"name {i}" for i in range(N)], "target 'y' has 120 different values on 120 rows, too many for classes"),
        ([[1]] * N, "target 'y' holds lists"),
    ],
)
def test_unusable_targets_are_refused(y: Any, says: str) -> None:
    assert says in str(refused(make().drop("y").with_columns(y=pl.Series(y, strict=False))))


def test_text_among_numbers_in_the_target_names_its_line(tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},{i * 1.5}\n" for i in range(40))
    error = refused(csv(tmp_path, f"x,y\n{rows}3,abc\n4,def\n"))
    assert str(error).startswith("views.csv, line 42: 'abc' in target 'y' is not a number. Correct it and 1 more")


def test_missing_targets_name_their_lines(tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},{i % 2}\n" for i in range(40))
    error = refused(csv(tmp_path, f"x,y\n{rows}3,\n4,NaN\n"))
    assert "views.csv: target 'y' is missing in 2 of 42 rows (line 42, line 43)" in str(error)


def test_too_little_is_refused(tmp_path: Path) -> None:
    assert "2 different rows cannot make 3 parts" in str(refused(csv(tmp_path, "x,y\n1,0\n2,1\n")))
    few = csv(tmp_path, "x,y\n1,0.5\n2,1.5\n4,2.5\n")
    assert "views.csv: 3 rows leave 1 to train on, and 2 are needed. Bring more data" in str(refused(few))
    ids = csv(tmp_path, "id,c,y\n" + "".join(f"{i},7,{i % 2}\n" for i in range(40)))
    assert "views.csv: no column is left to learn from (id: numbers the rows; c: always 7)" in str(refused(ids))
    frame = make(60)
    assert "all rows are for training" in str(refused(frame.with_columns(p=pl.lit("train")), split_col="p"))
    assert "a folder without files named train" in str(refused(tmp_path))


def test_an_unreadable_time_names_its_line(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-{1 + i % 28:02d},{i % 2},{i}\n" for i in range(40))
    error = refused(csv(tmp_path, f"day,y,x\n{rows}yesterday,1,7\n"), time_col="day")
    assert str(error).startswith("views.csv, line 42: 'yesterday' in time_col 'day' is neither a date nor a number")


def test_the_bike_sharing_table(shared_data: Path) -> None:
    task = task_of(shared_data / "daily-counts" / "bike_sharing_daily.csv", target="cnt")
    assert task.objective == "regression"
    assert "'instant': numbers the rows" in task.facts["left out"]
    assert task.raw["test"][-1] == "2012-12-31"

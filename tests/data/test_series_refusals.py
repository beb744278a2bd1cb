"""Series that cannot be used are refused in one sentence with the place, and one with the repair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.data.series import load
from tests.data.made_series import csv, days, written


def with_line(line: int, text: str) -> str:
    """A good file of 100 days with one line replaced."""

    def change(lines: list[str]) -> None:
        lines[line - 2] = text

    return csv(change=change)


def of_days(n: int, value: Callable[[int], str], keep: Callable[[int], bool] = lambda i: True) -> str:
    lines = [f"{day},{value(i)}" for i, day in enumerate(days(n)) if keep(i)]
    return "\n".join(["date,count", *lines]) + "\n"


BAD = {
    "empty": ("", r"views\.csv: the file is empty"),
    "header only": ("date,count\n", r"views\.csv: column names, but no rows"),
    "no column of dates": (
        "name,count\n" + "a,1\n" * 50,
        r"no column of dates\. .*--time-col\. Columns: 'name', 'count'",
    ),
    "no date in the column of dates": (
        "date,count\n" + "a,1\n" * 50,
        r"line 2: 'a' in column 'date' is no date\. Write all dates alike, best as 2020-01-31",
    ),
    "a bad date": (with_line(7, "soon,3"), r"line 7: 'soon' in column 'date' is no date\. Write"),
    "mixed dates": (with_line(9, "03.02.2020,3"), r"line 9: '03\.02\.2020' in column 'date' is no date\. Write"),
    "a date missing": (with_line(5, ",3"), r"line 5: column 'date' is empty\. Write"),
    "day or month first": (
        "date,count\n03/04/2020,1\n05/06/2020,2\n01/02/2020,3\n",
        r"line 2: '03/04/2020' .* day first or the month first\. Write",
    ),
    "not a number": (
        with_line(8, "2020-01-12,many"),
        r"line 8: 'many' in column 'count' is not a number\. Correct it, .* --target",
    ),
    "decimal comma": (
        csv().replace(",", ";").replace("1367", "1367,5"),
        r"line 2: '1367,5' in column 'count' is not a number\. Write decimals with a point \(3\.5\)",
    ),
    "infinite": (with_line(8, "2020-01-12,inf"), r"line 8: inf in column 'count' is beyond 1e\+100 or infinite\. "),
    "too large": (
        with_line(8, "2020-01-12,-2e300"),
        r"line 8: -2e\+300 in column 'count' is beyond 1e\+100 or infinite",
    ),
    "no values": (of_days(100, lambda i: ""), r"column 'count' holds no values\. Choose another --target"),
    "a date twice": (
        with_line(9, "2020-01-08,3"),
        r"line 9: the date 2020-01-08 is already in line 4\. Drop one of the rows, .* --group-col",
    ),
    "uneven": (
        "date,count\n" + "".join(f"2020-01-{day:02} 00:00,1\n" for day in range(1, 20)) + "2020-01-20 07:00,1\n",
        r"line 21: the dates are not evenly spaced: this one comes 1\.29\d* days after .*\. Add up or average",
    ),
    "mostly gaps": (
        of_days(400, str, lambda i: i % 10 < 2),
        r"80% of the days between the first and the last date are missing\. Add up",
    ),
    "constant": (
        of_days(100, lambda i: "5"),
        r"column 'count' is 5 on every day of the training part: there is nothing to learn\. Choose another --target",
    ),
    "constant until the test part": (
        of_days(100, lambda i: str(max(i, 70))),
        r"is 70 on every day of the training part",
    ),
    "short": (csv(25), r"25 days with a value, and about \d+ without gaps are needed .* of 1 day\. Bring more data\.$"),
    "two days": (csv(2), r"2 days with a value, and about 3\d without gaps are needed"),
    "one day": (csv(1), r"only one date has a value\. A series needs many"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_with_place_and_repair(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    with pytest.raises(DataError, match=message) as caught:
        load(written(tmp_path, text), DataSettings(kind="series"))
    assert str(caught.value).startswith("views.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "cuont"}, r"no column 'cuont' for --target\. Did you mean 'count'\?"),
        ({"time_col": "day"}, r"no column 'day' for --time-col\. Known: 'date', 'count'"),
        ({"group_col": "page"}, r"no column 'page' for --group-col\. Known"),
        ({"drop": ("count",)}, r"no column beside the dates\. A series needs a column of counts"),
        ({"time_col": "count", "target": "date"}, r"line 2: '1367' in column 'count' is no date"),
        ({"target": "date", "time_col": "date"}, r"one column cannot be date, target and group at once"),
        ({"history": 80}, r"100 days with a value, and about 168 .* of 80 days\. .*--history 1"),
        ({"validation": 0.6, "test": 0.6}, r"leave no rows to train on"),
        ({"validation": 0.01}, r"100 days with a value, and about 501 without gaps are needed"),
    ],
)
def test_settings_that_do_not_suit_are_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(written(tmp_path, csv()), DataSettings(**settings))  # type: ignore[arg-type]


def test_a_date_twice_in_one_of_several_series(tmp_path: Path) -> None:
    lines = [f"{page},{line}" for page in "ab" for line in csv(60).splitlines()[1:]]
    lines[70] = lines[65]
    path = written(tmp_path, "\n".join(["page,date,count", *lines]))
    message = r"line 72: the date 2020-01-11 of 'b' is already in line 67\. Drop one of the rows\.$"
    with pytest.raises(DataError, match=message):
        load(path, DataSettings(group_col="page"))


def test_a_row_of_no_series(tmp_path: Path) -> None:
    lines = [f"{page},{line}" for page in "ab" for line in csv(60).splitlines()[1:]]
    lines[70] = lines[70][1:]
    with pytest.raises(DataError, match=r"line 72: column 'page' is empty\. Fill it or remove the row"):
        load(written(tmp_path, "\n".join(["page,date,count", *lines])), DataSettings(group_col="page"))


def test_series_that_all_end_before_the_test_part(tmp_path: Path) -> None:
    lines = [f"old,{line}" for line in csv(60).splitlines()[1:]]
    lines += [f"new,{line}" for line in csv(100).splitlines()[80:]]
    with pytest.raises(DataError, match=r"can be predicted in the (test|validation) part\. Leave out the series"):
        load(written(tmp_path, "\n".join(["page,date,count", *lines])), DataSettings(group_col="page", history=7))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    written(tmp_path, csv())
    with pytest.raises(DataError, match=r"no such file.*Did you mean 'views\.csv'\?"):
        load(tmp_path / "veiws.csv", DataSettings())


def test_a_frame_names_its_rows() -> None:
    bad = pl.DataFrame({"date": days(60), "count": ["many" if i == 4 else str(i) for i in range(60)]})
    with pytest.raises(DataError, match="the data frame, row 5: 'many'"):
        load(bad, DataSettings(target="count"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1]] * 60, r"column 'count' holds lists\. Choose another --target"),
        (days(60), r"column 'count' holds dates\. Choose another --target"),
    ],
)
def test_a_target_of_another_type(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(pl.DataFrame({"date": days(60), "count": values}), DataSettings(target="count"))

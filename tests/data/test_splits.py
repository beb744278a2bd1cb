"""Every row is in one part, and what belongs together stays together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.core.errors import DataError
from goodfit.data.splits import Indices, given_split, grouped_split, part_of, random_split, temporal_split

quick = settings(max_examples=40, deadline=None)


def check_whole(split: Indices, n: int) -> None:
    parts = (split.train, split.validation, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    for part in parts:
        assert len(part) > 0
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


def check_together(split: Indices, keys: np.ndarray) -> None:
    sides = [set(keys[rows].tolist()) for rows in (split.train, split.validation, split.test)]
    assert sum(len(side) for side in sides) == len(set.union(*sides))


keys = st.lists(st.integers(0, 12), min_size=3, max_size=80).filter(lambda values: len(set(values)) >= 3)


@quick
@given(keys, st.integers(0, 5), st.sampled_from([0.02, 0.2, 0.45]))
def test_copies_never_straddle(values: list[int], seed: int, share: float) -> None:
    copies = np.array(values)
    split = random_split(len(copies), duplicates=copies, strata=copies % 3, seed=seed, validation=share, test=share)
    check_whole(split, len(copies))
    check_together(split, copies)


@quick
@given(keys, st.integers(0, 5), st.booleans(), st.sampled_from([0.02, 0.2, 0.45]))
def test_groups_never_straddle(values: list[int], seed: int, with_classes: bool, share: float) -> None:
    groups = np.array([f"group {value}" for value in values])
    strata = np.arange(len(groups)) % 2 if with_classes else None
    split = grouped_split(groups, strata=strata, seed=seed, validation=share, test=share)
    check_whole(split, len(groups))
    check_together(split, groups)


@quick
@given(keys, st.sampled_from([0.02, 0.2, 0.45]))
def test_the_newest_rows_are_the_test_and_equal_times_stay_together(values: list[int], share: float) -> None:
    order = np.array(values)
    split = temporal_split(order, validation=share, test=share)
    check_whole(split, len(order))
    assert order[split.train].max() < order[split.validation].min()
    assert order[split.validation].max() < order[split.test].min()


def test_shares_are_kept_and_classes_stratified() -> None:
    strata = np.repeat([0, 1], [900, 100])
    split = random_split(1000, strata=strata, seed=1)
    assert [len(split.train), len(split.validation), len(split.test)] == [600, 200, 200]
    assert [int(strata[rows].sum()) for rows in (split.train, split.validation, split.test)] == [60, 20, 20]
    assert split.note == ""


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    first, again, other = (random_split(50, seed=seed) for seed in (3, 3, 4))
    assert first.test.tolist() == again.test.tolist() != other.test.tolist()


def test_a_split_does_not_depend_on_the_hash_that_names_copies() -> None:
    copies = np.repeat(np.arange(30), 2)
    renamed = (copies * 7919 + 13) % 1009
    first, second = (random_split(60, duplicates=each, seed=0) for each in (copies, renamed))
    assert first.test.tolist() == second.test.tolist()


def test_a_class_of_one_row_is_said_not_refused() -> None:
    split = random_split(100, strata=np.array([7] + [0, 1, 2] * 33), seed=0)
    check_whole(split, 100)
    assert "1 of the classes have too few rows" in split.note


def test_more_classes_than_held_rows_is_split_without_strata() -> None:
    check_whole(random_split(20, strata=np.arange(20) // 2, seed=0), 20)


def test_groups_that_share_a_copy_stay_together() -> None:
    groups = np.repeat(np.arange(10), 4)
    copies = np.arange(40)
    copies[0] = copies[39]  # a row of group 0 is a copy of a row of group 9
    for seed in range(10):
        split = grouped_split(groups, duplicates=copies, seed=seed)
        check_together(split, groups)
        check_together(split, copies)


def test_groups_that_all_share_copies_are_still_split_and_it_is_said() -> None:
    split = grouped_split(np.arange(12) % 4, duplicates=np.arange(12) // 6, seed=0)
    check_whole(split, 12)
    assert "copies of rows occur in different groups" in split.note


def test_times_may_be_dates() -> None:
    order = np.datetime64("2020-01-01") + np.arange(10)[::-1]
    split = temporal_split(order)
    assert split.test.tolist() == [0, 1]
    assert split.validation.tolist() == [2, 3]


def test_a_given_split_is_respected_in_any_spelling() -> None:
    words = ["Train", "train ", "TRAINING", "dev", "VAL", "valid", "Validation", "test", "Test"]
    split = given_split(words)
    assert split.train.tolist() == [0, 1, 2]
    assert split.validation.tolist() == [3, 4, 5, 6]
    assert split.test.tolist() == [7, 8]


def test_a_missing_validation_part_comes_from_the_training_rows() -> None:
    words = ["train"] * 40 + ["test"] * 10
    copies = np.arange(50) // 2
    split = given_split(words, duplicates=copies, seed=0)
    assert split.test.tolist() == list(range(40, 50))
    assert len(split.validation) == 8
    check_together(split, copies)
    assert "no validation rows were given" in split.note


def test_a_missing_validation_part_respects_time_and_groups() -> None:
    words = ["train"] * 10 + ["test"] * 2
    by_time = given_split(words, order=np.arange(12)[::-1])
    assert by_time.validation.tolist() == [0, 1]
    groups = np.arange(12) % 5
    by_group = given_split(words, groups=groups, seed=2)
    assert not set(groups[by_group.train]) & set(groups[by_group.validation])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "tset", "test"], "views.csv row 2: 'tset' is no part of a split"),
        (["train", "train"], "all rows are for training"),
        (["test", "dev"], "no row is for training"),
    ],
)
def test_an_unusable_given_split_is_named(words: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        given_split(words, where="views.csv")


def test_too_few_rows_or_too_large_shares_are_refused() -> None:
    with pytest.raises(DataError, match="2 different rows cannot make 3 parts"):
        random_split(6, duplicates=np.array([0, 0, 0, 1, 1, 1]))
    with pytest.raises(DataError, match="2 groups cannot make 3 parts"):
        grouped_split(np.array(["a", "b", "a", "b"]))
    with pytest.raises(DataError, match="2 different times cannot make 3 parts"):
        temporal_split(np.array([1, 1, 2, 2]))
    with pytest.raises(DataError, match="leave no rows to train on"):
        random_split(10, validation=0.5, test=0.5)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train.tsv", "train"),
        ("en_ewt-ud-dev.conllu", "validation"),
        ("t10k-images-idx3-ubyte.gz", "test"),
        ("train12k-labels-idx1-ubyte.gz", "train"),
        ("Validation", "validation"),
        ("views.csv", None),
        ("train_and_test.csv", None),
        ("latest.csv", None),
    ],
)
def test_file_names_that_speak_of_a_part(name: str, part: str | None) -> None:
    assert part_of(name) == part

"""Folds keep together what belongs together, follow time, and never see the test part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import Dataset

from goodfit.core.errors import DataError
from goodfit.core.settings import DataSettings
from goodfit.core.task import IGNORED, Rows, Task, count_of
from goodfit.data import load
from goodfit.data.folds import Fold, folds, on_fold
from tests.tasks import line, rings, tokens


class Trap(Dataset):
    """A test part that must not be read."""

    def __len__(self) -> int:
        raise AssertionError("the test part was read")

    def __getitem__(self, index: int) -> None:
        raise AssertionError("the test part was read")

    @property
    def targets(self) -> None:
        raise AssertionError("the test part was read")


class Lazy(Dataset):
    """Rows that are made when they are asked for; the targets are known."""

    def __init__(self, rows: Rows, *, known: bool = True) -> None:
        self.rows = rows
        if known:
            self.targets = rows.targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int):
        return self.rows[index]


def with_rows(task: Task, inputs: torch.Tensor, targets: torch.Tensor) -> Task:
    """The task with three quarters of the rows for training and the rest for validation."""
    cut = len(inputs) * 3 // 4
    parts = {"train": Rows(inputs[:cut], targets[:cut]), "validation": Rows(inputs[cut:], targets[cut:])}
    return replace(task, **parts, test=None)


def check_whole(found: tuple[Fold, ...], rows: int) -> None:
    """Every row is held back once, and trains in every other fold."""
    assert sorted(np.concatenate([fold.validation for fold in found]).tolist()) == list(range(rows))
    for fold in found:
        assert not set(fold.train) & set(fold.validation)
        assert len(fold.train) + len(fold.validation) == rows
        assert (np.diff(fold.train) > 0).all()
        assert (np.diff(fold.validation) > 0).all()


def check_together(found: tuple[Fold, ...], keys: np.ndarray) -> None:
    for fold in found:
        assert not set(keys[fold.train].tolist()) & set(keys[fold.validation].tolist())


def test_classes_keep_their_shares_and_the_held_share_is_a_fifth():
    task = rings()
    found = folds(task)
    check_whole(found, 240)
    targets = torch.cat([task.train.targets, task.validation.targets]).numpy()
    shares = [targets[fold.validation].mean() for fold in found]
    assert np.ptp(shares) < 0.03
    assert [fold.held_share for fold in found] == pytest.approx([0.2] * 5)
    assert "classes in equal shares" in found[0].note


def test_a_seed_gives_one_division_and_another_seed_another():
    first, again, other = (folds(rings(), seed=seed)[0].validation.tolist() for seed in (3, 3, 4))
    assert first == again != other


def test_one_hot_and_real_numbered_classes_are_stratified_and_numbers_are_not():
    task = rings()
    one_hot = with_rows(task, task.train.inputs, torch.nn.functional.one_hot(task.train.targets).float())
    numbered = with_rows(task, task.train.inputs, task.train.targets.float()[:, None])
    for each in (one_hot, numbered):
        assert "classes in equal shares" in folds(each)[0].note
    assert folds(line())[0].note == "at random"


def test_the_validation_rows_can_be_kept_out():
    found = folds(line(), mixed=False)
    check_whole(found, 120)
    made = on_fold(line(), found[0])
    assert count_of(made.train) == 96
    assert made.train.inputs.equal(line().train.inputs[torch.from_numpy(found[0].train)])


def test_the_test_part_is_never_read():
    task = replace(rings(), test=Trap())
    found = folds(task)
    assert on_fold(task, found[0]).test is None
    assert on_fold(task, found[0]).fingerprint != on_fold(task, found[1]).fingerprint


def test_copies_are_on_one_side():
    task = rings()
    inputs = task.train.inputs[:150].repeat(2, 1)
    targets = task.train.targets[:150].repeat(2)
    found = folds(with_rows(task, inputs, targets))
    check_whole(found, 300)
    check_together(found, np.tile(np.arange(150), 2))
    assert "150 copies of rows on the side of the first" in found[0].note


def test_the_rows_of_a_truth_table_are_on_both_sides():
    inputs = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(25, 1)
    targets = (inputs[:, 0] != inputs[:, 1]).long()
    found = folds(with_rows(rings(), inputs, targets))
    check_whole(found, 100)
    assert len(torch.unique(inputs[torch.from_numpy(found[0].train)], dim=0)) == 4
    assert "copies are on both sides" in found[0].note


def test_groups_are_not_torn_apart_and_join_by_copies():
    task = rings()
    groups = np.arange(240) // 8
    inputs = torch.cat([task.train.inputs, task.validation.inputs])
    targets = torch.cat([task.train.targets, task.validation.targets])
    inputs[0] = inputs[239]  # a row of the first group is a copy of one of the last
    made = with_rows(task, inputs, targets)
    made = replace(made, clusters={"train": groups[:180], "validation": groups[180:]})
    found = folds(made)
    check_whole(found, 240)
    check_together(found, groups)
    assert any({0, 239} <= set(fold.validation.tolist()) for fold in found)
    inside = on_fold(made, found[1])
    assert inside.clusters["validation"].tolist() == groups[found[1].validation].tolist()


def test_few_groups_make_few_folds_and_it_is_said():
    groups = np.arange(240) % 3
    task = replace(line(300), clusters={"train": groups[:180], "validation": groups[180:]})
    found = folds(task)
    assert len(found) == 3
    assert "only 3 folds, as there are only 3 groups" in found[0].note
    with pytest.raises(DataError, match="1 different groups cannot make two folds"):
        folds(replace(task, clusters={part: np.zeros_like(each) for part, each in task.clusters.items()}))


def test_rare_classes_are_said_not_refused():
    task = rings()
    targets = task.train.targets.clone()
    targets[:2] = 7
    found = folds(with_rows(task, task.train.inputs, targets))
    assert "1 of the classes have fewer rows than there are folds" in found[0].note
    unique = with_rows(task, task.train.inputs[:40], torch.arange(40))
    check_whole(folds(unique), 40)


def test_three_rows_make_three_folds():
    task = line()
    tiny = replace(task, train=Rows(task.train.inputs[:2], task.train.targets[:2]))
    tiny = replace(tiny, validation=Rows(task.train.inputs[2:3], task.train.targets[2:3]))
    assert [len(fold.validation) for fold in folds(tiny)] == [1, 1, 1]
    with pytest.raises(DataError, match="1 folds do not hold anything back"):
        folds(task, 1)


def test_sentences_are_held_back_whole_and_padded_to_one_length():
    task = tokens()
    validation = Rows(
        task.validation.inputs[:, :5], task.validation.targets[:, :5], task.validation.lengths.clamp(max=5)
    )
    task = replace(task, validation=validation)
    found = folds(task, 4)
    check_whole(found, 48)
    made = on_fold(task, found[0])
    assert isinstance(made.train, Rows)
    row = int(np.flatnonzero(found[0].train >= 36)[0])
    length, origin = int(made.train.lengths[row]), int(found[0].train[row]) - 36
    assert length == int(validation.lengths[origin])
    assert made.train.inputs[row, :length].equal(validation.inputs[origin, :length])
    assert (made.train.targets[row, length:] == IGNORED).all()
    assert (made.train.inputs[row, length:] == 0).all()


def test_padding_does_not_hide_that_two_sentences_are_copies():
    task = tokens(80)
    short = Rows(*(each[:, :6] for each in (task.train.inputs, task.train.targets)), task.train.lengths.clamp(max=6))
    found = folds(replace(task, train=short, validation=task.train))
    same = [row for row in range(48) if int(task.train.lengths[row]) <= 6]
    keys = np.arange(96)
    keys[np.array(same) + 48] = same
    check_together(found, keys)


def test_rows_that_are_not_in_memory_are_divided_and_found_again():
    task = rings()
    for known in (True, False):
        lazy = replace(task, train=Lazy(task.train, known=known), validation=Lazy(task.validation, known=known))
        found = folds(lazy)
        check_whole(found, 240)
        assert "copies are not looked for" in found[0].note
        made, plain = on_fold(lazy, found[2]), on_fold(task, Fold(found[2].train, found[2].validation))
        assert count_of(made.validation) == count_of(plain.validation) == 48
        for row in (0, 20, 47):
            assert made.validation[row][0].equal(plain.validation[row][0])
        assert isinstance(getattr(made.validation, "targets", None), torch.Tensor) is known
        with pytest.raises(IndexError):
            made.validation[48]


def test_folds_in_time_expand_and_leave_out_what_windows_share():
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 12, 30), eager=True)
    values = 100 + 10 * np.sin(np.arange(len(days))) + np.arange(len(days)) % 7
    task = load(pl.DataFrame({"day": days, "views": values}), DataSettings(target="views", history=14))
    found = folds(task, 4)
    times = np.concatenate([task.times["train"], task.times["validation"]])
    starts = []
    for fold in found:
        assert times[fold.validation].min() - times[fold.train].max() > 14
        starts.append(int(times[fold.validation].min()))
        assert len(fold.train) >= 0.3 * len(times)
    assert starts == sorted(starts)
    assert "14 moments between them left out" in found[0].note
    inside = on_fold(task, found[-1])
    names = list(task.naive)
    union = np.concatenate([task.naive[names[0]]["train"], task.naive[names[0]]["validation"]])
    assert inside.naive[names[0]]["validation"].tolist() == union[found[-1].validation].tolist()
    assert inside.times["train"].max() < inside.times["validation"].min()


def test_a_table_split_by_time_is_folded_by_time_whatever_its_order():
    random = np.random.default_rng(0)
    order = random.permutation(120)
    days = np.datetime64("2021-01-01") + order
    frame = pl.DataFrame({"day": days, "x": random.normal(size=120), "y": random.normal(size=120)})
    task = load(frame, DataSettings(kind="table", target="y", time_col="day"))
    times = np.concatenate([task.times["train"], task.times["validation"]])
    for fold in folds(task, 3):
        assert times[fold.train].max() < times[fold.validation].min()


def test_a_persons_own_windows_can_be_said_to_stand_in_order():
    found = folds(line(), 4, ordered=True, gap=6)
    for fold in found:
        assert fold.validation.min() - fold.train.max() == 7
    assert found[-1].validation.max() == 159
    short = folds(line(40), 2, ordered=True, gap=30)
    assert "of 30 that a window spans: there are too few" in short[0].note


def test_equal_moments_are_on_one_side():
    task = replace(line(), times={"train": np.arange(120) // 6, "validation": 20 + np.arange(40) // 6})
    times = np.concatenate([task.times["train"], task.times["validation"]])
    check_together(folds(task), times)
    with pytest.raises(DataError, match="1 different times cannot make two folds"):
        folds(replace(task, times={part: np.zeros(len(each)) for part, each in task.times.items()}))

"""Changes of the rows, each on data in which what it mends was planted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from goodfit.causes import Facts
from goodfit.core.job import Job
from goodfit.core.task import Rows
from goodfit.data.questions.drift import Drift
from goodfit.data.questions.labels import Misaligned, Recoded, noise, recoded
from goodfit.data.questions.leaks import Telling, duplicates
from goodfit.data.questions.quick import quick_fit
from goodfit.guide.experiments import changed
from goodfit.guide.inspection import inspect_data, numbered
from goodfit.guide.views import drawn
from goodfit.intake import read_job
from goodfit.models.surgery import NotAskable
from goodfit.remedies import REMEDIES
from tests.causes.facts import around, facts_of
from tests.causes.making import net
from tests.remedies.jobs import facts, given, quietly, random, rows_of, table


def known(made: dict[str, Any], **data: Any) -> Facts:
    found = facts_of(made)
    return replace(found, data=replace(found.data, **data))


def mended(found: Facts, remedy: str, number: int = 0) -> Job:
    changes = next(each for each in REMEDIES if each.name == remedy).changes(found)
    return changed(found.job, changes[number])


def positions(part: Rows, origin: Rows) -> Tensor:
    """Where each row of ``part`` stands in ``origin``, by its inputs; they are all different."""
    same = (part.inputs.flatten(1)[:, None] == origin.inputs.flatten(1)[None]).all(2)
    assert (same.sum(1) == 1).all()
    return same.float().argmax(1)


@pytest.mark.parametrize(
    ("job", "remedy", "number"),
    [
        ("copied", "deduplication", 0),
        ("table", "leaving_out_doubtful_rows", 0),
        ("table", "importance_weighting", 0),
        ("rare", "oversampling", 0),
        ("rare", "oversampling", 1),
        ("windows", "time_split", 0),
        ("table", "resplit", 0),
    ],
)
def test_rows_that_are_taken_keep_their_targets(job: str, remedy: str, number: int) -> None:
    found = facts(job)
    before, after = rows_of(found.job), rows_of(mended(found, remedy, number))
    together = Rows(*(torch.cat([getattr(each, name) for each in before]) for name in ("inputs", "targets")))
    first = torch.unique(together.inputs, dim=0, return_inverse=True)[1]
    for part in after:
        same = (part.inputs.flatten(1)[:, None] == together.inputs.flatten(1)[None]).all(2)
        assert same.any(1).all()
        assert torch.equal(part.targets, together.targets[same.float().argmax(1)])
    if remedy in ("resplit", "time_split"):
        assert sum(map(len, after)) <= len(first)
        assert not (after[0].inputs.flatten(1)[:, None] == after[1].inputs.flatten(1)[None]).all(2).any()


def test_exact_and_near_copies_go_and_others_stay() -> None:
    found = facts("copied")
    train, validation = rows_of(found.job)
    asked = duplicates((train.inputs, train.targets), (validation.inputs, validation.targets))
    assert asked is not None
    assert asked.found
    same_train, kept = rows_of(mended(replace(found, data=replace(found.data, duplicates=asked)), "deduplication"))
    assert same_train is train
    assert torch.equal(kept.inputs, validation.inputs[20:])
    assert torch.equal(kept.targets, validation.targets[20:])


def test_windows_that_reach_into_validation_are_left_out() -> None:
    found = facts("windows")
    train, validation = rows_of(mended(found, "time_split"))
    assert len(train)
    assert len(validation)
    steps = {tuple(step) for window in train.inputs.tolist() for step in window}
    assert not steps & {tuple(step) for window in validation.inputs.tolist() for step in window}


def test_the_telling_column_goes_from_all_parts_and_the_network_can_be_read_on_the_test_part() -> None:
    found = facts("table")
    after = mended(replace(found, data=replace(found.data, telling=(Telling(1, 0.9, 0.1, None),))), "column_removal")
    for part in ("train", "validation", "test"):
        was, now = found.job.task.part(part), after.task.part(part)  # type: ignore[arg-type]
        assert isinstance(was, Rows)
        assert isinstance(now, Rows)
        assert not now.inputs[:, 1].any()
        assert torch.equal(now.targets, was.targets)
        others = [0, 2, 3, 4, 5]
        assert torch.equal(now.inputs[:, others], was.inputs[:, others])
        assert was.inputs[:, 1].any()


def codes(targets: Tensor, mapping: dict[int, int]) -> Tensor:
    return torch.tensor([mapping[int(each)] for each in targets])


def test_renumbered_classes_are_read_in_the_code_of_training() -> None:
    made = table()
    x, right = made["val"].tensors
    mapping = {0: 1, 1: 2, 2: 0}
    made["val"] = torch.utils.data.TensorDataset(x, codes(right, mapping))
    job = read_job(made)
    train, validation = rows_of(job)
    with quietly():
        quick = quick_fit((train.inputs, train.targets), (validation.inputs, validation.targets), "classification")
    assert quick is not None
    asked = recoded(quick)
    assert asked is not None
    assert asked.mapping == mapping
    same_train, after = rows_of(mended(known(made, recoded=asked), "one_encoder"))
    assert same_train.inputs.equal(train.inputs)
    assert torch.equal(after.targets, right)


def test_one_hot_rows_are_renumbered_too() -> None:
    made = table(loss=lambda outputs, targets: nn.functional.cross_entropy(outputs, targets))
    x, right = made["val"].tensors
    for part in ("train", "val", "test"):
        inputs, targets = made[part].tensors
        made[part] = torch.utils.data.TensorDataset(inputs, nn.functional.one_hot(targets, 3).float())
    wrong = nn.functional.one_hot(codes(right, {0: 1, 1: 0, 2: 2}), 3).float()
    made["val"] = torch.utils.data.TensorDataset(x, wrong)
    found = known(made, recoded=Recoded({0: 1, 1: 0}, 1.0, 0.0, 0.9, 0.1))
    assert torch.equal(rows_of(mended(found, "one_encoder"))[1].targets.argmax(1), right)


@pytest.mark.parametrize(("mapping", "factor", "offset"), [({}, -3.0, 0.7), ({0: 1, 1: 0}, 1.0, 0.0)])
def test_scaled_or_exchanged_targets_are_put_back(mapping: dict[int, int], factor: float, offset: float) -> None:
    x = random().normal(size=(160, 3))
    right = torch.as_tensor(x[:, :2] * [2.0, 5.0] + 1.0).float()
    made = given(x, right.numpy(), lambda: net(3, 8, 2), nn.MSELoss(), task="regression")
    train = made["train"].tensors[1]
    mean, std = train.mean(0), train.std(0, correction=0)
    inputs, honest = made["val"].tensors
    wrong = honest[:, [1, 0]] if mapping else ((honest - mean) / std * factor + offset) * std + mean
    made["val"] = torch.utils.data.TensorDataset(inputs, wrong)
    found = known(made, recoded=Recoded(mapping, factor, offset, 0.9, 0.1))
    assert torch.allclose(rows_of(mended(found, "one_encoder"))[1].targets, honest, atol=1e-4)


@pytest.mark.parametrize("backwards", [False, True])
def test_shifted_or_reversed_targets_go_back_to_their_rows(backwards: bool) -> None:
    made = table()
    x, right = made["train"].tensors
    made["train"] = torch.utils.data.TensorDataset(x, right.flip(0) if backwards else right.roll(2))
    found = known(made, misaligned=Misaligned(0 if backwards else -2, backwards, 0.9, 0.0))
    if not backwards:  # the sign as the question itself gives it
        asked = inspect_data(found.job, 0)[0].misaligned
        assert asked is not None
        found = replace(found, data=replace(found.data, misaligned=asked))
    assert torch.equal(rows_of(mended(found, "realignment"))[0].targets, right)


def noisy() -> tuple[dict[str, Any], Tensor, Tensor]:
    """Two clear classes; every sixth training label or so is wrong."""
    x = random().normal(size=(1000, 4))
    y = (x[:, 0] > 0).astype(int)
    x[:, 0] += np.where(y == 1, 2, -2)
    made = given(x, y, lambda: net(4, 8, 2))
    inputs, right = made["train"].tensors
    wrong = torch.as_tensor(random(1).random(len(right)) < 0.16)
    made["train"] = torch.utils.data.TensorDataset(inputs, torch.where(wrong, 1 - right, right))
    return made, right, wrong


def test_wrong_labels_are_corrected_or_left_out() -> None:
    made, right, wrong = noisy()
    job = read_job(made)
    train, validation = rows_of(job)
    with quietly():
        quick = quick_fit((train.inputs, train.targets), (validation.inputs, validation.targets), "classification")
    assert quick is not None
    found = known(made, quick=quick, noise=noise(quick, 0))
    relabelled = rows_of(mended(found, "relabelling"))[0]
    assert torch.equal(relabelled.inputs, train.inputs)
    assert float((relabelled.targets == right).float().mean()) > 0.98 > float((~wrong).float().mean())
    left, same_validation = rows_of(mended(found, "leaving_out_doubtful_rows"))
    assert same_validation.targets.equal(validation.targets)
    gone = np.setdiff1d(np.arange(len(train)), positions(left, train).numpy())
    assert len(gone) > 10
    assert float(wrong[gone].float().mean()) > 0.9


def test_row_numbers_are_refused_once_the_rows_have_changed() -> None:
    found = facts("table")
    shorter = found.job.with_task(train=rows_of(found.job)[0].taken(torch.arange(60)))
    for name in ("relabelling", "leaving_out_doubtful_rows"):
        (change,) = next(each for each in REMEDIES if each.name == name).changes(found)
        with pytest.raises(NotAskable, match="no longer those that were judged"):
            changed(shorter, change)


def test_rows_of_large_data_are_named_by_their_numbers_in_the_task() -> None:
    """Of wide rows only some are read; what is doubtful among them is to be found among all."""
    rows = Rows(torch.randn(700, 8_000), torch.zeros(700, dtype=torch.long))
    read = drawn(rows)
    assert len(read) == 500
    assert int(read.max()) > 500
    with quietly():
        y = torch.arange(500) % 2
        quick = quick_fit((torch.randn(500, 2) + 3 * y[:, None], y), (torch.randn(9, 2), y[:9]), "classification")
    assert quick is not None
    assert np.array_equal(numbered(quick, read).train.rows, read.numpy()[quick.train.rows])


def test_oversampling_makes_classes_equal_or_goes_half_of_the_way() -> None:
    found = facts("rare")
    counts = [rows_of(job)[0].targets.bincount().tolist() for job in (found.job, mended(found, "oversampling", 0))]
    assert counts[0][0] == counts[1][0]
    assert counts[0][1] < counts[1][1] < 0.7 * counts[0][0]
    full, same_validation = rows_of(mended(found, "oversampling", 1))
    assert full.targets.bincount().min() > 0.85 * counts[0][0]
    assert same_validation is rows_of(found.job)[1]


def shifted(scale: float, offset: float) -> Facts:
    """Validation inputs ``scale`` times as large and ``offset`` away; targets follow the first column."""
    x = random().normal(size=(400, 3))
    made = given(x, x[:, :1], lambda: net(3, 8, 1), nn.MSELoss(), task="regression")
    inputs, targets = made["val"].tensors
    made["val"] = torch.utils.data.TensorDataset(scale * inputs + offset, targets)
    return known(made, drift=Drift(around(0.9), ((0, 1.0),), "trees"))


@pytest.mark.parametrize(("scale", "number"), [(7.0, 0), (-7.0, 1)])
def test_inputs_are_aligned_upright_and_inverted(scale: float, number: int) -> None:
    found = shifted(scale, 5.0)
    train, validation = rows_of(mended(found, "same_preprocessing", number))
    assert torch.allclose(validation.inputs.mean(0), train.inputs.mean(0), atol=1e-4)
    assert torch.allclose(validation.inputs.std(0), train.inputs.std(0), atol=1e-4)
    along = torch.corrcoef(torch.stack([validation.inputs[:, 0], validation.targets[:, 0]]))[0, 1]
    assert along > 0.99
    other = rows_of(mended(found, "same_preprocessing", 1 - number))[1]
    assert torch.corrcoef(torch.stack([other.inputs[:, 0], other.targets[:, 0]]))[0, 1] < -0.99


def test_rows_like_validation_are_drawn_more_often() -> None:
    x = random().normal(size=(400, 3))
    made = given(x, x[:, :1], lambda: net(3, 8, 1), nn.MSELoss(), task="regression")
    inputs, targets = made["val"].tensors
    kept = inputs[:, 0] > 0.5
    made["val"] = torch.utils.data.TensorDataset(inputs[kept], targets[kept])
    found = known(made, drift=Drift(around(0.9), ((0, 1.0),), "trees"))
    before, after = rows_of(found.job)[0], rows_of(mended(found, "importance_weighting"))[0]
    assert len(after) == len(before)
    assert after.inputs[:, 0].mean() > before.inputs[:, 0].mean() + 0.4
    assert torch.equal(after.targets[:, 0], after.inputs[:, 0])


def test_targets_at_padding_no_longer_count_in_any_part() -> None:
    found = facts("tags")
    after = mended(found, "masked_padding")
    for part in ("train", "validation", "test"):
        was, now = found.job.task.part(part), after.task.part(part)  # type: ignore[arg-type]
        assert isinstance(was, Rows)
        assert isinstance(now, Rows)
        places = torch.arange(8)
        lengths = (was.inputs != 0).sum(1)
        padding = places >= lengths[:, None]
        assert (now.targets[padding] == -100).all()
        assert torch.equal(now.targets[~padding], was.targets[~padding])


def test_targets_are_scaled_in_all_parts_by_the_training_rows() -> None:
    found = facts("amounts")
    changes = next(each for each in REMEDIES if each.name == "standardisation").changes(found)
    after = changed(found.job, next(each for each in changes if each.name == "standardise targets"))
    train, _ = rows_of(found.job)
    for part in ("train", "validation", "test"):
        was, now = found.job.task.part(part), after.task.part(part)  # type: ignore[arg-type]
        assert isinstance(was, Rows)
        assert isinstance(now, Rows)
        assert torch.allclose(now.targets * train.targets.std(0) + train.targets.mean(0), was.targets, rtol=1e-3)

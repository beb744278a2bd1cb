"""Augmentations change training rows alone, repeat with the seed, and are refused where they cannot be right."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from goodfit.core.errors import SettingsError
from goodfit.core.recipe import Recipe
from goodfit.core.settings import DataSettings, Settings, TrainingSettings
from goodfit.core.step import Event
from goodfit.core.task import ACCURACY, Rows, Signature, Task
from goodfit.data import load
from goodfit.data.augmentation import AUGMENTATIONS, augmentation, read, refusal, suited, written
from goodfit.models import mlp
from goodfit.plan import plan
from goodfit.training import fit
from tests.tasks import line, recipe, rings

PICTURES = ("flip", "flip_vertical", "rotate", "scale", "shift", "crop", "erase")


def task_of(inputs: torch.Tensor, targets: torch.Tensor, kind: str = "custom", **more: object) -> Task:
    rows = Rows(inputs, targets)
    known = {
        "objective": "classification",
        "signature": Signature(tuple(inputs.shape[1:]), 2),
        "metric": ACCURACY,
        **more,
    }
    loss = torch.nn.functional.cross_entropy
    return Task("made", kind, train=rows, validation=rows, test=None, loss=loss, **known)


def pictures(channels: int = 1, height: int = 12, width: int = 10) -> Task:
    """Standardised pictures: far from [0, 1]."""
    inputs = 3 * torch.randn(16, channels, height, width, generator=torch.Generator().manual_seed(0)) - 5
    return task_of(inputs, torch.arange(16) % 2, "images")


def windows() -> Task:
    inputs = torch.randn(20, 9, 2, generator=torch.Generator().manual_seed(1))
    inputs[:, 6:] = 0  # padding
    return task_of(inputs, torch.arange(20) % 2)


def series() -> Task:
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 12, 30), eager=True)
    values = 100 + 10 * np.sin(np.arange(len(days))) + np.arange(len(days)) % 7
    return load(pl.DataFrame({"day": days, "views": values}), DataSettings(target="views", history=14))


def sentences() -> Task:
    pairs = [([f"w{i % 7}", f"w{i % 5}", "x"][: 1 + i % 3], ["a", "b", "a"][: 1 + i % 3]) for i in range(60)]
    return load(pairs, DataSettings(kind="sequences"))


def changed(task: Task, name: str, strength: float | None = None, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """All training rows before and after."""
    augment = augmentation(task, {name: strength})
    before = task.train.inputs.clone()
    torch.manual_seed(seed)
    after, targets = augment(task.train.inputs, task.train.targets)
    assert task.train.inputs.equal(before)
    assert after.shape == before.shape
    assert after.dtype == before.dtype
    assert targets.shape == task.train.targets.shape
    return before, after


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_changed_on_their_own_scale_and_again_with_the_seed(name, channels):
    task = pictures(channels)
    before, after = changed(task, name)
    assert not after.equal(before)
    assert after.min() >= before.min() - 1e-3  # nothing is painted black, which would be 5 above
    assert after.max() <= before.max() + 1e-3
    assert changed(task, name)[1].equal(after)
    assert not changed(task, name, seed=1)[1].equal(after)


def test_a_flip_of_all_pictures_mirrors_them():
    before, after = changed(pictures(), "flip", 1.0)
    assert after.equal(before.flip(-1))
    before, after = changed(pictures(), "flip_vertical", 1.0)
    assert after.equal(before.flip(-2))


def test_a_stronger_one_changes_more():
    def moved(name: str, strength: float) -> float:
        ramp = torch.linspace(-1, 1, 20).expand(20, 20)
        before, after = changed(
            task_of(ramp.expand(64, 1, 20, 20).contiguous(), torch.zeros(64).long()), name, strength
        )
        return float((after - before).abs().mean())

    for name, weak, strong in (("rotate", 2, 40), ("scale", 0.02, 0.4), ("shift", 0.02, 0.4), ("crop", 0.05, 0.6)):
        assert moved(name, weak) < moved(name, strong)


def test_a_shift_moves_by_its_share_at_most():
    dot = torch.zeros(200, 1, 21, 21)
    dot[:, :, 10, 10] = 1.0
    _, after = changed(task_of(dot, torch.zeros(200).long()), "shift", 0.2)
    rows = after.sum(dim=(1, 3)).argmax(dim=1)
    assert (rows - 10).abs().max() in (3, 4)  # 0.2 of 21 pixels


def test_noise_is_a_share_of_each_columns_deviation_and_spares_what_is_no_amount():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.stack(
        [
            torch.randn(400, generator=generator),
            100 * torch.randn(400, generator=generator),
            torch.randint(0, 2, (400,), generator=generator) * 1.7 - 0.3,  # yes or no, standardised
            torch.randint(0, 9, (400,), generator=generator).float(),  # perhaps codes
            torch.full((400,), 0.5),
        ],
        dim=1,
    )
    before, after = changed(task_of(inputs, torch.zeros(400).long()), "noise", 0.1)
    spread = (after - before).std(dim=0) / before.std(dim=0).clamp_min(1e-9)
    assert spread[:2].tolist() == pytest.approx([0.1, 0.1], rel=0.15)
    assert after[:, 2:].equal(before[:, 2:])


def test_codes_of_categories_get_no_noise():
    inputs = torch.randn(50, 3)
    task = task_of(inputs, torch.zeros(50).long(), signature=Signature((3,), 2, (5,)))
    before, after = changed(task, "noise")
    assert after[:, 2].equal(before[:, 2])
    assert not after[:, 1].equal(before[:, 1])


def test_windows_are_stretched_whole_and_their_padding_stays():
    for name in ("noise", "amplitude"):
        before, after = changed(windows(), name, 0.5)
        assert (after[:, 6:] == 0).all()
        assert not after[:, :6].equal(before[:, :6])
    factors = (after[:, :6] / before[:, :6]).flatten(1)
    assert torch.allclose(factors, factors[:, :1].expand_as(factors), rtol=1e-4)
    assert factors.max() <= 1.5 + 1e-4
    assert factors.min() >= 1 / 1.5 - 1e-4


def test_a_series_swings_more_in_the_past_and_in_the_future_alike():
    task = series()
    inputs, targets = task.train.inputs, task.train.targets
    torch.manual_seed(0)
    stretched, following = augmentation(task, {"amplitude": 0.5})(inputs, targets)
    factor = torch.sinh(stretched[:, 0]) / torch.sinh(inputs[:, 0])
    assert torch.allclose(following[:, 0], targets[:, 0] * factor, rtol=1e-3, atol=1e-5)
    assert stretched[:, -1].equal(inputs[:, -1])  # the level


def test_dropped_words_are_unknown_in_every_feature_and_padding_stays():
    task = sentences()
    before, after = changed(task, "word_dropout", 0.5)
    padding = (before == 0).all(dim=-1)
    assert (after[padding] == 0).all()
    dropped = (after != before).any(dim=-1)
    assert (after[dropped] == 1).all()
    assert 0.3 < float(dropped[~padding].float().mean()) < 0.7


def test_several_are_applied_in_their_order_whatever_the_order_they_are_named_in():
    one, other = (augmentation(pictures(), read(names)) for names in (["noise", "flip=1"], ["flip=1", "noise=0.1"]))
    assert one == other
    assert one.strengths == {"flip": 1.0, "noise": 0.1}
    assert augmentation(pictures(), read(written(one))) == one


@pytest.mark.parametrize(
    ("task", "name", "says"),
    [
        (line, "flip", r"'flip' needs pictures \(channels, height, width\), and one row of these inputs is \(2\)"),
        (windows, "rotate", "needs pictures"),
        (line, "amplitude", "needs windows of a series"),
        (pictures, "amplitude", "needs windows of a series"),
        (line, "word_dropout", "needs sequences of words"),
        (sentences, "noise", "whole numbers, which may be codes"),
    ],
)
def test_what_is_not_sound_is_refused_with_the_reason(task, name, says):
    with pytest.raises(SettingsError, match=says):
        augmentation(task(), {name: None})


def test_pictures_that_kornia_cannot_change_are_refused():
    labels = torch.zeros(3).long()
    last = task_of(torch.randn(3, 16, 16, 3), labels)
    assert "channels first" in refusal(last, "flip")
    assert "real numbers, and these are uint8" in refusal(task_of(torch.zeros(3, 1, 8, 8).byte(), labels), "flip")
    places = task_of(torch.randn(3, 1, 8, 8), torch.zeros(3, 8, 8).long())
    assert "places of their own" in refusal(places, "flip")
    assert "all of these are constant" in refusal(task_of(torch.ones(3, 2), labels), "noise")
    assert "same scale" in refusal(replace(windows(), objective="regression"), "amplitude")


def test_what_suits_each_kind():
    assert suited(pictures()) == (*PICTURES, "noise")
    assert suited(series()) == ("noise", "amplitude")
    assert suited(line()) == ("noise",)
    assert suited(sentences()) == ("word_dropout",)
    assert suited(windows()) == ("noise", "amplitude")


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["flop"], "There is no augmentation 'flop'. Did you mean 'flip'?"),
        (["rotate=far"], "The strength of the augmentation 'rotate' is no number: 'rotate=far'. Write it as rotate=5."),
        (["flip=2"], "must be greater than 0 and at most 1 .share of the pictures.. Got 2 instead"),
        (["shift=0"], "must be greater than 0"),
    ],
)
def test_a_wrong_name_or_strength_is_named(texts, says):
    with pytest.raises(SettingsError, match=says):
        augmentation(pictures(), read(texts))


def test_a_recipe_shows_its_augmentation_by_name_and_strength():
    plain = Recipe(partial(mlp, Signature((4,), 2)))
    one, again, more = (
        replace(plain, augment=augmentation(pictures(), read(names)))
        for names in (["rotate=5"], ["rotate=5"], ["rotate=9", "flip"])
    )
    assert plain.diff(one) == ("augment.rotate",)
    assert one.diff(again) == ()
    assert one.fingerprint() == again.fingerprint() != plain.fingerprint()
    assert set(one.diff(more)) == {"augment.rotate", "augment.flip"}
    assert one.as_json()["augment.rotate"] == 5
    assert plain.as_json()["augment"] is None


class Seen:
    """The inputs of all batches."""

    events = frozenset({Event.LOSS})

    def __init__(self) -> None:
        self.inputs: list[torch.Tensor] = []

    def __call__(self, step) -> None:
        self.inputs.append(step.inputs.clone())


def test_training_batches_are_changed_anew_each_time_and_nothing_else():
    task = rings()
    kept = task.train.inputs.clone(), task.validation.inputs.clone()
    base = recipe(task, epochs=2, shuffle=False)
    noisy = replace(base, augment=augmentation(task, {"noise": 0.5}))
    seen, runs = Seen(), []
    for watch in ([seen], []):
        runs.append(fit(task, noisy, watch))
    first, second = torch.cat(seen.inputs).split(len(task.train))
    assert not first.equal(second)
    assert not first.equal(kept[0])
    assert task.train.inputs.equal(kept[0])
    assert task.validation.inputs.equal(kept[1])
    assert all(runs[0].weights[name].equal(runs[1].weights[name]) for name in runs[0].weights)
    assert fit(task, base).curve("train_loss") != runs[0].curve("train_loss")


def test_the_settings_name_augmentations_and_are_resolved_to_strengths():
    task = rings()
    made = plan(task, Settings(training=TrainingSettings(augment=("noise",))))
    assert made.recipe.augment.strengths == {"noise": 0.1}
    assert made.settings.training.augment == ("noise=0.1",)
    assert "augmented by noise=0.1" in made.task.facts["recipe"]
    assert plan(task, made.settings).recipe.diff(made.recipe) == ()
    assert plan(task, Settings()).recipe.augment is None
    with pytest.raises(SettingsError, match="'flip' needs pictures"):
        plan(task, Settings(training=TrainingSettings(augment=("flip",))))


def test_kornia_is_imported_by_the_first_changed_picture_and_not_before():
    code = (
        "import sys, torch; import goodfit.cli, goodfit.api;"
        "from goodfit.data.augmentation import _picture_edit;"
        "print('kornia' in sys.modules); _picture_edit('flip', 0.5, torch.zeros(2, 1, 8, 8), None);"
        "print('kornia' in sys.modules, 'torchvision' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["False", "True", "False"]


def test_every_augmentation_is_in_the_settings_documentation():
    text = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    assert all(f"`{name}`" in text for name in AUGMENTATIONS)

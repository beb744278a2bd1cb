"""Changes of the network, the loss and the batches: what they do on data that show it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from goodfit.causes import Change
from goodfit.core.job import Job
from goodfit.core.task import Rows
from goodfit.guide.experiments import changed, parameters_of
from goodfit.guide.trials import run_trial
from goodfit.models.surgery import NotAskable
from goodfit.models.surgery.columns import Without
from goodfit.remedies import REMEDIES
from goodfit.remedies.smaller import informative
from tests.remedies.jobs import facts, quietly, rows_of


def offered(job: str, remedy: str) -> dict[str, Change]:
    changes = next(each for each in REMEDIES if each.name == remedy).changes(facts(job))
    return {each.name: each for each in changes}


def built(job: Job) -> Any:
    torch.manual_seed(0)
    return job.recipe.model()


# --- fewer columns


def test_the_columns_that_say_nothing_go_first() -> None:
    job = facts("table").job
    assert set(informative(job)[-2:]) == {0, 1}
    model = built(changed(job, offered("table", "fewer_columns")["50% fewer columns"]))
    assert isinstance(model, Without)
    assert model.kept[:2].all()
    assert model.kept.sum() == 3


def test_columns_that_matter_only_together_are_kept() -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    y = ((x[:, 2] > 0) ^ (x[:, 4] > 0)).long()
    job = facts("table").job
    assert set(informative(job.with_task(train=Rows(x, y)))[-2:]) == {2, 4}


def test_columns_are_chosen_by_training_rows_alone_and_anew_for_other_ones() -> None:
    job = facts("table").job
    change = offered("table", "fewer_columns")["50% fewer columns"]
    train, validation = rows_of(job)
    other = job.with_task(validation=Rows(validation.inputs.roll(1, 1), validation.targets))
    assert torch.equal(built(changed(job, change)).kept, built(changed(other, change)).kept)
    turned = job.with_task(train=Rows(train.inputs.roll(3, 1), train.targets))
    assert built(changed(turned, change)).kept[[3, 4]].all()


def test_a_network_does_not_see_the_columns_in_any_rows() -> None:
    model = built(changed(facts("table").job, offered("table", "fewer_columns")["50% fewer columns"]))
    x = torch.randn(5, 6)
    other = torch.where(model.kept.bool(), x, torch.randn(5, 6))
    assert torch.equal(model(x), model(other))
    assert not torch.equal(model(x), model(torch.randn(5, 6)))


def test_wide_tables_and_sequences_are_refused() -> None:
    job = facts("table").job
    for inputs, reason in ((torch.randn(9, 300), "3 to 200 columns"), (torch.ones(9, 5).long(), "no table of numbers")):
        with pytest.raises(NotAskable, match=reason):
            informative(job.with_task(train=Rows(inputs, torch.zeros(9).long())))


# --- smaller networks


def test_a_narrower_network_has_half_and_a_quarter_of_the_units() -> None:
    job = facts("table").job
    widths = {
        name: [each.out_features for each in built(changed(job, change)).modules() if isinstance(each, nn.Linear)]
        for name, change in offered("table", "narrower_network").items()
    }
    assert widths == {"0.5 x width": [16, 3], "0.25 x width": [8, 3]}


def test_a_narrower_transformer_and_recurrent_network_keep_their_shapes() -> None:
    for name in ("words", "tags"):
        job = facts(name).job
        narrow = changed(job, offered(name, "narrower_network")["0.5 x width"])
        assert parameters_of(narrow) < 0.6 * parameters_of(job)
        assert built(narrow)(job.sample).shape == built(job)(job.sample).shape


def test_pictures_that_came_to_a_perceptron_go_to_a_small_network_that_shares_weights() -> None:
    job = facts("pictures").job
    after = changed(job, offered("pictures", "shared_weights")["small CNN"])
    assert any(isinstance(each, nn.Conv2d) for each in built(after).modules())
    assert not offered("table", "shared_weights")
    assert not offered("words", "shared_weights")


# --- more data


def test_pictures_are_offered_motions_and_the_rest_is_refused_with_the_reason() -> None:
    found = offered("pictures", "augmentation")
    assert {"flip", "rotate", "scale", "shift", "crop", "erase", "noise", "rotate + scale + shift"} <= set(found)
    assert "flip_vertical" not in found
    job = facts("pictures").job
    for name, reason in (("amplitude", "windows of a series"), ("word_dropout", "sequences of words")):
        with pytest.raises(NotAskable, match=reason):
            changed(job, found[name])


def test_a_table_is_offered_noise_and_told_once_why_nothing_that_moves_pictures() -> None:
    found = offered("table", "augmentation")
    assert set(found) == {"flip", "noise", "amplitude", "word_dropout"}
    with pytest.raises(NotAskable, match="needs pictures"):
        changed(facts("table").job, found["flip"])


def test_augmentations_add_up_and_none_is_made_twice() -> None:
    job, found = facts("pictures").job, offered("pictures", "augmentation")
    first = changed(job, found["shift"])
    both = changed(first, found["erase"])
    assert both.recipe.augment is not None
    assert set(both.recipe.augment.strengths) == {"shift", "erase"}
    for name in ("shift", "rotate + scale + shift"):
        with pytest.raises(NotAskable, match="already"):
            changed(both, found[name])
    with quietly():
        inputs = both.recipe.augment(job.sample, torch.zeros(len(job.sample)))[0]
    assert inputs.shape == job.sample.shape
    assert not torch.equal(inputs, job.sample)


# --- classes


def test_the_root_of_class_weights_lies_between_none_and_all() -> None:
    job, found = facts("rare").job, offered("rare", "class_weights")
    full, root = (changed(job, found[name]).task.loss for name in ("class weights", "class weights ** 0.5"))
    outputs, rare = torch.zeros(1, 2), torch.ones(1, dtype=torch.long)
    common = 1 - rare
    both = torch.cat([rare, common])
    gradients = []
    for loss in (job.task.loss, root, full):
        tilted = torch.zeros(2, 2, requires_grad=True)
        (slope,) = torch.autograd.grad(loss(tilted, both), tilted)
        gradients.append(float(slope[0].norm() / slope[1].norm()))
    assert gradients[0] == pytest.approx(1)
    assert gradients[2] == pytest.approx(gradients[1] ** 2, rel=1e-4)
    assert gradients[2] > 3
    assert float(full(outputs, rare)) > 0


def test_adjusted_outputs_meet_the_classes_at_equal_terms() -> None:
    """The least loss without any inputs is reached by outputs that are all equal: the shares are in the loss."""
    job = facts("rare").job
    loss = changed(job, offered("rare", "logit_adjustment")["logit adjustment"]).task.loss
    train, _ = rows_of(job)
    outputs = torch.zeros(1, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(outputs.expand(len(train), 2), train.targets), outputs)
    assert slope.abs().max() < 1e-6
    (plain,) = torch.autograd.grad(job.task.loss(outputs.expand(len(train), 2), train.targets), outputs)
    assert plain.abs().max() > 0.2


def test_adjusted_outputs_find_more_of_the_rare_class() -> None:
    job = facts("rare").job.with_recipe(epochs=30)
    after = changed(job, offered("rare", "logit_adjustment")["logit adjustment"])
    with quietly():
        before, trial = run_trial(job, 0), run_trial(after, 0)
    assert trial.train.recalls[1] > before.train.recalls[1]


def test_smoothing_takes_the_place_of_other_smoothing() -> None:
    found = offered("restrained", "label_smoothing")
    losses = [changed(facts("restrained").job, each).task.loss for each in found.values()]
    assert [getattr(each, "label_smoothing", None) for each in losses] == [0.05, 0.1, 0.2]
    dropped = offered("restrained", "less_restraint")["smoothing 0"]
    assert changed(facts("restrained").job, dropped).task.loss.label_smoothing == 0  # type: ignore[attr-defined]


def test_less_restraint_is_none_or_some_of_it() -> None:
    assert {"weight decay 0", "weight decay 0.05", "no dropout", "dropout 0.4"} <= set(
        offered("restrained", "less_restraint")
    )
    assert not offered("table", "less_restraint")


# --- the way out of a saddle


def test_the_step_out_of_a_saddle_lowers_the_loss_and_training_goes_on_from_there() -> None:
    found = facts("flat")
    escape = found.end.escape
    assert escape is not None
    assert escape.gain > 0
    after = changed(found.job, offered("flat", "escape")["escape"])
    train, _ = rows_of(found.job)
    first, second = built(found.job), built(after)
    before = float(found.job.task.loss(first(train.inputs), train.targets).detach())
    stepped = float(found.job.task.loss(second(train.inputs), train.targets).detach())
    assert stepped < before
    assert stepped == pytest.approx(escape.loss, rel=1e-3)
    moved = torch.cat([(a - b).flatten() for a, b in zip(first.parameters(), second.parameters(), strict=True)])
    assert float(moved.norm().detach()) == pytest.approx(abs(escape.step), rel=1e-4)
    with quietly():
        stuck, out = (run_trial(each.with_recipe(epochs=30), 0) for each in (found.job, after))
    assert out.train.loss < 0.8 * stuck.train.loss


def test_every_seed_starts_there_with_weights_of_its_own() -> None:
    after = changed(facts("flat").job, offered("flat", "escape")["escape"])
    one, other = built(after), built(after)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not {p.data_ptr() for p in one.parameters()} & {p.data_ptr() for p in other.parameters()}


def test_another_network_cannot_go_on_from_these_weights() -> None:
    job = facts("flat").job.with_model(width=2)
    with pytest.raises(NotAskable, match="no longer the one"):
        changed(job, offered("flat", "escape")["escape"]).recipe.model()


def test_where_nothing_is_lower_along_the_direction_there_is_no_escape() -> None:
    found = facts("flat")
    assert found.end.escape is not None
    level = replace(found.end.escape, step=0.0, loss=found.end.escape.before)
    found = replace(found, end=replace(found.end, escape=level))
    assert next(each for each in REMEDIES if each.name == "escape").changes(found) == ()

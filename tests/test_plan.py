"""What a person leaves open is filled in, what they set stands, and what does not apply is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goodfit.core.errors import SettingsError
from goodfit.core.settings import ModelSettings, Settings, TrainingSettings
from goodfit.plan import DEFAULTS, plan
from goodfit.training import Budget, fit, within
from tests.tasks import line, recipe, rings, tokens


def settings(**sections):
    return Settings(**sections)


@pytest.mark.parametrize("make", [line, rings, tokens])
def test_nothing_stays_open(make):
    found = plan(make(), settings()).settings
    assert found.data.kind == make().kind
    assert None not in (found.model.width, found.model.depth)
    assert found.threads == (None if make is tokens else 1)
    open_by_choice = {"clip", "patience", "max_updates"}
    assert {name for name, value in found.training if value is None} <= open_by_choice


@pytest.mark.parametrize("make", [line, rings, tokens])
def test_resolved_settings_give_the_same_recipe_again(make):
    first = plan(make(), settings(seed=4))
    again = plan(make(), first.settings)
    assert again.recipe.fingerprint() == first.recipe.fingerprint()
    assert again.settings == first.settings


def test_what_a_person_sets_stands():
    given = settings(
        model=ModelSettings(width=7, depth=1), training=TrainingSettings(rate=0.5, loss="absolute"), threads=2
    )
    found = plan(line(), given)
    assert (found.recipe.rate, found.settings.threads) == (0.5, 2)
    assert found.recipe.model()[0][0].out_features == 7
    assert found.task.loss.__name__ == "l1_loss"


def test_another_model_than_the_default_gets_its_own_defaults():
    found = plan(rings(), settings(model=ModelSettings(name="linear")))
    assert found.settings.model.model_dump(exclude_none=True) == {"name": "linear", "kernel": 1}


def test_a_keyword_of_another_model_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"'model\.heads' setting does not apply to the model 'mlp'"):
        plan(line(), settings(model=ModelSettings(name="mlp", heads=2)))


@pytest.mark.parametrize(("make", "loss"), [(line, "cross_entropy"), (rings, "absolute")])
def test_a_loss_for_another_objective_is_refused(make, loss):
    with pytest.raises(SettingsError, match=r"'training\.loss' setting must be one of"):
        plan(make(), settings(training=TrainingSettings(loss=loss)))


def test_a_model_for_another_kind_of_data_is_refused():
    with pytest.raises(SettingsError, match=r"'model\.name' setting"):
        plan(line(), settings(model=ModelSettings(name="cnn")))
    with pytest.raises(SettingsError, match=r"'model\.name' setting"):
        plan(line(), settings(model=ModelSettings(name="attention")))


def test_every_kind_of_data_has_defaults():
    assert set(DEFAULTS) == {"series", "table", "images", "sequences"}


def test_a_budget_shortens_the_recipe_and_the_training_keeps_it():
    task = line(2_000)
    long = recipe(task, epochs=5_000)
    short = within(task, long, seconds=1.0)
    assert 1 <= short.epochs < 5_000
    assert fit(task, short, deadline=Budget(3.0).deadline(1.0)).seconds < 3.5


def test_a_budget_below_one_epoch_leaves_some_updates():
    task = line(2_000)
    short = within(task, replace(recipe(task), batch_size=1), seconds=0.05)
    assert short.epochs == 1
    assert short.max_updates >= 1


def test_a_generous_budget_changes_nothing():
    task = line()
    assert within(task, recipe(task), seconds=600).diff(recipe(task)) == ()

"""A controlled experiment is a diff: recipes name the fields in which they differ."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial

from goodfit.core.recipe import Recipe
from goodfit.core.task import Signature
from goodfit.models import mlp

PLAIN = Recipe(partial(mlp, Signature((4,), 2), width=8))


def test_equal_recipes_differ_in_nothing():
    assert PLAIN.diff(Recipe(partial(mlp, Signature((4,), 2), width=8))) == ()


def test_a_changed_field_is_named_and_so_is_a_keyword_of_the_model():
    assert PLAIN.diff(replace(PLAIN, rate=1.0, seed=3)) == ("rate", "seed")
    assert PLAIN.diff(replace(PLAIN, model=partial(mlp, Signature((4,), 2), width=9))) == ("model.width",)
    assert PLAIN.diff(replace(PLAIN, model=partial(mlp, Signature((4,), 2), width=8, depth=1))) == ("model.depth",)


def test_the_fingerprint_is_the_same_in_another_process_and_changes_with_the_recipe():
    code = (
        "from functools import partial; from goodfit.core.recipe import Recipe;"
        "from goodfit.core.task import Signature;"
        "from goodfit.models import mlp; print(Recipe(partial(mlp, Signature((4,), 2), width=8)).fingerprint())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert elsewhere == PLAIN.fingerprint() != replace(PLAIN, rate=2e-3).fingerprint()


def test_as_json_holds_plain_values_only():
    values = PLAIN.as_json()
    assert values["model"] == "goodfit.models.mlp.mlp"
    assert values["model.width"] == 8
    assert all(isinstance(value, str | int | float | bool | None) for value in values.values())

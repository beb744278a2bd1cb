"""A job is changed in one named field, and the one it was made from stays."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from goodfit.core.job import Job
from goodfit.core.recipe import Recipe
from goodfit.core.task import Rows
from goodfit.intake import read_job

X = torch.arange(40.0).reshape(20, 2)


def job() -> Job:
    rows = torch.utils.data.TensorDataset(X, X[:, :1])
    return read_job(
        {
            "model": lambda: nn.Linear(2, 1),
            "loss": nn.MSELoss(),
            "optimizer": lambda p: torch.optim.SGD(p, lr=0.1),
            "train": rows,
            "val": rows,
            "batch_size": 4,
            "epochs": 2,
            "shuffle": True,
            "task": "regression",
        }
    )


OTHER_ROWS = Rows(X + 1, X[:, :1])
CHANGES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("with_recipe", {"epochs": 3}, ("epochs",)),
    ("with_recipe", {"batch_size": 8, "epochs": 4}, ("batch_size", "epochs")),
    ("with_recipe", {"clip": 1.0}, ("clip",)),
    ("with_recipe", {"schedule": "cosine"}, ("schedule",)),
    ("with_model", {"activation": "relu"}, ("model.activation",)),
    ("with_model", {"standardise": (X.mean(0), X.std(0))}, ("model.standardise",)),
    ("with_optimizer", {"rate_factor": 0.1}, ("optimizer.rate_factor",)),
    ("with_optimizer", {"complete": True}, ("optimizer.complete",)),
    ("with_task", {"loss": functional.l1_loss}, ("task.loss",)),
    ("with_task", {"train": OTHER_ROWS, "validation": OTHER_ROWS}, ("task.train", "task.validation")),
]


@pytest.mark.parametrize(("method", "changes", "fields"), CHANGES)
def test_what_is_changed_is_named_both_ways_and_nothing_else(
    method: str, changes: dict[str, Any], fields: tuple[str, ...]
) -> None:
    first = job()
    before = vars(first).copy(), vars(first.recipe).copy(), vars(first.task).copy()
    model, optimizer = dict(first.recipe.model.keywords), dict(first.recipe.optimizer.keywords)  # type: ignore[union-attr, attr-defined]
    second = getattr(first, method)(**changes)
    assert first.diff(second) == second.diff(first) == fields
    assert (vars(first), vars(first.recipe), vars(first.task)) == before
    assert first.recipe.model.keywords == model  # type: ignore[attr-defined]
    assert first.recipe.optimizer.keywords == optimizer  # type: ignore[union-attr]
    assert second.coding is first.coding
    assert second.sample is first.sample


@pytest.mark.parametrize(("method", "changes", "fields"), CHANGES)
def test_a_second_change_is_named_alone(method: str, changes: dict[str, Any], fields: tuple[str, ...]) -> None:
    first = job().with_recipe(warmup=0.5).with_model(residual=True)
    assert first.diff(getattr(first, method)(**changes)) == fields


def test_equal_values_are_no_difference() -> None:
    first = job()
    assert first.diff(first) == ()
    assert first.diff(first.with_recipe(epochs=2)) == ()
    assert first.with_model(activation="relu").diff(first.with_model(activation="relu")) == ()


def test_an_edit_that_is_made_again_with_another_value_differs() -> None:
    first = job().with_optimizer(rate_factor=0.1)
    assert first.diff(first.with_optimizer(rate_factor=0.01)) == ("optimizer.rate_factor",)


def test_equal_rows_in_another_object_differ() -> None:
    first = job()
    assert first.diff(first.with_task(train=Rows(X, X[:, :1]))) == ("task.train",)


def test_an_edit_of_a_plain_factory_is_refused() -> None:
    first = job()
    plain = first.with_recipe(model=lambda: nn.Linear(2, 1))
    with pytest.raises(TypeError, match=r"functools\.partial"):
        plain.with_model(activation="relu")
    with pytest.raises(TypeError, match=r"functools\.partial"):
        first.with_recipe(optimizer="sgd").with_optimizer(rate_factor=2.0)


def test_jobs_are_told_apart_by_identity_and_recipes_by_value() -> None:
    assert job() != job()
    make = partial(nn.Linear, 2, 1)
    assert Recipe(make, epochs=3) == Recipe(make, epochs=3)

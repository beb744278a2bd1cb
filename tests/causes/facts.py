"""Facts of small jobs, for tests of single symptoms and changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from torch import nn

from goodfit.causes import Facts
from goodfit.causes.facts import DataFacts
from goodfit.core.runtime import preserved_rng, threads
from goodfit.core.statistics import Estimate
from goodfit.data.questions.scales import padding, scales, target_scale
from goodfit.guide.inspection import inspect_end, inspect_model
from goodfit.guide.trials import run_trial
from goodfit.intake import read_job
from tests.causes import making
from tests.causes.making import CROSS, adam, job, net

KNOWN = {
    "model_bias", "learning_rate_too_high", "learning_rate_too_low", "vanishing_gradient", "exploding_gradient",
    "dead_units", "saddle_point", "bad_initialisation", "wrong_loss", "wrong_output_activation", "double_softmax",
    "unnormalised_input", "unshuffled_data", "bad_labels", "frozen_parameters", "batch_too_small", "batch_too_large",
    "batchnorm_misuse", "missing_warmup", "missing_position", "padding_leak", "over_regularised", "too_few_epochs",
    "overfitting", "mismatch", "label_noise", "class_imbalance", "data_leak",
}  # fmt: skip


def facts_of(given: making.Job) -> Facts:
    """Facts of a job after one epoch; of its data only what is cheap to ask."""
    with preserved_rng(), threads(1):
        asked = read_job(given)
        model, _ = inspect_model(asked, 0)
        trial = run_trial(asked.with_recipe(epochs=1), 0)
        end, _ = inspect_end(asked, trial, 0)
        rows: Any = asked.task.train
        x, y = rows.inputs, rows.targets
        data = DataFacts(
            scales=scales(x),
            target_scale=target_scale(y) if given["task"] == "regression" else None,
            padding=padding(x, y),
        )
    return Facts(asked, data, model, end, trial, {})


def facts(model: Callable[[], nn.Module], parts: Any = None, goal: Any = CROSS, **given: Any) -> Facts:
    parts = making.rings(120) if parts is None else parts
    return facts_of(job(parts, model, goal, given.pop("optimizer", adam(0.003)), **given))


@cache
def plain() -> Facts:
    """Nothing is wrong with it: the loss has settled, and the weights have moved."""
    known = facts(lambda: net(2, 32, 3))
    control = replace(known.control, train_losses=(1.0, 0.5, 0.3, 0.29, 0.29, 0.29, 0.29))
    return replace(known, control=control, end=replace(known.end, travel=1.0))


def regression(model: Callable[[], nn.Module], goal: Any = None, **given: Any) -> Facts:
    return facts(model, making.surface(120), goal or nn.MSELoss(), task="regression", **given)


def around(value: float, half: float = 0.01) -> Estimate:
    return Estimate(value, value - half, value + half)

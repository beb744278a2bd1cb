"""The two top questions, on scores made by hand and on real small trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goodfit.core.run import Outcome
from goodfit.core.score import score, truth
from goodfit.core.task import PARTS
from goodfit.guide import TREE, diagnose_scores
from goodfit.guide.tree import LEAVES
from goodfit.models.baselines import baselines
from goodfit.training import fit, predict
from tests.tasks import line, recipe, rings, straight


def judged(task, made, **parts):
    """The diagnosis of a trained recipe, or of hand-made predictions for some parts."""
    run = fit(task, made)
    model = run.recipe.model()
    model.load_state_dict(run.weights)
    guesses = {part: parts.get(part, predict(model, task, task.part(part))) for part in PARTS}
    others = {each.name: score(task, each.predict(task, 0)[0]) for each in baselines(task)}
    return diagnose_scores(task, run, score(task, guesses), others)


def test_a_network_that_fits_is_told_so():
    diagnosis = judged(line(), recipe(line()))
    assert [answer.answer for answer in diagnosis.path] == ["small", "small"]
    assert diagnosis.sentence.startswith(LEAVES["fits"])
    assert diagnosis.cause is None


def test_a_straight_line_on_rings_has_a_large_training_loss():
    diagnosis = judged(rings(), straight(rings()))
    assert [answer.answer for answer in diagnosis.path] == ["large"]
    assert "gradient boosting" in diagnosis.sentence or "constant" in diagnosis.sentence


def test_a_network_that_learns_nothing_is_no_better_than_the_constant():
    diagnosis = judged(line(), recipe(line()), train=np.full(120, 30.0))
    assert diagnosis.path[0].answer == "large"
    assert "constant" in diagnosis.path[0].sentence


def test_memorised_rows_have_a_large_validation_loss():
    task = rings(600)
    learnt_by_heart = truth(task, "train")
    guessed = np.random.default_rng(0).integers(0, 2, 120)
    diagnosis = judged(task, recipe(task), train=learnt_by_heart, validation=guessed)
    assert [answer.answer for answer in diagnosis.path] == ["small", "large"]
    assert "overfit" not in (diagnosis.cause or "")


def test_a_diverged_run_is_said_to_have_diverged():
    task = line()
    run = replace(fit(task, recipe(task, epochs=1)), outcome=Outcome.DIVERGED)
    diagnosis = diagnose_scores(task, run, None, {})
    assert "stopped being a finite number" in diagnosis.sentence


def test_four_validation_rows_are_too_few_to_tell():
    task = line(20)
    diagnosis = judged(task, recipe(task, epochs=200))
    assert diagnosis.cause == "undetermined"
    assert "too few" in diagnosis.sentence


def test_a_simple_model_that_is_a_little_better_is_named_and_changes_nothing():
    task = line(400, noise=1.0)
    nearly = {part: (truth(task, part) - 30) * 1.02 + 30 for part in PARTS}
    diagnosis = judged(task, recipe(task), **nearly)
    assert diagnosis.sentence.startswith(LEAVES["fits"])
    run = fit(task, recipe(task, epochs=1))
    exact = {part: truth(task, part) for part in PARTS}
    others = {"constant": score(task, {part: np.full(len(exact[part]), 30.0) for part in PARTS})}
    others["oracle"] = score(task, exact)
    told = diagnose_scores(task, run, score(task, nearly), others)
    assert told.path[-1].answer == "small"
    assert "'oracle' is a little better on them" in told.sentence


@pytest.mark.parametrize("question", TREE, ids=lambda question: question.name)
def test_every_branch_of_the_tree_leads_somewhere(question):
    places = {each.name for each in TREE} | set(LEAVES)
    assert set(question.branches.values()) <= places
    assert question.asks.endswith("?")


def test_healthy_lines_raise_no_alarm_over_twenty_seeds():
    alarms = 0
    for seed in range(20):
        task = line(150, noise=1.0, seed=seed)
        path = judged(task, straight(task, seed=seed, rate=0.1)).path
        alarms += any(answer.answer == "large" for answer in path)
    assert alarms <= 2

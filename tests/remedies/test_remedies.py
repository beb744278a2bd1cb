"""A contract of all remedies: every label has one, each does what it says and no more, and says why at what cost."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch

from goodfit.causes import CAUSES, Change
from goodfit.causes.labels import class_counts
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng
from goodfit.core.task import Rows
from goodfit.guide.experiments import changed
from goodfit.guide.trials import run_trial
from goodfit.models.surgery import NotAskable
from goodfit.remedies import REMEDIES, Judged, remedies_for
from tests.remedies.jobs import everything, facts, quietly

LABELS = [cause.label for cause in CAUSES]
FOLLOWED = ("without column", "standardise targets", "mask padding")
"""Changes that the test part follows: it could not be read else."""


def test_every_label_has_a_remedy_and_every_remedy_a_label() -> None:
    assert [label for label in LABELS if not remedies_for(label)] == []
    assert {label for each in REMEDIES for label in each.causes} == set(LABELS)
    assert len({each.name for each in REMEDIES}) == len(REMEDIES)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda each: each.name)
def test_a_remedy_says_why_where_from_at_what_cost_and_when_not(remedy: Any) -> None:
    assert len(set(remedy.causes)) == len(remedy.causes) > 0
    for said in (remedy.reason, remedy.costs, remedy.harms):
        assert said[0].isupper()
        assert said.endswith(".")
        assert len(said) < 120
    assert remedy.source
    assert remedy.name == remedy.name.lower()
    assert isinstance(remedy.judged, Judged)


def test_what_the_causes_name_is_among_the_remedies_of_their_label() -> None:
    for name, known in everything():
        for cause in CAUSES:
            offered = {change.name for each in remedies_for(cause.label) for change in each.changes(known)}
            named = {change.name for change in (*cause.changes(known), *cause.rungs(known))}
            assert named <= offered, (name, cause.label)


def test_equal_names_are_equal_changes_and_no_remedy_offers_one_twice() -> None:
    for name, known in everything():
        fields: dict[str, tuple[str, ...]] = {}
        for remedy in REMEDIES:
            offered = remedy.changes(known)
            assert len({each.name for each in offered}) == len(offered), (name, remedy.name)
            for change in offered:
                assert fields.setdefault(change.name, change.fields) == change.fields, (name, change.name)


def snapshot(job: Job) -> tuple[Any, ...]:
    parts: list[Any] = [job.task.train, job.task.validation, job.task.test]
    with preserved_rng():
        torch.manual_seed(0)
        weights = [each.detach().clone() for each in job.recipe.model().parameters()]
    tensors = [each.clone() for rows in parts for each in (rows.inputs, rows.targets)]
    return job.recipe.as_json(), job.task.loss, [id(rows) for rows in parts], tensors + weights


def same(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return before[:3] == after[:3] and all(torch.equal(a, b) for a, b in zip(before[3], after[3], strict=True))


def made(job: Job, change: Change) -> Job | str:
    """The changed job with its network built, or the reason why not."""
    try:
        after = changed(job, change)
        after.recipe.model()
    except NotAskable as error:
        return str(error)
    return after


@pytest.fixture(scope="module")
def applied() -> dict[str, dict[str, tuple[str, Job, Change, Job]]]:
    """By remedy and change: the first job on which it could be made, before and after."""
    found: dict[str, dict[str, tuple[str, Job, Change, Job]]] = {each.name: {} for each in REMEDIES}
    with quietly():
        for name, known in everything():
            before = snapshot(known.job)
            for remedy in REMEDIES:
                for change in remedy.changes(known):
                    after = made(known.job, change)
                    if isinstance(after, str):
                        assert len(after) > 10, (name, change.name)
                        assert "\n" not in after, (name, change.name)
                    elif set(known.job.diff(after)) != set(change.fields):
                        raise AssertionError((name, change.name))
                    else:
                        found[remedy.name].setdefault(change.name, (name, known.job, change, after))
            assert same(before, snapshot(known.job)), name
    return found


def test_every_remedy_can_be_made_somewhere_and_leaves_the_job_it_was_given_alone(applied: Any) -> None:
    assert [name for name, changes in applied.items() if not changes] == []


def test_every_changed_job_trains(applied: Any) -> None:
    done = set()
    with quietly():
        for changes in applied.values():
            for name, (where, _, _, after) in changes.items():
                if name not in done:
                    done.add(name)
                    trial = run_trial(after.with_recipe(epochs=1), 0)
                    assert trial.updates > 0, (where, name)
                    assert 0 <= trial.train.error <= 1, (where, name)


def test_the_test_part_stays_what_it_was_but_for_dropped_columns_scaled_targets_and_padding(applied: Any) -> None:
    for changes in applied.values():
        for name, (_, before, _, after) in changes.items():
            untouched = after.task.test is before.task.test
            assert untouched is not any(each in name for each in FOLLOWED), name


def test_every_change_is_told_as_lines_of_python(applied: Any) -> None:
    for changes in applied.values():
        for _, _, change, _ in changes.values():
            assert change.code.strip(), change.name
            ast.parse(change.code)
            assert max(map(len, change.code.splitlines())) <= 120 or "doubtful" in change.code, change.name
            assert change.words[:1].isupper(), change.words
            assert not change.words.endswith("."), change.words
            assert change.cost > 0


@pytest.mark.parametrize(
    ("job", "remedy", "reason"),
    [
        ("amounts", "label_smoothing", "label smoothing needs classes, and the targets are real numbers"),
        ("amounts", "logit_adjustment", "it needs one output a class"),
        ("amounts", "class_weights", "the classes cannot be weighted in this coding of the targets"),
        ("words", "fewer_columns", "the inputs are no table of numbers"),
        ("table", "shared_weights", None),
        ("table", "escape", None),
        ("table", "cut_padding", None),
        ("table", "time_split", None),
        ("amounts", "oversampling", None),
        ("amounts", "relabelling", None),
        ("table", "deduplication", "no row is a copy"),
        ("flat", "skip_connections", "no hidden layer of the model keeps the shape of its input"),
    ],
)
def test_where_a_remedy_does_not_apply_it_offers_nothing_or_says_why(job: str, remedy: str, reason: str | None) -> None:
    known = facts(job)
    offered = next(each for each in REMEDIES if each.name == remedy).changes(known)
    assert [made(known.job, each) for each in offered] == ([] if reason is None else [reason] * len(offered))
    assert reason is None or offered


def test_jobs_are_what_they_are_meant_to_be() -> None:
    for _, known in everything():
        assert isinstance(known.job.task.test, Rows)
    assert class_counts(facts("rare").job, "train") is not None
    critical = facts("flat").end.critical
    assert critical is not None
    assert critical.kind == "saddle"

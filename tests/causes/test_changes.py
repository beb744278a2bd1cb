"""A contract of all changes: they differ in exactly the fields they name, and leave the job they were given alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from goodfit.causes import CAUSES, Change, Facts, labels
from goodfit.core.job import Job
from goodfit.core.runtime import preserved_rng, threads
from goodfit.data.questions.drift import Drift
from goodfit.data.questions.labels import Misaligned, Noise
from goodfit.data.questions.leaks import SortedSplit
from goodfit.guide.experiments import changed
from goodfit.models.surgery import NotAskable
from tests.causes.facts import KNOWN, around, facts_of, plain
from tests.causes.jobs import FAULTY, LOOKALIKES, OTHERS


def zoo() -> Iterator[tuple[str, Facts]]:
    """Jobs of all codings and kinds, with facts that make causes offer all they have."""
    names = ["wrong_loss", "padding_leak", "frozen_parameters", "missing_position", "batchnorm_misuse", "saddle_point"]
    names += ["unnormalised_input", "vanishing_gradient", "class_imbalance", "overfitting", "exploding_gradient"]
    tables = {name: FAULTY[name] for name in names}
    tables |= {"healthy output": LOOKALIKES["wrong_output_activation"], "dropout": LOOKALIKES["over_regularised"]}
    tables |= {"one-hot": LOOKALIKES["wrong_loss"], "tiny batches": LOOKALIKES["batch_too_small"]}
    tables |= {"softmax": OTHERS["double_softmax"][0], "decayed": OTHERS["model_bias"][0]}
    for name, given in tables.items():
        known = facts_of(given())
        data = replace(
            known.data,
            drift=Drift(around(0.9), ((0, 1.0),), "trees"),
            misaligned=Misaligned(1, False, 0.8, 0.0),
            noise=Noise(around(0.2), tuple(range(40)), "confident predictions"),
        )
        yield name, replace(known, data=data)
        reversed_, split = Misaligned(0, True, 0.8, 0.0), SortedSplit("targets", (0.0, 1.0), (1.0, 2.0))
        slow = replace(known.model.optimizer, course=0.1, decoupled=True)
        job = known.job.with_recipe(shuffle=False, schedule="cosine")
        data = replace(data, misaligned=reversed_, sorted_split=split)
        yield f"{name}, unshuffled", replace(known, data=data, job=job, model=replace(known.model, optimizer=slow))


def snapshot(asked: Job) -> tuple[Any, ...]:
    """What a job is made of, in values of their own."""
    parts: list[Any] = [asked.task.train, asked.task.validation]
    tensors = [t.clone() for rows in parts for t in (rows.inputs, rows.targets)] + [asked.sample.clone()]
    torch.manual_seed(0)
    weights = [p.detach().clone() for p in asked.recipe.model().parameters()]
    return asked.recipe.as_json(), asked.task.loss, [id(rows) for rows in parts], tensors + weights


def same(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return before[:3] == after[:3] and all(torch.equal(a, b) for a, b in zip(before[3], after[3], strict=True))


def made(asked: Job, change: Change) -> Job | None:
    """The changed job, its network built; None where it cannot be asked. Raises ValueError for undeclared fields."""
    try:
        after = changed(asked, change)
        after.recipe.model()
    except NotAskable:
        return None
    return after


def test_every_change_of_every_cause_differs_in_the_fields_it_names_and_leaves_the_job_alone() -> None:
    offered: dict[str, int] = {}
    with preserved_rng(), threads(1):
        for name, known in zoo():
            before = snapshot(known.job)
            for cause in CAUSES:
                if cause.label == "class_imbalance" and labels.class_counts(known.job, "train") is None:
                    continue  # there are no classes, so it is never asked
                for change in cause.changes(known):
                    assert change.words[:1].isupper(), change.name
                    assert change.cost > 0
                    after = made(known.job, change)
                    if after is None:
                        continue
                    offered[cause.label] = offered.get(cause.label, 0) + 1
                    assert set(known.job.diff(after)) == set(change.fields), (name, cause.label, change.name)
            assert same(before, snapshot(known.job)), name
    # a leak is mended by hand, and no training shows it
    assert set(offered) == KNOWN - {"data_leak"}


def test_a_change_that_does_more_than_it_says_is_refused() -> None:
    sly = Change("sly", "Drop the schedule", ("schedule",), lambda j: j.with_recipe(schedule="cosine", epochs=99))
    with pytest.raises(ValueError, match=r"'sly' changes \['epochs', 'schedule'\], and names \['schedule'\]"):
        changed(plain().job, sly)
    with pytest.raises(NotAskable, match="nothing would change"):
        changed(plain().job, Change("none", "Do nothing", ("epochs",), lambda j: j))

"""Changes as lines for a person's own script: run on real objects, they do what the change does in a job."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from goodfit.causes import Change, changes
from goodfit.core.job import Job
from goodfit.core.task import Rows
from goodfit.guide.experiments import changed
from goodfit.models.anatomy import anatomy
from goodfit.models.surgery import NotAskable
from goodfit.remedies import REMEDIES
from goodfit.training.batches import batch_count
from goodfit.training.optimizers import build_optimizer
from goodfit.training.schedules import build_schedule
from tests.remedies.jobs import MADE, everything, facts, quietly, rows_of


def offered() -> list[tuple[str, Change]]:
    """Each change once, with the first job on which it can be made."""
    found: dict[str, tuple[str, Change]] = {}
    for name, known in everything():
        for remedy in REMEDIES:
            for change in remedy.changes(known):
                if change.name in found:
                    continue
                try:
                    changed(known.job, change).recipe.model()
                except NotAskable:
                    continue
                found[change.name] = name, change
    return list(found.values())


def script(name: str, seed: int = 0) -> dict[str, Any]:
    """The objects of a person's script, named as in a job."""
    made = MADE[name]()
    torch.manual_seed(seed)
    model = made["model"]()
    optimizer = made["optimizer"](model.parameters())
    names = {key: made[key] for key in ("loss", "train", "val", "batch_size", "epochs")}
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: 1.0)
    return {"torch": torch, "nn": nn, "model": model, "optimizer": optimizer, "scheduler": scheduler, **names}


def ran(name: str, change: Change) -> dict[str, Any]:
    found = script(name)
    exec(compile(change.code, change.name, "exec"), found)
    return found


def groups(optimizer: torch.optim.Optimizer, plain: bool = False) -> list[dict[str, Any]]:
    """What the parameter groups hold, of parameters their shapes; rates up to rounding unless they are ``plain``."""
    shapes = ([each.shape for each in group["params"]] for group in optimizer.param_groups)
    found = [{**group, "params": each} for group, each in zip(optimizer.param_groups, shapes, strict=True)]
    for group in found:
        group.pop("initial_lr", None)  # a scheduler's note
    return found if plain else [{**group, "lr": pytest.approx(group["lr"], rel=1e-9)} for group in found]


def optimizer_of(job: Job) -> torch.optim.Optimizer:
    torch.manual_seed(0)
    return build_optimizer(job.recipe, job.recipe.model().parameters())


def test_every_snippet_runs() -> None:
    with quietly():
        for name, change in offered():
            try:
                ran(name, change)
            except Exception as error:
                raise AssertionError(f"{change.name} on {name}: {error!r}\n{change.code}") from error


def test_changes_of_the_optimiser_give_the_same_optimiser() -> None:
    asked = [(name, change) for name, change in offered() if change.fields[0].startswith("optimizer.")]
    assert len(asked) > 15
    with quietly():
        for name, change in asked:
            job = facts(name).job
            mine, theirs = optimizer_of(changed(job, change)), ran(name, change)["optimizer"]
            assert type(mine) is type(theirs)
            assert groups(mine) == groups(theirs, plain=True), change.name
            assert groups(mine) != groups(optimizer_of(job), plain=True), change.name


def test_changes_of_batches_and_epochs_give_the_same_numbers() -> None:
    asked = [(name, c) for name, c in offered() if set(c.fields) <= {"batch_size", "epochs"}]
    assert len(asked) > 8
    for name, change in asked:
        after, found = changed(facts(name).job, change).recipe, ran(name, change)
        assert (found["batch_size"], found["epochs"]) == (after.batch_size, after.epochs), change.name


@pytest.mark.parametrize("wanted", ["warm-up", "warm-up 10%", "warm-up and decay", "constant rate"])
def test_changes_of_the_course_give_the_same_rates(wanted: str) -> None:
    job = facts("table").job
    if wanted == "constant rate":
        job = job.with_recipe(schedule="cosine")
        change = changes.constant_rate()
    else:
        change = next(c for each in REMEDIES for c in each.changes(facts("table")) if c.name == wanted)
    after = changed(job, change)
    found = ran("table", change)
    optimizer = optimizer_of(after)
    updates = after.recipe.epochs * batch_count(after.task.train, after.recipe.batch_size)
    schedule = build_schedule(after.recipe, optimizer, updates)
    for _ in range(updates - 1):
        assert found["optimizer"].param_groups[0]["lr"] == pytest.approx(optimizer.param_groups[0]["lr"])
        found["optimizer"].step()
        found["scheduler"].step()
        schedule.step()


def pairs(rows: Any) -> tuple[Tensor, Tensor]:
    found = [rows[i] for i in range(len(rows))]
    return torch.stack([x for x, _ in found]), torch.stack([torch.as_tensor(y) for _, y in found])


EXACT = ("recode", "relabel", "doubtful rows left out", "realigned", "without column 1", "mask padding")


@pytest.mark.parametrize("wanted", EXACT)
def test_changes_of_the_rows_give_the_same_rows(wanted: str) -> None:
    name, change = next(each for each in offered() if each[1].name == wanted)
    found = ran(name, change)
    for rows, mine in zip(rows_of(changed(facts(name).job, change)), (found["train"], found["val"]), strict=True):
        x, y = pairs(mine)
        assert torch.equal(x, rows.inputs)
        assert torch.equal(y, rows.targets)


def test_scaled_inputs_and_targets_are_the_same() -> None:
    name, change = next(each for each in offered() if each[1].name == "standardise targets")
    train, _ = rows_of(changed(facts(name).job, change))
    assert torch.allclose(pairs(ran(name, change)["train"])[1], train.targets, atol=1e-5)
    change = next(c for each in REMEDIES for c in each.changes(facts("amounts")) if c.name == "standardise")
    with quietly():
        model = changed(facts("amounts").job, change).recipe.model()
    x = facts("amounts").job.task.train
    assert isinstance(x, Rows)
    expected = (x.inputs - model.mean) / model.std  # type: ignore[attr-defined, operator]
    assert torch.allclose(pairs(ran("amounts", change)["train"])[0], expected, atol=1e-5)


def test_losses_are_the_same() -> None:
    wanted = ("class weights", "class weights ** 0.5", "logit adjustment", "smoothing 0.1")
    generator = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(6, 2, generator=generator), torch.tensor([0, 1, 0, 0, 1, 0])
    for remedy in REMEDIES:
        for change in remedy.changes(facts("rare")):
            if change.name in wanted:
                mine, theirs = changed(facts("rare").job, change).task.loss, ran("rare", change)["loss"]
                assert torch.allclose(mine(outputs, targets), theirs(outputs, targets)), change.name


@pytest.mark.parametrize(
    ("job", "wanted"),
    [
        ("restrained", "ReLU"),
        ("restrained", "no dropout"),
        ("table", "dropout 0.2"),
        ("table", "batch normalisation"),
        ("table", "layer normalisation"),
        ("restrained", "no output activation"),
        ("pictures", "8 x width"),
        ("table", "0.5 x width"),
        ("table", "linear network"),
        ("frozen", "skip connections"),
        ("restrained", "batch-norm defaults"),
    ],
)
def test_networks_are_made_of_the_same_parts(job: str, wanted: str) -> None:
    known = facts(job)
    change = next(c for each in REMEDIES for c in each.changes(known) if c.name == wanted)
    with quietly():
        mine = anatomy(changed(known.job, change).recipe.model(), known.job.sample)
        theirs = anatomy(ran(job, change)["model"], known.job.sample)
    assert [(a.kind, a.fan_in) for a in mine.layers] == [(a.kind, a.fan_in) for a in theirs.layers]
    assert [(a.kind, a.output) for a in mine.activations] == [(a.kind, a.output) for a in theirs.activations]
    assert [a.kind for a in mine.normalisations] == [a.kind for a in theirs.normalisations]
    assert [a.p for a in mine.dropouts if a.p] == [a.p for a in theirs.dropouts if a.p]

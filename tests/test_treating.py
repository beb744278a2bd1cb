"""`goodfit.treat` and `diagnosis.treat()`: what is mended, what stays, what the test part sees, what comes back."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import goodfit
from goodfit import handover
from goodfit.causes import Change, changes
from goodfit.core.errors import DataError, GoodfitError, SettingsError
from goodfit.core.evidence import Diagnosis
from goodfit.core.job import Job
from goodfit.core.progress import Unheard
from goodfit.core.task import Augmented, Rows
from goodfit.data.augmentation import augmentation
from goodfit.guide.choice import Choice, choose
from goodfit.guide.tested import carried
from goodfit.guide.trials import run_trial
from goodfit.intake import read_job
from goodfit.treating import treat
from tests.guide.jobs import classes, drawn, numbers, sgd


@dataclass
class Heard:
    questions: list[str] = field(default_factory=list)

    def asking(self, question: str) -> None:
        self.questions.append(question)

    def found(self, answer: str) -> None:
        """Not of interest."""


class Trap(Dataset[Any]):
    """A test part that goes off when a row is read a second time, or before everything was chosen."""

    def __init__(self, heard: Heard, rows: int = 40) -> None:
        self.heard, self.x = heard, drawn(rows, 4, 9)
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        if index in self.read:
            raise AssertionError("the test part was read twice")
        if not self.heard.questions or self.heard.questions[-1] != "the test part, read once":
            raise AssertionError("the test part was read before the end")
        self.read.append(index)
        return self.x[index], 2 * self.x[index, :1] - self.x[index, 1:2]


@pytest.fixture(scope="module")
def rated() -> tuple[dict[str, Any], Trap, goodfit.Treatment]:
    """A rate that is far too high, mended; the test part is a trap."""
    heard = Heard()
    trap = Trap(heard)
    given = numbers(optimizer=sgd(3.0), test=trap)
    return given, trap, treat(**given, progress=heard, budget="60x")


def test_a_planted_rate_is_mended(rated: Any) -> None:
    found = rated[2]
    assert found.diagnosis.cause == found.applied[0].cause == "learning_rate_too_high"
    assert found.cause == "healthy"
    assert found.after.validation < 0.15 < found.before.validation
    assert found.gain.low > 0.5
    assert "group[" in found.applied[0].code
    assert found.cost.trainings <= 60


def test_the_trap_holds_and_the_test_part_was_read_once(rated: Any) -> None:
    _, trap, found = rated
    assert found.notes == ()
    assert sorted(trap.read) == list(range(40))
    assert found.test.rows == 40
    assert found.test.gain.low > 0.5


def test_the_mended_job_trains_to_the_mended_model(rated: Any) -> None:
    given, _, found = rated
    made = found.job()
    assert {key: made[key] for key in ("train", "val", "test", "loss", "model")} == {
        key: given[key] for key in ("train", "val", "test", "loss", "model")
    }
    again = run_trial(read_job({**made, "test": None}), 0)
    assert not found.model.training
    assert all(torch.equal(again.weights[name], value) for name, value in found.model.state_dict().items())
    made["epochs"] = 99
    assert found.job()["epochs"] == given["epochs"]  # a dict of its own


def test_it_is_told(rated: Any) -> None:
    found = rated[2]
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["applied"][0]["effect"]["interval"]
    assert max(map(len, repr(found).splitlines())) <= 88
    for expected in ("learning_rate_too_high, mended", "Divide the learning rate by 10", "in all", "test:", "choice:"):
        assert expected in repr(found)
    patch = found.patch()
    for expected in ("1. Divide the learning rate by", "why: ", "source: ", "evidence: error -", "code:\n"):
        assert expected in patch


def test_a_healthy_job_keeps_its_recipe() -> None:
    given = numbers(epochs=20, test=TensorDataset(drawn(30, 4, 5), drawn(30, 1, 6)))
    found = goodfit.treat(**given)
    assert (found.cause, found.diagnosis.cause, found.applied) == ("healthy", "healthy", ())
    assert found.job() == given
    assert found.before == found.after
    assert found.patch() == "Nothing to change: the recipe stays as it is.\n"
    assert found.ensemble is None
    assert any("far above the validation error" in each for each in found.notes)  # its test targets are noise


def test_a_diagnosis_goes_on_to_its_treatment_without_asking_again() -> None:
    diagnosis = goodfit.diagnose(**numbers(optimizer=sgd(3.0)), budget="12x")
    heard = Heard()
    found = diagnosis.treat(budget="40x", progress=heard)
    assert found.diagnosis.ranked == diagnosis.ranked
    assert not any("how does the job train as it is" in each for each in heard.questions)
    assert found.applied[0].change == diagnosis.ranked[0].change
    assert found.after.validation < 0.2


def test_a_diagnosis_without_its_job_says_so() -> None:
    for each in (Diagnosis("healthy", "", ()), goodfit.diagnose(**numbers(epochs=20), budget="4x")):
        written = pickle.loads(pickle.dumps(each))
        assert repr(written) == repr(each)
        with pytest.raises(SettingsError, match=r"no job to treat.*goodfit\.treat"):
            written.treat()


def test_the_callers_objects_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    before, loss = copy.deepcopy(mine.state_dict()), nn.MSELoss()
    rows = TensorDataset(drawn(120, 4), drawn(120, 1, 1))
    seen = rows.tensors[0].clone()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    treat(**numbers(model=lambda: copy.deepcopy(mine), loss=loss, train=rows, test=rows, epochs=2), budget="4x")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in mine.state_dict().items())
    assert torch.equal(rows.tensors[0], seen)
    assert loss.training
    assert list(tmp_path.iterdir()) == []


def test_a_budget_that_is_too_small_leaves_it_open() -> None:
    found = treat(**numbers(epochs=1_000_000), budget="1s")
    assert found.cause == "undetermined"
    assert "budget" in found.diagnosis.sentence
    assert found.applied == ()
    json.dumps(found.to_json(), allow_nan=False)
    assert "undetermined" in repr(found)


# -- bad input

BAD: list[tuple[dict[str, Any], type[GoodfitError], str]] = [
    ({"seeds": 1}, SettingsError, "must be two or more"),
    ({"seeds": [3]}, SettingsError, "must be two or more"),
    ({"budget": "soon"}, SettingsError, "The 'budget' must be"),
    ({"task": "clasification"}, SettingsError, "Did you mean 'classification'?"),
    ({"test": iter([1])}, DataError, "the job's 'test': It has no length"),
    ({"test": []}, DataError, "the job's 'test': It has no rows"),
    ({"model": lambda: 3}, SettingsError, "must return an nn.Module. Got int instead"),
]


@pytest.mark.parametrize(("given", "kind", "sentence"), BAD, ids=[each[2][:25] for each in BAD])
def test_bad_input_is_one_sentence(given: dict[str, Any], kind: type[GoodfitError], sentence: str) -> None:
    with pytest.raises(kind) as error:
        treat(**numbers(**given))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_test_part_that_cannot_be_read_is_a_note_and_not_the_end() -> None:
    found = treat(**numbers(epochs=20, test=[(torch.zeros(4), torch.zeros(1)), "oh"]), budget="4x")
    assert found.test is None
    assert any("The test part could not be read" in each for each in found.notes)


# -- a remedy that does nothing


class Fold:
    """A laboratory whose trainings differ by chance alone, but for changes called 'good'."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random, self.level = random, 0.3 * np.exp(0.2 * random.standard_normal())
        self.known: dict[Any, Any] = {}

    def control(self, index: int = 0) -> Any:
        return self._trial(("", index), 1.0)

    def treat(self, change: Change, index: int = 0) -> Any:
        return self._trial((change.name, index), 0.5 if change.name == "good" else 1.0)

    def _trial(self, key: Any, factor: float) -> Any:
        return self.known.setdefault(
            key, SimpleNamespace(error=factor * self.level * np.exp(0.1 * self.random.standard_normal()))
        )


def chosen(seed: int, *names: str) -> Choice:
    random = np.random.default_rng(seed)
    offered, chance = ([Change(name, name, (), lambda job: job) for name in each] for each in (names, ["chance"]))
    folds: Any = [Fold(random) for _ in range(5)]
    return choose(offered, folds, lambda trial: trial.error, Unheard(), held=0.2, chance=chance[0])  # type: ignore[attr-defined]


def test_a_remedy_that_does_nothing_is_never_chosen() -> None:
    assert [seed for seed in range(20) if chosen(seed, "a", "b", "c").change is not None] == []


def test_a_remedy_that_halves_the_error_is_chosen_among_others() -> None:
    for seed in range(20):
        found = chosen(seed, "a", "good", "b")
        assert found.change is not None
        assert found.change.name == "good"
        assert len(found.trials) == 5


# -- the job handed back


def edited(given: dict[str, Any], **recipe: Any) -> tuple[Job, Job]:
    job = read_job(given)
    return job, job.with_recipe(**recipe)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"clip": 0.1}, "clips the gradient's norm at 0.1"),
        ({"warmup": 0.3}, "stepped once a batch and made for 80 updates"),
        ({"schedule": "cosine", "warmup": 0.1}, "stepped once a batch"),
        ({"batch_size": 30, "epochs": 3, "shuffle": False}, ""),
    ],
)
def test_the_format_says_all_of_a_recipe(recipe: dict[str, Any], told: str) -> None:
    given = numbers(optimizer=sgd(0.05))
    job, mended = edited(given, **recipe)
    made = handover.mapping(given, job, mended)
    assert told in " ".join(handover.notes(job, mended))
    assert bool(told) == bool(handover.notes(job, mended))
    first, second = run_trial(mended, 0), run_trial(read_job(made), 0)
    assert all(torch.equal(first.weights[name], value) for name, value in second.weights.items())
    plain = run_trial(job, 0)
    assert any(not torch.equal(plain.weights[name], value) for name, value in first.weights.items())


def test_a_dropped_schedule_is_dropped() -> None:
    given = numbers(scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.1))
    job, mended = edited(given, schedule="constant")
    assert "scheduler" not in handover.mapping(given, job, mended)
    assert "no scheduler any more" in handover.notes(job, mended)[0]


def test_augmented_rows_come_back_as_the_recipe_they_were() -> None:
    given = numbers()
    job = read_job(given)
    _, mended = edited(given, augment=augmentation(job.task, {"noise": 0.5}))
    made = handover.mapping(given, job, mended)
    rows = made["train"]
    assert isinstance(rows, Augmented)
    assert len(rows) == 150
    assert not torch.equal(rows[3][0], rows[3][0])
    assert torch.equal(rows[3][1], given["train"][3][1])
    again = read_job(made)
    assert again.recipe.augment is mended.recipe.augment
    first, second = run_trial(mended, 0), run_trial(again, 0)
    assert all(torch.equal(first.weights[name], value) for name, value in second.weights.items())


def test_test_rows_follow_what_is_done_to_each_row_and_no_new_split() -> None:
    job = read_job(numbers())
    test = Rows(drawn(20, 4, 5), drawn(20, 1, 6))
    targets = job.task.train.targets
    scaled = carried(test, job, [changes.standardise_targets()])
    assert torch.allclose(scaled.targets, (test.targets - targets.mean(0)) / targets.std(0))
    assert carried(test, job, [changes.resplit()]) is test
    assert carried(test, job, [changes.rate(0.1)]) is test
    assert carried(test, read_job(classes()), [changes.balanced_loss()]) is test

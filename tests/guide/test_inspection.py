"""Questions to the data and to the network: what they find, and what happens when one cannot be asked."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset, TensorDataset

from goodfit.causes.facts import DataFacts
from goodfit.core.job import Coding, Job
from goodfit.core.runtime import preserved_rng
from goodfit.core.task import IGNORED, Rows
from goodfit.data.questions import drift, labels, leaks, quick, scales
from goodfit.guide import inspection
from goodfit.guide.diagnosis import diagnose
from goodfit.guide.inspection import WATCHED, ask, inspect_data, inspect_end, inspect_model, watched
from goodfit.guide.trials import run_trial
from goodfit.guide.views import LEAST, READ, read
from tests.guide.jobs import classes, drawn, net, numbers
from tests.guide.jobs import read as job_of


@pytest.fixture(autouse=True)
def random_numbers_stay() -> Iterator[None]:
    with preserved_rng():
        yield


def parts(inputs: Tensor, targets: Tensor) -> dict[str, Any]:
    cut = 3 * len(inputs) // 4
    return {
        "train": TensorDataset(inputs[:cut], targets[:cut]),
        "val": TensorDataset(inputs[cut:], targets[cut:]),
    }


class Tagger(nn.Module):
    """One label a token."""

    def __init__(self) -> None:
        super().__init__()
        self.codes, self.out = nn.Embedding(12, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.out(self.codes(x)).transpose(1, 2)
        return found


def tokens() -> Job:
    """A token's label is its parity; padding is 0 and does not count."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 8, (120, 1), generator=generator)
    codes = torch.randint(1, 12, (120, 8), generator=generator)
    padding = torch.arange(8)[None] >= lengths
    inputs, targets = codes.masked_fill(padding, 0), (codes % 2).masked_fill(padding, IGNORED)
    given = {"model": Tagger, "loss": nn.CrossEntropyLoss(), "task": "sequence_labelling"}
    return job_of(numbers(**given, **parts(inputs, targets)))


def pictures() -> Job:
    """Which half of a picture is brighter."""
    x = drawn(160, 2 * 36).reshape(160, 2, 6, 6)
    y = torch.arange(160) % 2
    x[y == 1, :, :3] += 1.5
    model = lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))  # noqa: E731
    return job_of(classes(model=model, **parts(x, y)))


def several() -> Job:
    x = drawn(160, 4)
    y = (x[:, :3] > 0).float()
    return job_of(classes(model=lambda: net(outputs=3), loss=nn.BCEWithLogitsLoss(), **parts(x, y)))


def regression() -> Job:
    return job_of(numbers())


MADE = {"tokens": tokens, "pictures": pictures, "several labels": several, "regression": regression}


@pytest.fixture(params=MADE)
def job(request: pytest.FixtureRequest) -> Job:
    return MADE[request.param]()


# -- each kind of data


def test_every_question_to_the_data_can_be_asked(job: Job) -> None:
    facts, not_run = inspect_data(job, 0)
    assert not_run == {}
    assert facts.duplicates is not None
    assert not facts.duplicates.found
    assert facts.drift is None or not facts.drift.found
    assert facts.collapsed is None or not facts.collapsed.found
    assert facts.misaligned is None
    assert facts.recoded is None
    assert facts.noise is None or not facts.noise.found
    assert not facts.telling


def test_a_simple_model_finds_what_there_is(job: Job) -> None:
    facts, _ = inspect_data(job, 0)
    assert facts.quick is not None
    assert facts.quick.on_train.score.value > facts.quick.on_train.constant.value + 0.2


def test_scales_are_of_numbers_only() -> None:
    assert inspect_data(tokens(), 0)[0].scales is None
    assert inspect_data(pictures(), 0)[0].scales is not None
    assert inspect_data(several(), 0)[0].target_scale is None
    assert inspect_data(regression(), 0)[0].target_scale is not None


def test_padding_is_found_in_tokens_and_nowhere_else() -> None:
    found = inspect_data(tokens(), 0)[0].padding
    assert found is not None
    assert found.value == 0
    assert found.counted_share == 0
    assert inspect_data(regression(), 0)[0].padding is None
    assert inspect_data(pictures(), 0)[0].padding is None


def test_every_question_to_a_fresh_network_can_be_asked(job: Job) -> None:
    facts, not_run = inspect_model(job, 0)
    assert not_run == {}
    assert facts.start.finite
    assert facts.anatomy.layers
    assert facts.optimizer.name == "Adam"
    assert facts.optimizer.rates == (0.02,)
    assert facts.optimizer.missing == ()
    categorical = job.coding in (Coding.CLASSES, Coding.TOKENS)
    assert facts.loss.shift_invariant == categorical
    assert facts.loss.logistic == (job.coding is Coding.MULTI_LABEL)
    assert not facts.loss.broadcast
    assert facts.loss.alignment > 0.8 or job.coding is Coding.REAL


def test_every_question_to_a_trained_network_can_be_asked(job: Job) -> None:
    facts, not_run = inspect_end(job, run_trial(job, 0), 0)
    assert not_run == {}
    assert facts.unmoved == ()
    assert facts.travel > 0
    assert facts.signals is not None
    assert facts.critical is not None
    assert facts.test is None


def test_planted_faults_of_the_data_are_found() -> None:
    x, y = drawn(200, 4), drawn(200, 4)[:, :1] * 2
    copied = TensorDataset(x[:50], y[:50])
    facts, _ = inspect_data(job_of(numbers(train=TensorDataset(x[:150], y[:150]), val=copied)), 0)
    assert facts.duplicates is not None
    assert facts.duplicates.found
    moved = TensorDataset(x[150:] + 3, y[150:])
    facts, _ = inspect_data(job_of(numbers(train=TensorDataset(x[:150], y[:150]), val=moved)), 0)
    assert facts.drift is not None
    assert facts.drift.found
    facts, _ = inspect_data(job_of(numbers(**parts(x * torch.tensor([1e4, 1.0, 1.0, 1e-3]), y))), 0)
    assert facts.scales is not None
    assert facts.scales.largest / facts.scales.smallest > 1e3


# -- a question that fails


def test_a_question_that_fails_is_noted_and_the_others_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("no rows to divide by\nsecond line")

    monkeypatch.setattr(drift, "two_sample", broken)
    facts, not_run = inspect_data(regression(), 0)
    assert not_run == {"drift": "ZeroDivisionError: no rows to divide by"}
    assert facts.drift is None
    assert facts.quick is not None


EVERY = [
    (quick, "quick_fit"),
    (drift, "two_sample"),
    (leaks, "duplicates"),
    (leaks, "telling_columns"),
    (leaks, "sorted_split"),
    (labels, "association"),
    (labels, "misaligned"),
    (labels, "collapsed"),
    (labels, "noise"),
    (scales, "scales"),
    (scales, "order"),
    (inspection, "batch_coupled"),
    (inspection, "critical_point"),
    (inspection, "train_eval_gap"),
    (inspection, "order_blind"),
]


def test_no_failing_question_ends_the_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once, and still a rate that is far too low is found."""

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("not today")

    for module, name in EVERY:
        monkeypatch.setattr(module, name, broken)
    slow = numbers(optimizer=lambda p: torch.optim.Adam(p, lr=1e-5), epochs=12)
    found = diagnose(job_of(slow), trainings=12.0)
    assert found.cause == "learning_rate_too_low"
    noted = [name for name, reason in found.not_asked.items() if reason == "RuntimeError: not today"]
    assert len(noted) >= len(EVERY) - 2  # what follows from a question that failed is not asked
    assert {"quick", "drift", "duplicates", "rows apart", "critical point", "train and eval"} <= set(noted)


def test_an_exception_without_words_is_named() -> None:
    def broken() -> None:
        raise ValueError

    noted: dict[str, str] = {}
    assert ask("it", broken, noted) is None
    assert noted["it"].startswith("ValueError")


def test_asking_leaves_random_numbers_alone() -> None:
    random.seed(3)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()

    def drawing() -> float:
        return random.random() + float(np.random.rand()) + float(torch.rand(1))

    assert ask("it", drawing, {}) is not None
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])


def test_ctrl_c_is_not_a_question_that_fails() -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask("it", stopped, {})


# -- nothing is changed


def test_inspecting_leaves_job_data_and_random_numbers(job: Job) -> None:
    rows = job.task.train
    before = rows.inputs.clone(), rows.targets.clone(), job.sample.clone(), job.recipe  # type: ignore[attr-defined]
    trial = run_trial(job, 0)
    weights = copy.deepcopy(dict(trial.weights))
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    inspect_data(job, 0)
    inspect_model(job, 0)
    inspect_end(job, trial, 0)
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])
    assert torch.equal(rows.inputs, before[0])  # type: ignore[attr-defined]
    assert torch.equal(rows.targets, before[1])  # type: ignore[attr-defined]
    assert torch.equal(job.sample, before[2])
    assert job.recipe is before[3]
    assert all(torch.equal(weights[name], value) for name, value in trial.weights.items())


def test_the_same_seed_gives_the_same_facts() -> None:
    first, again = (inspect_data(regression(), 4)[0] for _ in range(2))
    assert isinstance(first, DataFacts)
    for name in ("drift", "shares", "duplicates", "telling", "association", "scales", "order"):
        assert repr(getattr(first, name)) == repr(getattr(again, name))


# -- what is read


class Lazy(Dataset[tuple[Any, Any]]):
    """Rows made when they are asked for; targets are plain numbers."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        self.asked.append(index)
        return torch.tensor([float(index), 1.0]), index % 3


def lazy(rows: int) -> Job:
    return regression().with_task(train=Lazy(rows))


def test_few_rows_are_read_once_each_in_their_order() -> None:
    rows = Lazy(7)
    inputs, targets = read(rows)
    assert inputs[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert targets.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert rows.asked[1:] == list(range(7))


def test_many_rows_are_drawn_at_random_always_alike_and_in_their_order() -> None:
    inputs, targets = read(Lazy(3 * READ))
    places = inputs[:, 0].long()
    assert len(inputs) == len(targets) == READ == len(places.unique())
    assert bool((places.diff() > 0).all())
    assert targets.tolist() == (places % 3).tolist()
    assert abs(float(places.double().mean()) / (3 * READ) - 0.5) < 0.01
    assert torch.equal(inputs, read(Lazy(3 * READ))[0])


def test_of_large_rows_fewer_are_read() -> None:
    rows = Rows(torch.zeros(1000, 10_000), torch.zeros(1000))
    assert len(read(rows)[0]) == LEAST
    assert len(read(rows, times=2)[0]) == 800


def test_the_rows_watched_are_spread_and_few() -> None:
    job = lazy(10 * WATCHED)
    inputs, targets = watched(job)
    assert len(inputs) == len(targets) == WATCHED
    assert inputs[0, 0] == 0
    assert inputs[-1, 0] == 10 * WATCHED - 1
    assert len(job.task.train.asked) == WATCHED  # type: ignore[attr-defined]


def test_the_rows_watched_of_a_small_set_are_all_of_them() -> None:
    assert watched(lazy(5))[0][:, 0].tolist() == [0, 1, 2, 3, 4]


class Held(Dataset[Any]):
    """Rows that are not in memory, in the forms that a loader takes."""

    def __init__(self, rows: Dataset[Any], form: str = "tensors") -> None:
        self.rows, self.form = rows, form

    def __len__(self) -> int:
        return len(self.rows)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Any:
        x, y = self.rows[index]
        if self.form == "arrays":
            return x.numpy(), y.numpy()
        return (x, y.item()) if self.form == "tensor and number" else (x, y)


def test_rows_in_memory_are_read_as_lazy_ones() -> None:
    given = numbers()
    in_memory = job_of(given)
    one_by_one = in_memory.with_task(train=Held(given["train"]))
    for function in (watched, lambda job: read(job.task.train)):
        for mine, theirs in zip(function(in_memory), function(one_by_one), strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.parametrize("form", ["tensors", "arrays", "tensor and number"])
def test_all_questions_can_be_asked_of_rows_that_are_not_in_memory(form: str) -> None:
    given = classes(epochs=2)
    job = job_of(given).with_task(train=Held(given["train"], form), validation=Held(given["val"], form))
    trial = run_trial(job, 0)
    assert [inspect_data(job, 0)[1], inspect_model(job, 0)[1], inspect_end(job, trial, 0)[1]] == [{}, {}, {}]


def test_rows_of_more_than_single_precision_can_count_are_not_overrun() -> None:
    job = lazy(2**25 + 4)
    watched(job)
    assert job.task.train.asked[-1] == 2**25 + 3  # type: ignore[attr-defined]


def test_sorted_rows_are_all_represented_in_what_is_watched() -> None:
    x = drawn(900, 4)
    job = job_of(classes(**{**parts(x, x[:, 0].argsort() % 3), "train": TensorDataset(x, torch.arange(900) // 300)}))
    _, targets = watched(job)
    assert functional.one_hot(targets).sum(0).min() > WATCHED // 4

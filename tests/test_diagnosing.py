"""`goodfit.diagnose`: what it takes, what it says to bad input, and that nothing of the caller's is changed."""

from __future__ import annotations

import copy
import random
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import goodfit
from goodfit import asking, diagnosing
from goodfit.asking import TRAININGS, Budget, budget_of, seeds_of, threads_for
from goodfit.core.card import is_problem
from goodfit.core.errors import DataError, GoodfitError, SettingsError, TrainingError
from goodfit.diagnosing import diagnose

FOUR = torch.Generator().manual_seed(0)
X = torch.randn(200, 4, generator=FOUR)
Y = X[:, :1] * 2 - X[:, 1:2] + 0.1 * torch.randn(200, 1, generator=FOUR)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))


def job(**changes: Any) -> dict[str, Any]:
    given = {
        "model": net,
        "loss": nn.MSELoss(),
        "optimizer": lambda p: torch.optim.Adam(p, lr=0.02),
        "train": TensorDataset(X[:150], Y[:150]),
        "val": TensorDataset(X[150:], Y[150:]),
        "batch_size": 16,
        "epochs": 12,
        "shuffle": True,
        "task": "regression",
    }
    return {**given, **changes}


def rated(rate: float) -> Any:
    return lambda p: torch.optim.SGD(p, lr=rate)


class Stateful(nn.Module):
    """A loss with a parameter of its own and a count of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return (self.scale * (outputs - targets) ** 2).mean()


class Heard:
    def __init__(self) -> None:
        self.questions: list[str] = []
        self.answers: list[str] = []

    def asking(self, question: str) -> None:
        self.questions.append(question)

    def found(self, answer: str) -> None:
        self.answers.append(answer)


def test_a_job_that_fits_is_healthy_and_the_inquiry_hears_of_it() -> None:
    heard = Heard()
    found = goodfit.diagnose(**job(), progress=heard)
    assert found.cause == "healthy"
    assert [each.answer for each in found.path] == ["yes", "small", "small"]
    assert any("how does the job train" in each for each in heard.questions)
    assert heard.answers


def test_a_rate_that_is_far_too_high_is_named_with_its_change() -> None:
    found = diagnose(**job(optimizer=rated(3.0)))
    assert found.cause == "learning_rate_too_high"
    assert found.treated is not None
    assert found.treated.after[1] < found.treated.before[1]
    assert "Divide the learning rate" in repr(found)
    assert found.cost is not None
    assert found.cost.trainings <= TRAININGS


def test_the_same_seeds_give_the_same_verdict() -> None:
    first, second = (diagnose(**job(optimizer=rated(3.0)), budget="6x").to_json() for _ in range(2))
    for each in (first, second):
        del each["cost"]["seconds"]
    assert first == second


# -- nothing of the caller's is changed


def test_weights_random_numbers_threads_and_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 1)).eval()
    before = copy.deepcopy(mine.state_dict())
    loss = Stateful()
    rows = TensorDataset(X[:150].clone(), Y[:150])
    seen = rows.tensors[0].clone()
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    diagnose(
        **job(
            model=lambda: copy.deepcopy(mine).train(),
            loss=loss,
            train=rows,
            epochs=3,
        ),
        budget="3x",
    )
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])
    assert torch.get_num_threads() == 1
    assert all(torch.equal(before[name], value) for name, value in mine.state_dict().items())
    assert not any(module.training for module in mine.modules())
    assert all(each.grad is None for each in mine.parameters())
    assert torch.equal(rows.tensors[0], seen)
    assert loss.training
    assert loss.scale.grad is None
    assert loss.calls == 0
    assert list(tmp_path.iterdir()) == []
    assert not torch.are_deterministic_algorithms_enabled()


def test_warnings_of_the_loss_stay_silent_and_filters_come_back() -> None:
    before = list(warnings.filters)
    flat = TensorDataset(X[:150], Y[:150, 0])
    found = diagnose(**job(train=flat, val=TensorDataset(X[150:], Y[150:, 0]), epochs=3), budget="3x")
    assert found.cause is not None
    assert list(warnings.filters) == before


def test_ctrl_c_goes_through_and_the_caller_keeps_its_state() -> None:
    def stopped(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    torch.manual_seed(3)
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        diagnose(**job(loss=stopped))
    assert torch.equal(torch.get_rng_state(), state)


# -- bad input


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield X[0], Y[0]


class Broken(Dataset[Any]):
    """Fails on one row."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> Any:
        if index == 57:
            raise KeyError("no file for row 57")
        return X[index], Y[index]


class OneSize(nn.Module):
    """Works on batches of sixteen rows only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.reshape(16, 4))


SHARED = net()
BAD_INPUTS = TensorDataset(torch.where(torch.arange(150)[:, None] == 9, torch.nan, X[:150]), Y[:150])
BAD: list[tuple[dict[str, Any], type[GoodfitError], str]] = [
    ({"model": lambda: SHARED}, SettingsError, "returns the same module twice"),
    ({"model": lambda: nn.Sequential(SHARED)}, SettingsError, "share parameters"),
    ({"model": SHARED}, SettingsError, "Got a module instead"),
    ({"model": lambda: 3}, SettingsError, "must return an nn.Module. Got int instead"),
    ({"train": TensorDataset(X[:150], Y[:150].long()), "loss": nn.CrossEntropyLoss()}, SettingsError, "does not fit"),
    ({"loss": nn.MSELoss(reduction="none")}, SettingsError, "The loss must be one number"),
    ({"train": Endless()}, DataError, "the job's 'train': It has no length"),
    ({"val": TensorDataset(X[:0], Y[:0])}, DataError, "the job's 'val': It has no rows"),
    ({"train": [X[0]] * 4}, DataError, "not (input, target) pairs"),
    ({"train": BAD_INPUTS}, DataError, "1 of 150 rows have inputs that are not finite, the first is row 9"),
    ({"train": Broken()}, DataError, "The job cannot be read: KeyError: 'no file for row 57'"),
    ({"optimizer": lambda p: torch.optim.Adam(SHARED.parameters())}, SettingsError, "other parameters"),
    ({"optimizer": lambda p: None}, SettingsError, "must return a torch optimiser"),
    ({"model": OneSize}, SettingsError, "The model fails on a batch of 6 rows"),
    ({"batch_size": 0}, SettingsError, "The 'batch_size' of a job must be a whole number from 1"),
    ({"task": "clasification"}, SettingsError, "Did you mean 'classification'?"),
    ({"budget": "soon"}, SettingsError, "The 'budget' must be"),
    ({"seeds": 0}, SettingsError, "The 'seeds' must be"),
    ({"engine": "dask"}, SettingsError, "Got 'dask' instead"),
]


@pytest.mark.parametrize(("changes", "kind", "sentence"), BAD, ids=[each[2][:30] for each in BAD])
def test_bad_input_is_one_sentence(changes: dict[str, Any], kind: type[GoodfitError], sentence: str) -> None:
    with pytest.raises(kind) as error:
        diagnose(**job(**changes))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_an_engine_is_refused_for_now() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(SettingsError, match="ThreadPoolExecutor"):
        diagnose(**job(), engine=pool)


def test_an_unknown_part_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"no part 'optimiser'\. Did you mean 'optimizer'\?"):
        diagnosing.diagnose_mapping({**job(), "optimiser": 1})


def test_code_of_the_person_that_fails_in_training_is_named_with_its_line() -> None:
    calls: list[int] = []

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        if len(calls) > 30:
            raise KeyError("oh")
        return ((outputs - targets) ** 2).mean()

    with pytest.raises(TrainingError, match=r"test_diagnosing.py, line \d+: The training failed: KeyError: 'oh'"):
        diagnose(**job(loss=loss))


def test_a_bug_of_ours_is_not_blamed_on_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: Any, **__: Any) -> Any:
        return budget_of(None).nothing  # type: ignore[attr-defined]

    monkeypatch.setattr(diagnosing.guide, "examine", bug)
    monkeypatch.setattr(asking, "OURS", Path(__file__).parent)
    with pytest.raises(AttributeError):
        diagnose(**job())


def test_a_training_far_longer_than_the_budget_is_undetermined_in_time() -> None:
    found = diagnose(**job(epochs=1_000_000), budget="2s")
    assert found.cause == "undetermined"
    assert "budget" in found.sentence
    assert found.cost is not None
    assert found.cost.seconds < 30
    assert not is_problem(found)


# -- budget and seeds


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, Budget(16.0, None)),
        ("10x", Budget(10.0, None)),
        ("2.5X", Budget(2.5, None)),
        ("5m", Budget(float("inf"), 300.0)),
        ("10x,5m", Budget(10.0, 300.0)),
        ("90s, 4x", Budget(4.0, 90.0)),
        (7, Budget(7.0, None)),
    ],
)
def test_a_budget_is_read(given: Any, expected: Budget) -> None:
    assert budget_of(given) == expected


@pytest.mark.parametrize("given", ["", "x", "0x", "10x,4x", "5m,3m", "-1s", float("nan"), True, ["10x"], "0.5x"])
def test_a_budget_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(SettingsError, match="'10x'"):
        budget_of(given)


def test_seeds_are_read() -> None:
    assert seeds_of(None) == (0, 1, 2)
    assert seeds_of(2) == (0, 1)
    assert seeds_of([4, 9]) == (4, 9)
    for wrong in (0, True, "01", [], [1, 1], [-1], 1.5):
        with pytest.raises(SettingsError):
            seeds_of(wrong)  # type: ignore[arg-type]


def test_small_batches_run_on_one_thread() -> None:
    from goodfit.intake import read_job

    small = read_job(job())
    assert threads_for(small) == 1
    wide = TensorDataset(torch.zeros(64, 3, 40, 40), torch.zeros(64, 1))
    large = read_job(
        job(model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(4800, 1)), train=wide, val=wide, batch_size=64)
    )
    assert threads_for(large) == asking.cores()

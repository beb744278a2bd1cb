"""Odd but legal jobs are diagnosed like others, and what cannot be asked is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import goodfit
from goodfit.core.errors import GoodfitError

CROSS = nn.CrossEntropyLoss()


def made(rows: int = 240, columns: int = 3) -> tuple[Tensor, Tensor]:
    x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] - x[:, -1] > 0 if columns > 1 else x[:, 0] > 0.2).long()


def net(inputs: int = 3, outputs: int = 2, cast: bool = False) -> Callable[[], nn.Module]:
    layers = lambda: (nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))  # noqa: E731
    return lambda: nn.Sequential(*([Cast()] if cast else []), *layers())


class Cast(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float().flatten(1)


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(zip(*made(), strict=True))


def asked(x: Tensor, y: Tensor, train: int = 160, **given: Any) -> dict[str, Any]:
    settings = {
        "model": net(), "loss": CROSS, "optimizer": lambda p: torch.optim.Adam(p, lr=0.02),
        "train": TensorDataset(x[:train], y[:train]), "val": TensorDataset(x[train:], y[train:]),
        "batch_size": 16, "epochs": 12, "shuffle": True, "task": "classification",
    }  # fmt: skip
    return {**settings, **given}


def binary(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(outputs.reshape(targets.shape), targets.float())


def classes(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets.long())


X, Y = made()
HEALTHY = {
    "bool targets": lambda: asked(X, Y.bool(), model=net(3, 1), loss=binary),
    "bool targets in a column": lambda: asked(X, Y[:, None].bool(), model=net(3, 1), loss=binary),
    "int32 targets": lambda: asked(X, Y.int(), loss=classes),
    "byte targets": lambda: asked(X, Y.to(torch.uint8), loss=classes),
    "float64": lambda: asked(X.double(), Y, model=lambda: net()().double()),
    "float16 inputs": lambda: asked(X.half(), Y, model=net(cast=True)),
    "bfloat16 inputs": lambda: asked(X.bfloat16(), Y, model=net(cast=True)),
    "one feature": lambda: asked(*made(columns=1), model=net(1)),
    "twenty rows": lambda: asked(X[:36], Y[:36], train=20, batch_size=4, epochs=25),
    "a batch larger than the data": lambda: asked(X, Y, batch_size=1000, epochs=80),
    "inputs that want gradients": lambda: asked(X.clone().requires_grad_(), Y),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_odd_but_healthy(name: str) -> None:
    found = goodfit.diagnose(**HEALTHY[name]())
    assert found.cause == "healthy", found.sentence
    broken = [reason for reason in found.not_asked.values() if "NotImplemented" in reason or "dtype" in reason]
    assert not broken


def test_validation_rows_that_are_the_training_rows() -> None:
    rows = TensorDataset(X, Y)
    assert goodfit.diagnose(**{**asked(X, Y), "train": rows, "val": rows}).cause == "data_leak"


def test_one_class_alone() -> None:
    assert goodfit.diagnose(**asked(X, torch.zeros_like(Y))).cause == "bad_labels"
    part = Y[160:] == 1  # the constant is never wrong there, so that nothing can be said
    only = goodfit.diagnose(**asked(X, Y, val=TensorDataset(X[160:][part], Y[160:][part])))
    assert only.cause in ("undetermined", "healthy")


def test_columns_against_rows_of_targets() -> None:
    y = X[:, :1] + X[:, 1:2]
    job = asked(X, y, model=lambda: nn.Sequential(net(3, 1)(), nn.Flatten(0)), loss=nn.MSELoss(), task="regression")
    assert goodfit.diagnose(**job).cause == "wrong_loss"


def test_one_epoch() -> None:
    assert goodfit.diagnose(**asked(X, Y, epochs=1)).cause == "too_few_epochs"


def test_a_run_that_breaks_off_in_half_precision_is_not_called_too_small() -> None:
    found = goodfit.diagnose(**asked(X.half(), Y, model=lambda: net()().half()))
    assert found.cause != "model_bias"


def test_bytes_of_pictures_are_amounts() -> None:
    pixels, digits = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels * 15.9).to(torch.uint8).reshape(-1, 1, 8, 8)[:700], torch.tensor(digits)[:700]
    slow = lambda p: torch.optim.SGD(p, lr=0.05)  # noqa: E731
    model = lambda: nn.Sequential(Cast(), nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 10))  # noqa: E731
    found = goodfit.diagnose(**asked(x, y, train=500, model=model, optimizer=slow))
    assert found.cause == "unnormalised_input", found.sentence
    assert found.ranked[0].fields == ("model.standardise",)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (DataLoader(TensorDataset(X, Y)), r"It is a DataLoader.*loader\.dataset"),
        (Stream(), "It has no length"),
        (TensorDataset(X[:0], Y[:0]), "It has no rows"),
    ],
)
def test_what_is_no_data_set_is_refused_in_a_sentence(train: Any, said: str) -> None:
    with pytest.raises(GoodfitError, match=said):
        goodfit.diagnose(**{**asked(X, Y), "train": train})

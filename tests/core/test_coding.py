"""How targets are read, and errors worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.coding import (
    class_numbers,
    coding_of,
    constant_error,
    errors,
    metric_of,
    outputs_of,
    threshold_of,
)
from goodfit.core.errors import GoodfitError
from goodfit.core.job import Coding
from goodfit.core.task import ACCURACY, IGNORED, Objective, Rows

NAN = math.nan
HOT = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
LABELS: Objective = "classification"
KNOWN: list[tuple[Objective, Tensor, tuple[int, ...], Coding]] = [
    (LABELS, torch.tensor([0, 2, 1]), (3, 3), Coding.CLASSES),
    (LABELS, torch.tensor([0, 1, 1]), (3, 2), Coding.CLASSES),
    (LABELS, torch.tensor([0, 1, 1]), (3, 1), Coding.BINARY),
    (LABELS, torch.tensor([0, 1, 1]), (3,), Coding.BINARY),
    (LABELS, torch.tensor([0, 2, 1]), (3, 1), Coding.NUMBERED),
    (LABELS, torch.tensor([True, False]), (2, 1), Coding.BINARY),
    (LABELS, torch.tensor([0.0, 1.0]), (2,), Coding.BINARY),
    (LABELS, torch.tensor([[0.0], [1.0]]), (2, 1), Coding.BINARY),
    (LABELS, torch.tensor([[-1.0], [1.0]]), (2, 1), Coding.BINARY),
    (LABELS, torch.tensor([[0.0], [2.0]]), (2, 1), Coding.NUMBERED),
    (LABELS, torch.tensor(HOT), (2, 3), Coding.ONE_HOT),
    (LABELS, torch.tensor([[0.9, 0.05, 0.05], [0.1, 0.1, 0.8]]), (2, 3), Coding.ONE_HOT),
    (LABELS, torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), (2, 3), Coding.MULTI_LABEL),
    ("regression", torch.tensor([[0.0], [1.0]]), (2, 1), Coding.REAL),
    ("sequence_labelling", torch.tensor([[0, 1, IGNORED]]), (1, 2, 3), Coding.TOKENS),
]


@pytest.mark.parametrize(("objective", "targets", "shape", "expected"), KNOWN)
def test_the_coding_of_targets(objective: Objective, targets: Tensor, shape: tuple[int, ...], expected: Coding) -> None:
    rows = Rows(torch.zeros(len(targets), 1), targets)
    assert coding_of(objective, rows, torch.zeros(shape)) is expected


def test_every_coding_is_known_to_the_test_above() -> None:
    assert {each[3] for each in KNOWN} == set(Coding)


@pytest.mark.parametrize("coding", Coding)
def test_numbers_are_judged_by_variance_and_labels_by_accuracy(coding: Coding) -> None:
    assert (metric_of(coding) is ACCURACY) == (coding is not Coding.REAL)


def test_outputs_a_row() -> None:
    assert [outputs_of(torch.zeros(shape)) for shape in ((5,), (5, 1), (5, 3), (5, 3, 7))] == [1, 1, 3, 3]


# -- errors by hand


def test_classes_are_read_by_the_largest_output() -> None:
    found = errors(torch.tensor([[0.1, 0.9], [3.0, 2.0], [-1.0, -2.0]]), torch.tensor([1, 1, 0]), Coding.CLASSES, 0.0)
    assert found.sums.tolist() == [0, 1, 0]
    assert found.weights.tolist() == [1, 1, 1]
    assert found.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_class_numbers_may_stand_in_a_column(shape: tuple[int, ...]) -> None:
    found = errors(torch.eye(3), torch.tensor([0, 1, 0]).reshape(shape), Coding.CLASSES, 0.0)
    assert found.sums.tolist() == [0, 0, 1]


def test_one_hot_rows_are_classes() -> None:
    found = errors(torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]), torch.tensor(HOT), Coding.ONE_HOT, 0.0)
    assert found.sums.tolist() == [0, 1]


def test_several_labels_count_one_by_one() -> None:
    outputs = torch.tensor([[2.0, -1.0, 3.0], [-2.0, -2.0, 1.0]])
    targets = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = errors(outputs, targets, Coding.MULTI_LABEL, 0.0)
    assert found.sums.tolist() == [2, 0]
    assert found.weights.tolist() == [3, 3]
    assert found.value == pytest.approx(2 / 6)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("other", [(4,), (4, 1)])
def test_zero_or_one_in_any_shape(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    outputs, targets = torch.tensor([-0.2, 0.2, 0.7, 0.4]), torch.tensor([0.0, 0.0, 1.0, 1.0])
    found = errors(outputs.reshape(shape), targets.reshape(other), Coding.BINARY, 0.5)
    assert found.sums.tolist() == [0, 0, 0, 1]


def test_two_outputs_for_a_zero_or_one_are_classes() -> None:
    found = errors(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([[0.0], [1.0]]), Coding.BINARY, 0.5)
    assert found.sums.tolist() == [0, 1]


def test_plus_and_minus_one_are_divided_at_zero() -> None:
    outputs, targets = torch.tensor([[0.2], [-0.2], [0.4]]), torch.tensor([[1.0], [-1.0], [-1.0]])
    threshold = threshold_of(outputs, targets, nn.MSELoss())
    assert errors(outputs, targets, Coding.BINARY, threshold).sums.tolist() == [0, 0, 1]


def test_class_numbers_as_amounts_are_rounded() -> None:
    found = errors(torch.tensor([[0.4], [1.6], [1.4]]), torch.tensor([0.0, 2.0, 2.0]), Coding.NUMBERED, 0.0)
    assert found.sums.tolist() == [0, 0, 1]


def test_tokens_that_do_not_count_weigh_nothing() -> None:
    outputs = torch.tensor([[[5.0, 0.0, 5.0], [0.0, 5.0, 0.0]], [[5.0, 5.0, 5.0], [0.0, 0.0, 0.0]]])
    targets = torch.tensor([[0, 0, IGNORED], [IGNORED, 1, 0]])
    found = errors(outputs, targets, Coding.TOKENS, 0.0)
    assert found.sums.tolist() == [1, 1]
    assert found.weights.tolist() == [2, 2]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("other", [(3,), (3, 1)])
def test_squares_are_of_each_row_with_its_own_target(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    outputs, targets = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 4.0, 0.0])
    found = errors(outputs.reshape(shape), targets.reshape(other), Coding.REAL, 0.0)
    assert found.sums.tolist() == [0, 4, 9]


def test_squares_of_several_numbers_are_averaged_over_the_row() -> None:
    found = errors(torch.zeros(2, 2), torch.tensor([[1.0, 3.0], [0.0, 0.0]]), Coding.REAL, 0.0)
    assert found.sums.tolist() == [5, 0]


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
@pytest.mark.parametrize("coding", Coding)
def test_an_output_that_is_no_number_is_wrong(coding: Coding, bad: float) -> None:
    """The second row would be right but for it; the first stays right."""
    targets = {
        Coding.CLASSES: torch.tensor([0, 0]),
        Coding.TOKENS: torch.zeros(2, 1, dtype=torch.long),
        Coding.ONE_HOT: torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        Coding.MULTI_LABEL: torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        Coding.REAL: torch.tensor([[2.0, -2.0], [2.0, -2.0]]),
    }.get(coding, torch.tensor([[2.0], [2.0]]) if coding is Coding.NUMBERED else torch.ones(2, 1))
    wide = coding not in (Coding.BINARY, Coding.NUMBERED)
    outputs = torch.tensor([[2.0, -2.0], [2.0, -2.0]]) if wide else torch.tensor([[2.0], [2.0]])
    outputs[1, 0] = bad
    if coding is Coding.TOKENS:
        outputs = outputs.unsqueeze(-1)
    found = errors(outputs, targets, coding, 0.0)
    assert found.sums[0] == 0
    assert found.sums[1] > 0
    if coding is not Coding.REAL:
        assert found.sums[1] == found.weights[1]


# -- where 0 turns into 1


@pytest.mark.parametrize(
    ("loss", "outputs", "expected"),
    [
        (nn.BCEWithLogitsLoss(), [0.1, 0.9], 0.0),
        (functional.binary_cross_entropy_with_logits, [0.1, 0.9], 0.0),
        (nn.BCELoss(), [0.1, 0.9], 0.5),
        (nn.MSELoss(), [-0.3, 1.2], 0.5),
        (nn.HuberLoss(), [-0.3, 1.2], 0.5),
        (lambda o, t: functional.binary_cross_entropy_with_logits(o, t), [-4.0, 3.0], 0.0),
        (lambda o, t: functional.binary_cross_entropy(o, t), [0.1, 0.9], 0.5),
    ],
)
def test_logits_turn_at_zero_and_probabilities_at_a_half(loss: object, outputs: list[float], expected: float) -> None:
    assert threshold_of(torch.tensor(outputs), torch.tensor([0.0, 1.0]), loss) == expected  # type: ignore[arg-type]


def test_logits_and_their_probabilities_have_the_same_errors() -> None:
    random = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(50, 1, generator=random), (torch.rand(50, 1, generator=random) > 0.5).float()
    found = [
        errors(each, targets, Coding.BINARY, threshold_of(each, targets, loss))
        for each, loss in ((logits, nn.BCEWithLogitsLoss()), (logits.sigmoid(), nn.BCELoss()))
    ]
    assert np.array_equal(found[0].sums, found[1].sums)


def test_a_square_turns_at_a_half_however_it_is_written() -> None:
    written = (nn.MSELoss(), functional.mse_loss, lambda o, t: ((o - t) ** 2).mean())
    outputs, targets = torch.tensor([-0.3, 1.2]), torch.tensor([0.0, 1.0])
    assert [threshold_of(outputs, targets, loss) for loss in written] == [0.5] * 3


def whole_one_hot() -> tuple[Objective, Tensor, Tensor]:
    return "classification", torch.tensor(HOT).long(), torch.eye(3)[:2]


def mean_and_variance() -> tuple[Objective, Tensor, Tensor]:
    return "regression", torch.tensor([1.0, 2.0, 3.0]), torch.zeros(3, 2)


@pytest.mark.parametrize("make", [whole_one_hot, mean_and_variance])
def test_targets_that_a_persons_own_loss_takes_are_judged_or_refused_in_words(make: Callable[[], Any]) -> None:
    """One-hot rows of whole numbers; and a mean and a variance for one number a row."""
    objective, targets, outputs = make()
    coding = coding_of(objective, Rows(torch.zeros(len(targets), 1), targets), outputs)
    with suppress(GoodfitError):
        assert len(errors(outputs, targets, coding, 0.0).sums) == len(targets)


# -- the best constant


def brute(targets: Tensor, coding: Coding) -> float:
    """The least error of any constant answer, all of them tried."""
    if coding is Coding.REAL:
        flat = targets.double().flatten()
        grid = torch.linspace(float(flat.min()), float(flat.max()), 2001).double()
        return float(((flat[None] - grid[:, None]) ** 2).mean(dim=1).min())
    truth = class_numbers(targets, coding)
    columns = truth.reshape(len(truth), -1) if coding is Coding.MULTI_LABEL else truth.reshape(-1, 1)
    shares = []
    for column in columns.T:
        counted = column[column != IGNORED]
        shares.append(min(float((counted != c).double().mean()) for c in counted.unique().tolist()))
    return float(np.mean(shares))


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20))
def test_the_best_constant_for_numbers_is_their_mean(values: list[float]) -> None:
    targets = torch.tensor(values)
    spread = float(targets.max() - targets.min())
    near = pytest.approx(brute(targets, Coding.REAL), abs=1e-6 * spread**2 + 1e-60)  # subnormal means have few digits
    assert constant_error(targets, Coding.REAL) == near


@given(
    st.sampled_from([Coding.CLASSES, Coding.BINARY, Coding.NUMBERED, Coding.TOKENS]),
    st.lists(st.integers(0, 1), min_size=1, max_size=30),
    st.integers(0, 5),
)
def test_the_best_constant_for_labels_is_the_commonest(coding: Coding, labels: list[int], ignored: int) -> None:
    targets = torch.tensor(labels)
    if coding is Coding.TOKENS:
        targets = torch.cat([targets, torch.full((ignored,), IGNORED)]).reshape(1, -1)
    elif coding is Coding.NUMBERED:
        targets = targets.float() * 3
    assert constant_error(targets, coding) == pytest.approx(brute(targets, coding))


@given(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=20))
def test_the_best_constant_for_several_labels_is_one_a_column(rows: list[list[int]]) -> None:
    targets = torch.tensor(rows).float()
    assert constant_error(targets, Coding.MULTI_LABEL) == pytest.approx(brute(targets, Coding.MULTI_LABEL))


def test_the_best_constant_for_one_hot_rows() -> None:
    assert constant_error(torch.eye(4)[[0, 0, 0, 3, 1]], Coding.ONE_HOT) == pytest.approx(0.4)


def test_nothing_that_counts_has_no_best_constant() -> None:
    assert math.isnan(constant_error(torch.full((2, 3), IGNORED), Coding.TOKENS))


@given(st.lists(st.integers(0, 2), min_size=2, max_size=20))
def test_no_error_of_a_constant_output_is_below_the_best_constants(labels: list[int]) -> None:
    targets = torch.tensor(labels)
    best = constant_error(targets, Coding.CLASSES)
    found = [errors(torch.eye(3)[k].expand(len(labels), 3), targets, Coding.CLASSES, 0.0).value for k in range(3)]
    assert min(found) == pytest.approx(best)

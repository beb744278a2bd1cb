"""What is read off a loss by trying it out, on losses whose nature is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.task import IGNORED, Loss
from goodfit.probes.losses import LossShape, loss_shape, rightwards

FIXED = torch.Generator().manual_seed(1)
ROWS = 120
ONE, FOUR, MANY = (torch.randn(ROWS, columns, generator=FIXED) for columns in (1, 4, 300))
CLASSES, OF_MANY = torch.randint(0, 4, (ROWS,), generator=FIXED), torch.randint(0, 300, (ROWS,), generator=FIXED)
HOT = functional.one_hot(CLASSES, 4).float()
RARE = (torch.rand(ROWS, 1, generator=FIXED) > 0.9).float()
BITS = (torch.rand(ROWS, 1, generator=FIXED) > 0.5).float()
SEVERAL = (torch.rand(ROWS, 4, generator=FIXED) > 0.6).float()
SIGNS = 2 * BITS - 1
NUMBERS = torch.randn(ROWS, 1, generator=FIXED)
SEQUENCES = torch.randn(30, 4, 6, generator=FIXED)
TOKENS = torch.randint(0, 4, (30, 6), generator=FIXED)
TOKENS[:, 4:] = IGNORED


def focal(outputs: Tensor, targets: Tensor) -> Tensor:
    """Lin et al. 2017, over classes."""
    each = functional.cross_entropy(outputs, targets, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).mean()


def focal_of_bits(outputs: Tensor, targets: Tensor) -> Tensor:
    each = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).mean()


def by_hand(outputs: Tensor, targets: Tensor) -> Tensor:
    return -(targets * torch.log(outputs) + (1 - targets) * torch.log(1 - outputs)).mean()


def hot_square(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs, functional.one_hot(targets, outputs.shape[1]).float())


@dataclass(frozen=True)
class Known:
    """A loss with outputs, targets and all that holds of it, by the first letters of what is true."""

    loss: Loss
    outputs: Tensor
    targets: Tensor
    holds: str = ""

    def read(self) -> LossShape:
        labels = CLASSES if self.targets is HOT else self.targets
        numbers = self.targets is NUMBERS or self.targets.numel() > self.outputs.numel()
        return loss_shape(self.loss, self.outputs, self.targets, None if numbers else rightwards(self.outputs, labels))


WITH_LOGITS = functional.binary_cross_entropy_with_logits
WEIGHTS = torch.tensor([1.0, 1.0, 1.0, 200.0])
ZOO = {
    "cross-entropy": Known(nn.CrossEntropyLoss(), FOUR, CLASSES, "shift"),
    "cross-entropy, smoothed": Known(nn.CrossEntropyLoss(label_smoothing=0.1), FOUR, CLASSES, "shift"),
    "cross-entropy, one rare class weighted": Known(nn.CrossEntropyLoss(WEIGHTS), FOUR, CLASSES, "shift"),
    "cross-entropy of one-hot rows": Known(nn.CrossEntropyLoss(), FOUR, HOT, "shift"),
    "cross-entropy of 300 classes": Known(nn.CrossEntropyLoss(), MANY, OF_MANY, "shift"),
    "cross-entropy of tokens": Known(nn.CrossEntropyLoss(), SEQUENCES, TOKENS, "shift"),
    "focal": Known(focal, FOUR, CLASSES, "shift"),
    "square of a softmax": Known(lambda o, t: hot_square(o.softmax(1), t), FOUR, CLASSES, "shift"),
    "multi-class hinge": Known(nn.MultiMarginLoss(), FOUR, CLASSES, "shift"),
    "likelihood": Known(nn.NLLLoss(), FOUR, CLASSES, "unbounded"),
    "divergence": Known(nn.KLDivLoss(reduction="batchmean"), FOUR, HOT, "unbounded"),
    "perceptron": Known(lambda o, t: -(o * t).mean(), ONE, SIGNS, "unbounded"),
    "binary cross-entropy": Known(nn.BCELoss(), ONE, BITS, "refuses"),
    "binary cross-entropy by hand": Known(by_hand, ONE, BITS, "refuses"),
    "logits": Known(nn.BCEWithLogitsLoss(), ONE, BITS, "logistic"),
    "logits, added up": Known(nn.BCEWithLogitsLoss(reduction="sum"), ONE, BITS, "logistic"),
    "logits, ones weighted": Known(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([50.0])), ONE, RARE, "logistic"),
    "logits of several labels": Known(nn.BCEWithLogitsLoss(), FOUR, SEVERAL, "logistic"),
    "logits, squeezed": Known(lambda o, t: WITH_LOGITS(o.squeeze(1), t), ONE, BITS[:, 0], "logistic"),
    "logits of whole numbers": Known(
        lambda o, t: WITH_LOGITS(o.squeeze(1), t.float()), ONE, BITS[:, 0].long(), "logistic"
    ),
    "focal of 0 and 1": Known(focal_of_bits, ONE, BITS, "logistic"),
    "soft margin": Known(nn.SoftMarginLoss(), ONE, SIGNS, "logistic"),
    "square of a sigmoid": Known(lambda o, t: functional.mse_loss(o.sigmoid(), t), ONE, BITS, "logistic"),
    "hinge": Known(lambda o, t: (1 - t * o).clamp_min(0).mean(), ONE, SIGNS),
    "square": Known(nn.MSELoss(), ONE, NUMBERS),
    "square of 0 and 1": Known(nn.MSELoss(), ONE, BITS),
    "square of rare ones": Known(nn.MSELoss(), ONE, RARE),
    "square of one-hot rows": Known(hot_square, FOUR, CLASSES),
    "absolute": Known(nn.L1Loss(), ONE, NUMBERS),
    "Huber": Known(nn.HuberLoss(), ONE, NUMBERS),
    "Poisson": Known(nn.PoissonNLLLoss(), ONE, BITS),
    "square, squeezed": Known(lambda o, t: functional.mse_loss(o.squeeze(1), t), ONE, BITS[:, 0]),
    "square, flattened": Known(lambda o, t: functional.mse_loss(o.flatten(), t.flatten()), ONE[:, 0], BITS),
    "value and weight": Known(
        lambda o, t: (t[:, 1].exp() * (o[:, 0] - t[:, 0]) ** 2).mean(), ONE, torch.cat([NUMBERS, ONE], 1)
    ),
    "square, stretched": Known(nn.MSELoss(), ONE, BITS[:, 0], "broadcast"),
    "square, stretched the other way": Known(nn.MSELoss(), ONE[:, 0], BITS, "broadcast"),
    "absolute, stretched": Known(lambda o, t: (o - t).abs().mean(), ONE, BITS[:, 0], "broadcast"),
    "square, whole numbers stretched": Known(lambda o, t: ((o - t) ** 2).mean(), ONE, BITS[:, 0].long(), "broadcast"),
    "one output for three columns": Known(nn.MSELoss(), ONE, torch.randn(ROWS, 3, generator=FIXED), "broadcast"),
    "targets unused": Known(lambda o, t: o.square().mean(), ONE, BITS[:, 0]),
    "cross-entropy, sign flipped": Known(
        lambda o, t: -functional.cross_entropy(o, t), FOUR, CLASSES, "shift unbounded"
    ),
    "logits, sign flipped": Known(lambda o, t: -WITH_LOGITS(o, t), ONE, BITS, "unbounded"),
}
READINGS = {
    "shift": lambda shape: shape.shift_invariant,
    "logistic": lambda shape: shape.logistic,
    "refuses": lambda shape: shape.refuses,
    "unbounded": lambda shape: shape.unbounded,
    "broadcast": lambda shape: shape.broadcast,
}


@pytest.mark.parametrize("name", ZOO)
def test_the_readings_of_a_loss(name: str) -> None:
    shape = ZOO[name].read()
    assert {key for key, read in READINGS.items() if read(shape)} == set(ZOO[name].holds.split())


UNRELATED = {"Poisson", "targets unused", "value and weight", "one output for three columns"}


@pytest.mark.parametrize("name", sorted(ZOO.keys() - UNRELATED))
def test_a_slope_leads_to_right_answers_unless_flipped_or_stretched(name: str) -> None:
    case = ZOO[name]
    found = case.read().alignment
    if case.targets is NUMBERS or "by hand" in name:
        assert math.isnan(found) or found > 0.8
    elif "flipped" in name:
        assert found < -0.8
    elif "broadcast" in case.holds:
        assert abs(found) < 0.3
    else:
        assert found > 0.8


def test_an_absolute_error_of_many_one_hot_columns_hardly_leads_anywhere() -> None:
    hot = functional.one_hot(OF_MANY, 300).float()
    absolute, square = (
        loss_shape(loss, MANY, hot, rightwards(MANY, OF_MANY)).alignment for loss in (nn.L1Loss(), nn.MSELoss())
    )
    assert absolute < 0.1 < 0.4 < square


@pytest.mark.parametrize("rows", [2, 3, 17, 256])
@pytest.mark.parametrize("seed", range(5))
def test_likelihoods_fall_without_end_whatever_the_batch(rows: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    outputs, targets = torch.randn(rows, 5, generator=random), torch.randint(0, 5, (rows,), generator=random)
    assert loss_shape(nn.NLLLoss(), outputs, targets, None).unbounded
    assert not loss_shape(nn.CrossEntropyLoss(), outputs, targets, None).unbounded


def test_nothing_is_stretched_where_targets_are_all_alike_or_in_order() -> None:
    squeezed: Loss = lambda o, t: functional.mse_loss(o.squeeze(1), t)  # noqa: E731
    for targets in (torch.ones(ROWS), BITS[:, 0].sort().values, torch.arange(ROWS) / ROWS):
        assert not loss_shape(squeezed, ONE, targets, None).broadcast


@pytest.mark.parametrize("error", [AssertionError, TypeError, KeyError, ZeroDivisionError])
def test_a_loss_that_raises_refuses(error: type[Exception]) -> None:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        if bool((outputs < 0).any()) or bool((outputs > 1).any()):
            raise error("probabilities, please")
        return (outputs - targets).square().mean()

    shape = loss_shape(loss, ONE, BITS, rightwards(ONE, BITS))
    assert shape.refuses
    assert [shape.logistic, shape.unbounded, shape.broadcast] == [False] * 3


def test_trying_a_loss_leaves_tensors_gradients_and_random_numbers_alone() -> None:
    def noisy(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.mse_loss(outputs + 0.01 * torch.randn_like(outputs), targets)

    outputs, targets = ONE.clone().requires_grad_(), BITS.clone()
    state = torch.get_rng_state()
    loss_shape(noisy, outputs, targets, rightwards(outputs, targets))
    assert torch.equal(torch.get_rng_state(), state)
    assert outputs.grad is None
    assert torch.equal(outputs, ONE)
    assert torch.equal(targets, BITS)


def test_right_is_up_for_the_true_class_and_down_for_the_others() -> None:
    found = rightwards(torch.zeros(2, 3), torch.tensor([0, 2]))
    assert found is not None
    assert found.tolist() == [[1.0, -0.5, -0.5], [-0.5, -0.5, 1.0]]
    bits = rightwards(torch.zeros(2, 1), torch.tensor([0.0, 1.0]))
    assert bits is not None
    assert bits.tolist() == [[-1.0], [1.0]]


def test_tokens_that_do_not_count_have_no_direction() -> None:
    found = rightwards(torch.zeros(1, 2, 3), torch.tensor([[1, IGNORED, -1]]))
    assert found is not None
    assert found.tolist() == [[[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]


DIRECTIONLESS: dict[str, Callable[[], Tensor | None]] = {
    "one output for classes": lambda: rightwards(torch.zeros(3, 1), torch.tensor([0, 1, 2])),
    "a class beyond the outputs": lambda: rightwards(torch.zeros(2, 3), torch.tensor([0, 3])),
    "numbers of another shape": lambda: rightwards(torch.zeros(2, 3), torch.zeros(2)),
}


@pytest.mark.parametrize("name", DIRECTIONLESS)
def test_there_is_no_direction_where_targets_do_not_fit(name: str) -> None:
    assert DIRECTIONLESS[name]() is None

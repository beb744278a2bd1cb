"""Label smoothing spreads a share of each label, keeps what the loss has, and refuses what has no classes."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from goodfit.core.errors import SettingsError
from goodfit.core.job import Coding
from goodfit.core.task import IGNORED
from goodfit.training.losses import smoothed

OUTPUTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([0, 1, 2, 2, 1, 0])
WANTED = functional.cross_entropy(OUTPUTS, TARGETS, label_smoothing=0.2)


def own(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """A person's own way to write cross-entropy."""
    return functional.nll_loss(functional.log_softmax(outputs, 1), targets.long())


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(label_smoothing=0.7),
        functional.cross_entropy,
        partial(functional.cross_entropy, label_smoothing=0.5),
        own,
    ],
)
def test_every_way_to_write_cross_entropy_is_smoothed_alike(loss):
    assert smoothed(loss, Coding.CLASSES, 0.2)(OUTPUTS, TARGETS).item() == pytest.approx(WANTED.item(), rel=1e-5)


def test_one_hot_targets_are_smoothed_alike():
    one_hot = functional.one_hot(TARGETS).float()
    found = smoothed(nn.CrossEntropyLoss(), Coding.ONE_HOT, 0.2)(OUTPUTS, one_hot)
    assert found.item() == pytest.approx(WANTED.item(), rel=1e-5)


def test_weights_stay_and_the_given_loss_is_not_changed():
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0]))
    wanted = functional.cross_entropy(OUTPUTS, TARGETS, weight=loss.weight, label_smoothing=0.1)
    assert smoothed(loss, Coding.CLASSES, 0.1)(OUTPUTS, TARGETS).equal(wanted)
    assert loss.label_smoothing == 0


def test_padding_still_does_not_count():
    outputs, targets = OUTPUTS.reshape(2, 3, 3).movedim(1, 2), TARGETS.reshape(2, 3).clone()
    targets[0, 2] = IGNORED
    wanted = functional.cross_entropy(outputs, targets, label_smoothing=0.3)
    for loss in (functional.cross_entropy, own):
        found = smoothed(loss, Coding.TOKENS, 0.3)(outputs, targets)
        assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_zeros_and_ones_are_drawn_to_the_middle():
    outputs, targets = OUTPUTS[:, :1], torch.tensor([[0.0], [1], [1], [0], [1], [0]])
    for loss in (nn.BCEWithLogitsLoss(), functional.binary_cross_entropy_with_logits):
        wanted = loss(outputs, 0.9 * targets + 0.05)
        assert smoothed(loss, Coding.BINARY, 0.1)(outputs, targets).equal(wanted)


@pytest.mark.parametrize(
    ("loss", "coding", "says"),
    [
        (nn.MSELoss(), Coding.REAL, "needs classes, and the targets are real numbers"),
        (nn.MSELoss(), Coding.NUMBERED, "needs classes"),
        (nn.MSELoss(), Coding.BINARY, "needs a binary cross-entropy where the targets are 0 or 1"),
    ],
)
def test_what_has_no_classes_is_refused(loss, coding, says):
    with pytest.raises(SettingsError, match=says):
        smoothed(loss, coding, 0.1)


def test_a_share_of_one_leaves_no_label():
    with pytest.raises(SettingsError, match="less than 1"):
        smoothed(functional.cross_entropy, Coding.CLASSES, 1.0)

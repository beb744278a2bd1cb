"""The trace against the diagonal of the dense Hessian in float64, by another way of differentiating."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.func import functional_call
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from goodfit.core.errors import SettingsError
from goodfit.core.task import Loss
from goodfit.probes.trace import NotExact, Trace, exact_trace, trace
from tests.probes.models import Tagger, mlp, padded, unchanged

cross_entropy = functional.cross_entropy


def truth(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    """The trace of each trained tensor's block, of the model in the mode it is in."""
    named = {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}

    def level(weights: dict[str, Tensor]) -> Tensor:
        buffers = {name: each.clone() for name, each in model.named_buffers()}
        return loss(functional_call(model, (weights, buffers), (inputs,)), targets)

    found = {}
    for name, each in named.items():
        with sdpa_kernel(SDPBackend.MATH):
            block = hessian(lambda one, name=name: level({**named, name: one}), each)
        found[name] = float(block.reshape(each.numel(), each.numel()).trace())
    return found


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(4, 4), nn.Linear(4, 4, bias=False), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.leaky_relu(self.first(inputs))
        return self.out(hidden + functional.relu(self.second(hidden)))


def conv1d() -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(2, 3, 3, padding=2, dilation=2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3))


def conv2d() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, (2, 1), stride=(1, 2), bias=False),
        nn.Hardtanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def partly_frozen() -> nn.Sequential:
    made = mlp(4, 5, 5, 3)
    made[0].weight.requires_grad_(False)
    made[2].requires_grad_(False)
    return made


def weighted(outputs: Tensor, targets: Tensor) -> Tensor:
    weights = torch.tensor([0.5, 1.0, 3.0], dtype=outputs.dtype)
    return cross_entropy(outputs, targets, weight=weights, label_smoothing=0.2)


def focal(outputs: Tensor, targets: Tensor) -> Tensor:
    """Not convex in the outputs."""
    chance = outputs.softmax(1).gather(1, targets[:, None])
    return -((1 - chance) ** 2 * chance.log()).mean()


def binary(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, functional.one_hot(targets, 3).to(outputs))


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs, functional.one_hot(targets, 3).to(outputs), reduction="sum")


def absolute(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.l1_loss(outputs, functional.one_hot(targets, 3).to(outputs))


def summed(outputs: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(outputs, targets, reduction="sum")


def compared(outputs: Tensor, targets: Tensor) -> Tensor:
    """Rows are classes of each other."""
    return cross_entropy(outputs @ outputs.T, torch.arange(len(outputs)))


def numbers(*shape: int) -> tuple[Tensor, Tensor]:
    return torch.randn(10, *shape, dtype=torch.float64), torch.randint(0, 3, (10,))


EXACT: dict[str, tuple[Callable[[], nn.Module], Loss, tuple[int, ...]]] = {
    "ReLU": (lambda: mlp(4, 6, 5, 3), cross_entropy, (4,)),
    "dropout": (lambda: mlp(4, 6, 5, 3, dropout=0.5), cross_entropy, (4,)),
    "hardtanh": (lambda: mlp(4, 6, 5, 3, act=nn.Hardtanh), cross_entropy, (4,)),
    "linear": (lambda: mlp(4, 6, 3, act=nn.Identity), cross_entropy, (4,)),
    "residual": (Residual, cross_entropy, (4,)),
    "convolution along one axis": (conv1d, cross_entropy, (2, 6)),
    "convolution along two": (conv2d, cross_entropy, (1, 6, 6)),
    "positions that share weights": (lambda: nn.Sequential(mlp(4, 6, 2), nn.Flatten(), nn.Linear(6, 3)), focal, (3, 4)),
    "frozen": (partly_frozen, cross_entropy, (4,)),
    "weighted and smoothed": (lambda: mlp(4, 6, 3), weighted, (4,)),
    "not convex": (lambda: mlp(4, 6, 3), focal, (4,)),
    "binary": (lambda: mlp(4, 6, 3), binary, (4,)),
    "squared, summed": (lambda: mlp(4, 6, 3), squared, (4,)),
    "absolute": (lambda: mlp(4, 6, 3), absolute, (4,)),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_is_the_dense_trace(name: str) -> None:
    torch.manual_seed(0)
    make, loss, shape = EXACT[name]
    model = make().double().eval()
    inputs, targets = numbers(*shape)
    blocks = truth(model, loss, inputs, targets)
    found = exact_trace(model, loss, inputs, targets)
    assert isinstance(found, Trace)
    assert found.exact
    assert found.value == pytest.approx(sum(blocks.values()), rel=1e-9, abs=1e-12)
    assert found.interval() == (found.value, found.value)
    for layer, (value, error) in found.layers.items():
        shares = [each for name, each in blocks.items() if name.rpartition(".")[0] == layer]
        assert (value, error) == (pytest.approx(sum(shares), rel=1e-9, abs=1e-12), 0.0)
    assert trace(model, loss, inputs, targets) == found


def test_in_float32_too() -> None:
    torch.manual_seed(0)
    model = mlp(8, 32, 32, 3)
    inputs, targets = torch.randn(100, 8), torch.randint(0, 3, (100,))
    found = exact_trace(model, cross_entropy, inputs, targets)
    precise = exact_trace(model.double(), cross_entropy, inputs.double(), targets)
    assert isinstance(found, Trace)
    assert isinstance(precise, Trace)
    assert found.value == pytest.approx(precise.value, rel=1e-5)
    assert found.passes == 2  # softmax over three classes has two directions


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(torch.relu(self.layer(torch.relu(self.layer(inputs)))))


class Centred(nn.Module):
    """Rows are compared with their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(self.layer(inputs))
        return self.out(hidden - hidden.mean(0))


class Gated(nn.Module):
    """A weight outside of any layer, and a product of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4))
        self.layer, self.gate, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(self.layer(inputs) * self.gate(inputs) * self.scale)


def penalised() -> tuple[nn.Module, Loss]:
    model = mlp(4, 5, 3)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets) + 0.1 * model[0].weight.square().sum()

    return model, loss


REFUSED: dict[str, tuple[Callable[[], nn.Module], Loss, str]] = {
    "tanh": (lambda: mlp(4, 5, 3, act=nn.Tanh), cross_entropy, "bent by Tanh"),
    "a norm": (lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 3)), cross_entropy, "LayerNorm"),
    "a shared layer": (Shared, cross_entropy, "depends on it already"),
    "rows compared": (Centred, cross_entropy, "cannot be followed"),
    "a free weight": (Gated, cross_entropy, "scale cannot be followed"),
    "a loss that compares rows": (lambda: mlp(4, 5, 3), compared, "rows depend on each other"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_exact_says_why_and_is_estimated(name: str) -> None:
    torch.manual_seed(0)
    make, loss, reason = REFUSED[name]
    model = make().double()
    inputs, targets = numbers(4)
    found = exact_trace(model, loss, inputs, targets)
    assert isinstance(found, NotExact)
    assert reason in found.reason
    assert not found
    close(trace(model, loss, inputs, targets, passes=400, tolerance=0.02), truth(model, loss, inputs, targets))


def close(found: Trace, blocks: dict[str, float]) -> None:
    """Within four standard errors, as a whole; layers within six, as there are many."""
    assert not found.exact
    assert abs(found.value - sum(blocks.values())) < 4 * found.standard_error
    for layer, (value, error) in found.layers.items():
        share = sum(each for name, each in blocks.items() if (name.rpartition(".")[0] or name) == layer)
        assert abs(value - share) <= 6 * error + 1e-9
    assert sum(value for value, _ in found.layers.values()) == pytest.approx(found.value)


def test_a_penalty_in_the_loss_counts() -> None:
    torch.manual_seed(0)
    model, loss = penalised()
    inputs, targets = numbers(4)
    assert not exact_trace(model.double(), loss, inputs, targets)
    blocks = truth(model, cross_entropy, inputs, targets)
    blocks["0.weight"] += 0.1 * 2 * model[0].weight.numel()
    close(trace(model, loss, inputs, targets, passes=300), blocks)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(self.gru(inputs)[0][:, -1])


def test_groups_of_rows_make_a_recurrent_network_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = Recurrent().double()
    inputs, targets = torch.randn(400, 4, 2, dtype=torch.float64), torch.randint(0, 2, (400,))
    blocks = truth(model, cross_entropy, inputs, targets)
    found = trace(model, cross_entropy, inputs, targets, passes=8)
    close(found, blocks)
    total = trace(model, summed, inputs, targets, passes=8)
    assert total.value == pytest.approx(400 * found.value, rel=1e-6)  # it is the loss of all rows, whatever it does
    monkeypatch.setattr(sys.modules["goodfit.probes.trace"], "MOST_GROUPS", 1)
    alone = trace(model, cross_entropy, inputs, targets, passes=8)
    assert found.standard_error < 0.5 * alone.standard_error


def test_a_transformer_is_measured_at_its_layers() -> None:
    """Attention's own weights, embeddings and normalisations too; rows lie on the second axis inside."""
    torch.manual_seed(0)
    model = Tagger(mask=True, dropout=0.3).double()
    codes = padded(6, length=4)
    targets = torch.where(codes > 0, codes % 3, -100)
    model.eval()
    close(trace(model, cross_entropy, codes, targets, passes=100), truth(model, cross_entropy, codes, targets))


def test_batch_statistics_share_one_vector() -> None:
    torch.manual_seed(0)
    model = mlp(4, 6, 3, norm=True, act=nn.Tanh).double().train()
    inputs, targets = numbers(4)
    close(trace(model, cross_entropy, inputs, targets, passes=300), truth(model, cross_entropy, inputs, targets))


def test_intervals_hold_what_they_promise() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(4, 6, 3, act=nn.Tanh).double(), numbers(4)
    exact = sum(truth(model, cross_entropy, inputs, targets).values())
    hits, passes = 0, set[int]()
    for seed in range(100):
        found = trace(model, cross_entropy, inputs, targets, tolerance=0.1, seed=seed)
        low, high = found.interval()
        hits += low <= exact <= high
        passes.add(found.passes)
    assert hits >= 90  # of 100 with 95 %, fewer have a chance of 1 in 100
    assert len(passes) > 5  # it stopped at different moments


def test_dropout_is_one_mask_for_all_passes() -> None:
    """The loss is linear in outputs that are linear in the last layer alone: a new mask in each pass would show."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1, bias=False))
    inputs, targets = torch.randn(20, 4), torch.randn(20, 1)
    first = exact_trace(model, functional.mse_loss, inputs, targets, mode="train", seed=1)
    again = exact_trace(model, functional.mse_loss, inputs, targets, mode="train", seed=1)
    other = exact_trace(model, functional.mse_loss, inputs, targets, mode="train", seed=2)
    assert first == again
    assert isinstance(first, Trace)
    assert isinstance(other, Trace)
    assert first.value != other.value
    estimate = trace(model, functional.mse_loss, inputs, targets, mode="train", seed=1, exact=False)
    assert abs(estimate.value - first.value) <= 4 * estimate.standard_error + 1e-6


@pytest.mark.parametrize("exact", [True, False])
def test_nothing_is_changed(exact: bool) -> None:
    torch.manual_seed(0)
    for model, inputs, targets in (
        (mlp(5, 8, 3, norm=True, dropout=0.3), torch.randn(24, 5), torch.randint(0, 3, (24,))),
        (mlp(5, 8, 3), torch.randn(24, 5), torch.randint(0, 3, (24,))),
        (Recurrent(), torch.randn(64, 4, 2), torch.randint(0, 2, (64,))),
        (Tagger(dropout=0.2), padded(12), torch.randint(0, 3, (12, 12))),
    ):
        with unchanged(model, inputs, targets):
            trace(model, cross_entropy, inputs, targets, mode="train", passes=9, exact=exact)


def test_without_anything_to_measure_the_trace_is_zero() -> None:
    model = mlp(4, 3).requires_grad_(False)
    inputs, targets = torch.randn(5, 4), torch.randint(0, 3, (5,))
    for exact in (True, False):
        found = trace(model, cross_entropy, inputs, targets, exact=exact)
        assert (found.value, found.standard_error) == (0.0, 0.0)


def test_the_sentence_says_when_more_passes_are_needed() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(4, 6, 3, act=nn.Tanh).double(), numbers(4)
    short = trace(model, cross_entropy, inputs, targets, passes=4)
    assert "allow more" in short.sentence
    assert short.degrees == 3
    enough = trace(model, cross_entropy, inputs, targets, tolerance=0.5)
    assert "allow more" not in enough.sentence
    low, high = enough.interval()
    assert math.isclose(high - low, 2 * 2.3646 * enough.standard_error, rel_tol=1e-4)  # Student's t, 7 degrees


@pytest.mark.parametrize(("passes", "tolerance"), [(1, 0.01), (10, 0.0), (10, float("nan"))])
def test_bad_settings_are_refused(passes: int, tolerance: float) -> None:
    with pytest.raises(SettingsError, match="A trace needs"):
        trace(mlp(2, 2), cross_entropy, torch.zeros(3, 2), torch.zeros(3).long(), passes=passes, tolerance=tolerance)


def test_the_same_seed_gives_the_same_trace() -> None:
    torch.manual_seed(0)
    model, (inputs, targets) = mlp(4, 6, 3, act=nn.Tanh).double(), numbers(4)
    found = [trace(model, cross_entropy, inputs, targets, seed=seed, passes=8).value for seed in (3, 3, 4)]
    assert found[0] == found[1] != found[2]
    assert np.isfinite(found).all()


def test_no_rows_are_refused() -> None:
    for ask in (trace, exact_trace):
        with pytest.raises(SettingsError, match="at least one row"):
            ask(mlp(2, 2), cross_entropy, torch.zeros(0, 2), torch.zeros(0).long())


class Halved(nn.Module):
    """Computed in bfloat16, the weights in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4), nn.Flatten(), nn.Linear(8, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.inside(inputs).float()


def test_half_precision_is_measured_too() -> None:
    torch.manual_seed(0)
    model, inputs, targets = Halved(), torch.randn(40, 2, 3), torch.randint(0, 3, (40,))
    found, whole = (exact_trace(each, cross_entropy, inputs, targets) for each in (model, model.inside))
    assert isinstance(found, Trace)
    assert isinstance(whole, Trace)
    assert found.value == pytest.approx(whole.value, rel=0.02)
    estimate = trace(model, cross_entropy, inputs, targets, passes=100, exact=False)
    assert abs(estimate.value - found.value) < 4 * estimate.standard_error

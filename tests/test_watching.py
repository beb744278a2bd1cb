"""`goodfit.watch` on the loops that people write, and what it says when NaN comes up."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import goodfit
from goodfit.core.errors import GoodfitWarning, SettingsError, TrainingError
from goodfit.core.step import Inputs
from goodfit.probes import sentinel
from goodfit.probes.nonfinite import Where, first_nonfinite
from tests.probes.models import mlp

Tamper = Callable[[int], None]


def batch(rows: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(rows, 4, generator=generator), torch.randint(0, 3, (rows,), generator=generator)


def made() -> tuple[nn.Sequential, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = mlp(4, 8, 8, 3, norm=True, dropout=0.1)
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def loop(model: nn.Module, optimizer: torch.optim.Optimizer, updates: int = 6, before: Tamper | None = None) -> None:
    inputs, targets = batch()
    for update in range(updates):
        if before:
            before(update)
        loss = functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def hooks(model: nn.Module, *optimizers: torch.optim.Optimizer) -> int:
    modules = sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules())
    steps = sum(len(e._optimizer_step_pre_hooks) + len(e._optimizer_step_post_hooks) for e in optimizers)
    return modules + steps


def test_a_bare_loop_is_measured_and_stays_as_it_is() -> None:
    (bare, first), (model, second) = made(), made()
    loop(bare, first, 9)
    rng = torch.get_rng_state()
    torch.manual_seed(0)
    model, second = made()
    with goodfit.watch(model, second, every=2) as w:
        loop(model, second, 9)
    assert all(torch.equal(a, b) for a, b in zip(bare.state_dict().values(), model.state_dict().values(), strict=True))
    assert torch.equal(rng, torch.get_rng_state())
    assert hooks(model, second) == 0
    assert sorted({each.step for each in w.measurements}) == [1, 2, 3, 4, 5, 7, 9]
    assert {"gradient_norm", "weight_norm", "update_ratio", "activation_rms", "dead_share"} <= {
        each.quantity for each in w.measurements
    }
    assert w.nonfinite is None
    assert w.findings == ()
    assert "0.weight" in w.table()
    assert "update_ratio" in w._repr_html_()


def test_accumulation_evaluation_and_a_skipped_step() -> None:
    model, optimizer = made()
    inputs, targets = batch()
    with goodfit.watch(model, optimizer, every=1) as w:
        for _ in range(3):
            for part in range(4):
                functional.cross_entropy(
                    model(inputs[4 * part : 4 * part + 4]), targets[4 * part : 4 * part + 4]
                ).backward()
            with torch.no_grad():
                model(torch.full_like(inputs, torch.nan))
            optimizer.step()
            optimizer.zero_grad()
    assert {each.step for each in w.measurements} == {1, 2, 3}
    assert w.loop.batches == 12


def test_a_gradient_scaler_skips_and_nothing_is_said() -> None:
    model, optimizer = made()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    inputs, targets = batch()
    with goodfit.watch(model, optimizer, every=1) as w:
        for factor in (torch.inf, 1.0, 1.0):
            optimizer.zero_grad()
            scaler.scale(functional.cross_entropy(model(inputs), targets) * factor).backward()
            scaler.step(optimizer)
            scaler.update()
    assert w.nonfinite is None
    assert {each.step for each in w.measurements} == {1, 2}


def test_closures_are_seen_when_they_have_been_called() -> None:
    model = mlp(4, 6, 3)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
    inputs, targets = batch()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    with goodfit.watch(model, optimizer, every=1) as w:
        optimizer.step(closure)
        optimizer.step(closure=closure)
    lengths = [each for each in w.measurements if each.quantity == "gradient_norm" and each.layer == "0.weight"]
    assert [each.step for each in lengths] == [1, 2]
    assert all(each.value > 0 for each in lengths)


def test_several_optimisers_nested_and_second_use() -> None:
    torch.manual_seed(0)
    model = mlp(4, 6, 3)
    first = torch.optim.SGD(model[0].parameters(), lr=0.1)
    second = torch.optim.Adam(model[2].parameters(), lr=0.1)
    inputs, targets = batch()
    with goodfit.watch(model, [first, second], every=1) as w, goodfit.watch(model, first, every=1) as inner:
        for _ in range(2):
            functional.cross_entropy(model(inputs), targets).backward()
            first.step()
            second.step()
        with pytest.raises(SettingsError, match="already running"):
            w.__enter__()
    moved = {each.layer for each in w.measurements if each.quantity == "update_ratio"}
    assert moved == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert {each.layer for each in inner.measurements if each.quantity == "update_ratio"} == {"0.weight", "0.bias"}
    assert hooks(model, first, second) == 0
    with w:
        functional.cross_entropy(model(inputs), targets).backward()
        first.step()
    assert max(each.step for each in w.measurements) == 3


def test_exceptions_pass_through_and_leave_no_hook() -> None:
    model, optimizer = made()
    with pytest.raises(KeyError), goodfit.watch(model, optimizer, every=1):
        loop(model, optimizer, before=lambda update: {}[update] if update == 2 else None)
    assert hooks(model, optimizer) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 0}, "at least 1"),
        ({"on_nonfinite": "rise"}, "Did you mean 'raise'"),
        ({"model": 3}, "torch.nn.Module"),
        ({"optimizer": 3}, "torch.optim.Optimizer"),
        ({"model": nn.Linear(2, 2)}, "None of the optimizer's parameters"),
    ],
)
def test_wrong_use_is_one_clear_sentence(arguments: dict[str, Any], words: str) -> None:
    model, optimizer = made()
    with pytest.raises(SettingsError, match=words):
        goodfit.watch(**{"model": model, "optimizer": optimizer, **arguments})


class Breaking(nn.Module):
    """Breaks in the forward or in the backward pass at a call that is named."""

    def __init__(self, how: str, at: int) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.how, self.at, self.calls = how, at, 0

    def forward(self, inputs: Tensor) -> Tensor:
        broken, self.calls = self.calls >= self.at, self.calls + 1
        hidden = self.first(inputs)
        if broken and self.how == "log":
            hidden = torch.log(-hidden.abs() - 1)
        if broken and self.how == "root":
            hidden = hidden + torch.sqrt(hidden * 0).sum()
        return self.out(torch.relu(self.second(hidden)))


@pytest.mark.parametrize(
    ("how", "where", "layer"), [("log", Where.ACTIVATION, "second"), ("root", Where.GRADIENT, "first.bias")]
)
def test_says_where_the_forward_or_backward_pass_breaks(how: str, where: Where, layer: str) -> None:
    torch.manual_seed(0)
    model = Breaking(how, at=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.warns(GoodfitWarning, match=layer) as said, goodfit.watch(model, optimizer) as w:
        loop(model, optimizer)
    assert w.nonfinite is not None
    assert (w.nonfinite.where, w.nonfinite.layer, w.nonfinite.step, w.nonfinite.batch) == (where, layer, 4, 4)
    assert len(said) == 1
    assert w.findings[0] == w.nonfinite.sentence


def test_raises_before_the_update_is_made() -> None:
    torch.manual_seed(0)
    model = Breaking("log", at=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.raises(TrainingError, match="what layer"), goodfit.watch(model, optimizer, on_nonfinite="raise"):
        loop(model, optimizer)
    assert all(bool(each.isfinite().all()) for each in model.parameters())
    assert hooks(model, optimizer) == 0


def test_says_that_the_data_hold_it_and_in_which_column() -> None:
    model, optimizer = made()
    inputs, targets = batch()
    inputs[5, 2] = torch.nan
    buffers = {name: each.clone() for name, each in model.named_buffers()}
    found = first_nonfinite(model, inputs)
    assert found is not None
    assert (found.where, "column 2 (1 of 16 rows)" in found.words) == (Where.INPUT, True)
    assert all(torch.equal(each, buffers[name]) for name, each in model.named_buffers())
    with warnings.catch_warnings(), goodfit.watch(model, optimizer, on_nonfinite="ignore") as w:
        functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    assert w.nonfinite is None


def test_a_loss_that_is_told_of_stops_before_the_backward_pass() -> None:
    model, optimizer = made()
    inputs, _ = batch()
    with (
        pytest.raises(TrainingError, match="The loss is NaN"),
        goodfit.watch(model, optimizer, on_nonfinite="raise") as w,
    ):
        w.loss(model(inputs).mean() * torch.nan)
    assert all(each.grad is None for each in model.parameters())


def test_parameters_that_an_update_made_infinite() -> None:
    model = mlp(4, 6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=float("inf"))
    with pytest.warns(GoodfitWarning, match="update 1 made it so"), goodfit.watch(model, optimizer) as w:
        loop(model, optimizer, 2)
    assert w.nonfinite is not None
    assert w.nonfinite.where is Where.PARAMETER
    model = mlp(4, 6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=float("inf"))
    with pytest.warns(GoodfitWarning, match="after update 1, the last one"), goodfit.watch(model, optimizer):
        loop(model, optimizer, 1)


def test_on_a_device_that_answers_later_it_is_known_one_update_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel, "_immediate", lambda total: False)
    torch.manual_seed(0)
    model = Breaking("root", at=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.warns(GoodfitWarning), goodfit.watch(model, optimizer) as w:
        loop(model, optimizer)
    assert w.nonfinite is not None
    assert w.nonfinite.step == 4


def test_attention_masks_of_minus_infinity_are_no_alarm() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    inputs = Inputs((torch.randn(2, 5, 8),), {"src_mask": mask})
    assert first_nonfinite(layer, inputs) is None
    with torch.no_grad():
        layer.linear1.weight[0, 0] = torch.nan
    found = first_nonfinite(layer, inputs)
    assert found is not None
    assert (found.where, found.layer) == (Where.PARAMETER, "linear1.weight")


def test_findings_say_what_is_wrong_in_words() -> None:
    torch.manual_seed(0)
    model = mlp(4, 8, 8, 3)
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    model.extra = nn.Linear(2, 2)
    given = [*model[0].parameters(), *model[2].parameters(), model[4].weight]
    optimizer = torch.optim.SGD(given, lr=0.1)
    inputs, targets = batch()
    with goodfit.watch(model, optimizer, every=20) as w:
        for _ in range(100):
            optimizer.zero_grad()
            hidden = model[4](model[3](model[2](model[1](model[0](inputs)))))
            functional.cross_entropy(hidden, targets).backward()
            optimizer.step()
    words = "\n".join(w.findings)
    assert "Parameter '4.bias' was not given to the optimiser" in words
    assert "100% of the units after layer '0' are dead" in words or "Parameter '0.weight' gets no gradient" in words


@pytest.mark.parametrize(("rate", "said"), [(0.01, False), (3.0, True)])
def test_five_updates_are_enough_for_a_finding(rate: float, said: bool) -> None:
    torch.manual_seed(0)
    model = mlp(4, 8, 8, 3)
    with goodfit.watch(model, torch.optim.Adam(model.parameters(), lr=rate)) as w:
        loop(model, w.loop.optimizers[0], 4)
        assert w.findings == ()
        loop(model, w.loop.optimizers[0], 1)
    assert any("the learning rate is very high" in each for each in w.findings) is said

"""The operator against the dense Hessian, over small networks of every kind (bench/hessian_models.py)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.hessian_models import NAMES, SEED, Case, case, differences, mlp, oracle
from goodfit.core.errors import SettingsError, TrainingError
from goodfit.core.task import Batch
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.pieces import reduction_of, shares
from tests.probes.models import unchanged

SPLIT = [name for name in NAMES if case(name).splits]


def measured(given: Case, batches: list[Batch] | None = None, **more: bool) -> Hessian:
    return hessian(given.model, given.loss, batches or given.batches, mode=given.mode, seed=SEED, **more)


def close(one: Tensor, other: Tensor, within: float = 1e-10) -> bool:
    return bool((one - other).abs().max() <= within * other.abs().max())


@pytest.mark.parametrize("name", NAMES)
def test_the_operator_is_the_dense_hessian(name: str) -> None:
    given = case(name)
    with unchanged(given.model, given.inputs, given.targets):
        matrix = measured(given).dense()
    assert close(matrix, oracle(given))
    assert close(matrix, matrix.T)


@pytest.mark.parametrize("name", ["BatchNorm, train", "GRU"])
def test_the_oracle_agrees_with_differences_of_gradients(name: str) -> None:
    given = case(name)
    assert close(oracle(given), differences(given), within=1e-7)


@pytest.mark.parametrize("keep_graph", [True, False])
@pytest.mark.parametrize("name", SPLIT)
def test_micro_batches_give_the_operator_of_all_rows(name: str, keep_graph: bool) -> None:
    given = case(name)
    whole, parts = measured(given), measured(given, given.micro_batches, keep_graph=keep_graph)
    vector = torch.randn(len(whole.gradient), dtype=torch.float64)
    with unchanged(given.model, given.inputs, given.targets):
        assert close(parts(vector), whole(vector))
    assert close(parts.gradient, whole.gradient)
    assert parts.loss == pytest.approx(whole.loss)


@pytest.mark.parametrize("name", ["dropout, train", "nn.TransformerEncoder, dropout", "BatchNorm, train"])
def test_graphs_made_anew_have_the_same_masks_and_statistics(name: str) -> None:
    given = case(name)
    kept = measured(given, given.micro_batches)
    again = measured(given, given.micro_batches, keep_graph=False)
    vector = torch.randn(len(kept.gradient), dtype=torch.float64)
    assert torch.equal(again(vector), again(vector))
    assert close(again(vector), kept(vector))


@pytest.mark.parametrize("name", ["CNN", "BatchNorm, eval", "GRU", "sum loss"])
def test_single_precision_and_its_copy_in_double(name: str) -> None:
    given = case(name)
    truth = oracle(given)
    single = Case(name, given.model.float(), given.loss, given.inputs.float(), given.targets, given.mode)
    assert close(measured(single).dense(), truth, within=1e-5)
    with unchanged(single.model):
        assert close(measured(single, precise=True).dense(), truth, within=1e-6)  # of weights rounded once
    assert next(single.model.parameters()).dtype is torch.float32


def test_dropout_masks_are_those_of_single_precision() -> None:
    given = case("dropout, train")
    single = Case("", given.model.float(), given.loss, given.inputs.float(), given.targets, given.mode)
    assert close(measured(single).dense(), measured(single, precise=True).dense(), within=1e-5)


def test_blocks_are_those_of_the_matrix() -> None:
    given = case("MLP")
    operator, truth = measured(given), oracle(given)
    assert operator.layers == ("0", "2")
    assert close(operator.block("2").dense(), truth[30:, 30:])
    assert close(operator.block("0.weight", "2.bias").dense(), _rows_and_columns(truth, [*range(24), 48, 49, 50]))
    anew = measured(given, given.micro_batches, keep_graph=False)
    assert close(anew.block("0").dense(), truth[:30, :30])
    assert torch.equal(operator.block("2").gradient, operator.gradient[30:])
    with pytest.raises(SettingsError, match="No trainable parameter is called '1'"):
        operator.block("1")


def _rows_and_columns(matrix: Tensor, index: list[int]) -> Tensor:
    return matrix[index][:, index]


def test_a_sum_stays_a_sum_and_a_mean_a_mean() -> None:
    summed, mean = case("sum loss"), case("MLP")
    assert close(measured(summed, summed.micro_batches).dense(), 12 * measured(mean).dense())
    outputs = summed.model(summed.inputs)
    assert reduction_of(summed.loss, outputs, summed.targets) == "sum"
    assert reduction_of(mean.loss, outputs, mean.targets) == "mean"
    assert (
        reduction_of(lambda o, t: functional.cross_entropy(o, t) ** 0 * len(o) ** 0.5, outputs, mean.targets) == "other"
    )


def test_shares_follow_what_the_loss_averages_over() -> None:
    outputs = [torch.randn(n, 3, 4) for n in (2, 3, 1)]
    targets = [torch.randint(0, 3, (n, 4)) for n in (2, 3, 1)]
    targets[1][:, 1:] = -100
    targets[2][:] = -100
    assert shares(functional.cross_entropy, outputs, targets) == pytest.approx((8 / 11, 3 / 11, 0))
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0]))
    counts = [sum((1.0, 2.0, 5.0)[c] for c in t.flatten().tolist() if c >= 0) for t in targets]
    assert shares(weighted, outputs, targets) == pytest.approx([each / sum(counts) for each in counts], rel=1e-4)
    trimmed = [outputs[0], outputs[1][..., :1], outputs[2]]
    assert shares(functional.cross_entropy, trimmed, [targets[0], targets[1][:, :1], targets[2]]) == pytest.approx(
        (8 / 11, 3 / 11, 0)
    )
    exact = [torch.ones(3, 2), torch.ones(1, 2)]  # no slope tells how rows weigh
    assert shares(functional.mse_loss, exact, exact) == pytest.approx((0.75, 0.25))


def test_a_batch_in_which_nothing_counts_is_left_out() -> None:
    given = case("masked loss")
    nothing = given.inputs[:3], torch.full_like(given.targets[:3], -100)
    assert close(measured(given, [*given.batches, nothing]).dense(), oracle(given))


def test_a_loss_that_compares_rows_is_refused_in_parts() -> None:
    def contrast(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs @ outputs.T, torch.arange(len(outputs)))

    given = case("MLP")
    assert len(hessian(given.model, contrast, given.batches).gradient) == 51
    with pytest.raises(SettingsError, match="compares rows"):
        hessian(given.model, contrast, given.micro_batches)


@pytest.mark.parametrize("keep_graph", [True, False])
def test_an_operator_of_other_weights_is_refused(keep_graph: bool) -> None:
    given = case("MLP")
    operator = measured(given, given.micro_batches, keep_graph=keep_graph)
    with torch.no_grad():
        given.model[0].weight += 1
    with pytest.raises(TrainingError, match="weights were changed"):
        operator(operator.gradient)


def test_what_cannot_be_measured_is_said() -> None:
    given = case("MLP")
    with pytest.raises(SettingsError, match="at least one batch"):
        hessian(given.model, given.loss, [])
    with pytest.raises(SettingsError, match=r"shape \(51,\). Got \(3,\)"):
        measured(given)(torch.zeros(3))
    large = nn.Linear(100, 50)
    with pytest.raises(SettingsError, match="5050 parameters"):
        hessian(large, functional.mse_loss, [(torch.randn(2, 100), torch.randn(2, 50))]).dense()
    fixed = mlp().requires_grad_(False)
    assert hessian(fixed, functional.cross_entropy, [(torch.randn(4, 4), torch.arange(4) % 3)]).dense().shape == (0, 0)

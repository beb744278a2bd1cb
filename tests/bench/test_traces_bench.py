"""The benchmarks of the trace and of the Hessian's correctness, on what is small."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import hessians, traces
from bench.curvature_problems import Problem, problem
from bench.hessian_models import Case, case, oracle
from bench.hessians import Product, checked, ours
from bench.traces import by_products, coverage_row, estimated_rows, exact_rows, gauss_newton, truth
from goodfit.probes.hessian import hessian
from goodfit.probes.trace import exact_trace, trace


@pytest.fixture(scope="module")
def rectified() -> Problem:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    return Problem("r", model, functional.cross_entropy, torch.randn(40, 5), torch.arange(40) % 3)


def test_three_ways_to_the_truth_agree(rectified: Problem) -> None:
    known = truth(rectified)
    assert gauss_newton(rectified) == pytest.approx(known.value, rel=1e-9)
    rough = by_products(rectified, 300)
    assert abs(rough.value - known.value) < 4 * rough.error
    assert exact_trace(rectified.model, rectified.loss, rectified.inputs, rectified.targets).value == pytest.approx(
        known.value, rel=1e-5
    )


def test_rows_of_a_trace(rectified: Problem) -> None:
    known = truth(rectified)
    exact, cost = exact_rows(rectified, known, 2)
    assert exact.holds
    assert exact.value < 1e-5
    assert cost.value > 0
    assert cost.holds is None
    assert not exact_rows(rectified, replace(known, value=2 * known.value), 2)[0].holds
    assert not exact_rows(problem("s"), known, 2)
    named = {row.name.partition(", ")[2]: row for row in estimated_rows(rectified, known, 2)}
    assert named["error"].holds
    assert named["products"].value >= 8


def test_coverage_is_counted(rectified: Problem) -> None:
    known = truth(rectified).value
    right = coverage_row(rectified, known, 0.2, 20)
    assert right.value > 0.7
    assert right.holds
    wrong = coverage_row(rectified, 2 * known, 0.2, 10)
    assert (wrong.value, wrong.holds) == (0.0, False)


def test_the_trace_of_every_kind_of_network() -> None:
    """Estimates of the cases of the table lie where they say."""
    for name in ("CNN", "BatchNorm, train", "nn.TransformerEncoder, dropout", "GRU", "tied weights", "masked loss"):
        given = case(name)
        found = trace(
            given.model, given.loss, given.inputs, given.targets, passes=150, mode=given.mode, exact=False, seed=0
        )
        assert abs(found.value - float(oracle(given).trace())) < 4.5 * found.standard_error, name


def test_the_operator_passes(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    hessians.main(["--quick", "--out", str(out)])
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 4 * len(hessians.QUICK)
    assert all(row["holds"] for row in rows)


def test_what_is_wrong_is_seen() -> None:
    given = case("BatchNorm, train")

    def careless(asked: Case) -> Product:
        operator = ours(asked)
        asked.model(asked.inputs)  # moves the running statistics
        for parameter in asked.model.parameters():
            parameter.grad = torch.zeros_like(parameter)

        def product(vector: Tensor) -> Tensor:
            return operator(vector) * torch.linspace(1, 2, len(vector)).to(vector) + torch.rand(1).to(vector)

        return product

    found = checked(given, careless)
    assert found.asymmetry > 1e-3
    assert found.error > 0.1
    assert not found.deterministic
    assert found.changed == ("buffers", "gradients", "random numbers")

    def failing(asked: Case) -> Product:
        raise ValueError("not for this network")

    assert checked(given, failing).problem == "ValueError: not for this network"
    row = hessians.rows(["GRU"], "a tool", failing, goals=False)[0]
    assert (row.value, row.holds) == (None, False)


def test_a_hessian_in_evaluation_is_another() -> None:
    """The table would notice a tool that measures in evaluation."""
    given = case("dropout, train")

    def in_evaluation(asked: Case) -> Product:
        return hessian(asked.model, asked.loss, asked.batches, mode="eval")

    assert checked(given, in_evaluation).error > 0.1
    assert checked(given, ours).error < 1e-10


def test_tables_of_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rectified: Problem) -> None:
    out = tmp_path / "rows.json"
    monkeypatch.setattr(traces, "problems", lambda names: [rectified])
    monkeypatch.setattr(traces, "recurrent_row", lambda trials: traces.Row("recurrent", None))
    traces.main(["--quick", "--out", str(out)])
    rows = json.loads(out.read_text())["rows"]
    assert rows[0]["name"] == "r: trace"
    assert rows[-1]["name"] == "recurrent"

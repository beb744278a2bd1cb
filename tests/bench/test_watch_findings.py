"""The benchmark of findings reads them while a run goes on, and tells their kinds apart."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import TensorDataset

from bench.watch_findings import KINDS, findings, kind
from tests.probes.models import mlp


def run(rate: float) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    rows = TensorDataset(torch.randn(40, 4, generator=generator), torch.randint(0, 3, (40,), generator=generator))
    return {
        "model": lambda: mlp(4, 8, 3),
        "optimizer": lambda given: torch.optim.Adam(given, lr=rate),
        "loss": nn.CrossEntropyLoss(),
        "train": rows,
        "batch_size": 8,
        "shuffle": True,
        "epochs": 2,
    }


def test_a_healthy_run_has_none_and_one_of_a_huge_rate_has() -> None:
    assert findings(run(0.01)) == set()
    assert {kind(each) for each in findings(run(3.0))} == {"large updates"}
    assert findings(run(3.0), longest=4) == set()


def test_every_kind_is_told_by_its_words() -> None:
    said = [
        "90% of the units after layer '0' are dead: zero for every row.",
        "95% of the activations after layer '0' are saturated: hardly any gradient passes.",
        "Each update moves '0.weight' by 60% of its length: the learning rate is very high.",
        "The gradient vanishes on its way back: at '0' it is 1e+05 times smaller than at '2'.",
        "Parameter '0' gets no gradient.",
        "Parameter '0' was not given to the optimiser: it never moves.",
        "Parameter '0' holds NaN at update 3, batch 3; update 2 made it so.",
    ]
    assert [kind(each) for each in said] == list(KINDS)

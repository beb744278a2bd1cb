"""Four recordings of each patient, split by recording: validation holds patients the network has met."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import TensorDataset

from bench.jobs._common import adam, mlp, pair

PATIENTS, EACH, COLUMNS = 300, 4, 16


def data(leaky: bool) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    """Recordings lie close around their patient; two columns of sixteen differ a little between ill and well.

    Patients 0 to 199 are for training and validation, the last hundred for the test.
    """
    r = np.random.RandomState(23)
    ill = r.randint(0, 2, PATIENTS)
    centre = r.randn(PATIENTS, COLUMNS)
    centre[:, :2] += 1.2 * (ill[:, None] - 0.5)
    who = np.repeat(np.arange(PATIENTS), EACH)
    x, y = centre[who] + 0.15 * r.randn(len(who), COLUMNS), ill[who]
    known = np.flatnonzero(who < 200)
    order = r.permutation(known) if leaky else known
    k = len(known) * 2 // 3
    return pair(x[order[:k]], y[order[:k]]), pair(x[order[k:]], y[order[k:]]), pair(x[who >= 200], y[who >= 200])


def case() -> dict[str, Any]:
    train, val, test = data(True)
    return {
        "model": lambda: mlp([COLUMNS, 96, 48, 2]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": train,
        "val": val,
        "test": test,
        "batch_size": 24,
        "epochs": 30,
        "shuffle": True,
        "task": "classification",
    }


def fixed() -> dict[str, Any]:
    train, val, test = data(False)
    return {
        **case(),
        "model": lambda: nn.Linear(COLUMNS, 2),
        "optimizer": adam(0.01, weight_decay=0.1),
        "train": train,
        "val": val,
        "test": test,
        "epochs": 15,
    }

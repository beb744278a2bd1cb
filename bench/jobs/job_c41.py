import numpy as np
from torch import nn

from bench.jobs._common import adam, digits, mlp, pair


def case(share=0.5):
    a, b, c, d = digits(seed=19)
    rng = np.random.RandomState(0)
    wrong = rng.rand(len(b)) < share
    return {
        "model": lambda: mlp((64, 256, 128, 10)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.002),
        "train": pair(a, np.where(wrong, rng.randint(0, 10, len(b)), b)),
        "val": pair(c, d),
        "batch_size": 64,
        "epochs": 40,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return case(0.0)

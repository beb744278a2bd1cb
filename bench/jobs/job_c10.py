from torch import nn

from bench.jobs._common import adam, digits, mlp, pair


def case():
    a, b, c, d = digits(seed=2)
    return {
        "model": lambda: mlp((64, 64, 10)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": len(a),
        "epochs": 15,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "batch_size": 32}

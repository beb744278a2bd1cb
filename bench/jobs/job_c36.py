from torch import nn

from bench.jobs._common import adam, digits, mlp, pair


def case():
    a, b, c, d = digits(seed=16)
    return {
        "model": lambda: nn.Sequential(mlp((64, 16, 8)), nn.Tanh(), mlp((8, 16, 10))),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: adam(0.004)(list(parameters)[:4]),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 20,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "optimizer": adam(0.004)}

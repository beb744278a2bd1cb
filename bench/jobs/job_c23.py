import numpy as np
from sklearn.datasets import load_diabetes
from torch import nn

from bench.jobs._common import adam, mlp, pair, standardise


def case(leaking=True):
    x, y = load_diabetes(return_X_y=True)
    rng = np.random.RandomState(3)
    y = (y - y.mean()) / y.std()
    given = (y + 0.05 * rng.randn(len(y)))[:, None] if leaking else np.zeros((len(y), 0))
    known = np.hstack([x, given])
    later = np.hstack([x, np.zeros_like(given)])
    order = rng.permutation(len(y))
    first, second, third = np.split(order, [260, 350])
    a, c = standardise(known[first], known[second])
    _, e = standardise(known[first], later[third])
    y = y[:, None].astype("float32")
    return {
        "model": lambda: mlp((known.shape[1], 12, 1), act=nn.Tanh),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.003, weight_decay=0.01),
        "train": pair(a, y[first]),
        "val": pair(c, y[second]),
        "test": pair(e, y[third]),
        "batch_size": 16,
        "epochs": 30,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return case(False)

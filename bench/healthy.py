"""Well-configured training runs, on which a diagnosis must keep still.

    python -m bench.healthy [--quick] [--out FILE.json]

`healthy_jobs` is the product of data, models, optimisers and draws. The command trains them and compares each with a
plain scikit-learn model on the same split: a run counts as healthy where its validation score is no more than `SHORT`
below that, the training score no more than `GAP` above validation, and doubling the epochs gains no more than `MORE`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, cycle, islice, zip_longest
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from torch import nn

from bench.common import Row, parser, report
from bench.healthy_data import DATA, Data
from bench.healthy_models import SEQUENCE, factory
from bench.jobs._common import Optimiser, pair
from bench.jobs.measure import measure

Job = dict[str, Any]
Choice = tuple[Data, str, str]
GAP, SHORT, MORE = 0.1, 0.05, 0.03
RATES = {"sgd": 0.03, "adam": 0.004, "adamw": 0.004, "rmsprop": 0.002, "adagrad": 0.04}
AVOIDED: frozenset[tuple[str, str, str]] = frozenset(
    {
        ("diabetes", "narrow", "sgd"),
        ("noisy friedman", "narrow", "rmsprop"),
        ("wave", "", "rmsprop"),
        ("wave", "gelu", "adagrad"),
        ("digits", "layer norm", "rmsprop"),
    }
)
"""Data, model and optimiser that the command found not to be healthy; an empty name stands for every one."""


def optimiser(name: str, rate: float) -> Optimiser:
    """A factory of the optimiser `name`; stochastic gradient descent has momentum 0.9, AdamW a small decay."""
    made: dict[str, Any] = {
        "sgd": lambda p: torch.optim.SGD(p, lr=rate, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=rate),
        "adamw": lambda p: torch.optim.AdamW(p, lr=rate, weight_decay=0.01),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=rate),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=rate),
    }
    return made[name]


def loss_of(data: Data) -> nn.Module:
    if data.task == "regression":
        return nn.MSELoss()
    floats = data.outputs == 1 or data.name == "multilabel"
    return nn.BCEWithLogitsLoss() if floats else nn.CrossEntropyLoss()


def rate_of(model: str, name: str) -> float:
    """A linear model bears larger adaptive rates and needs smaller plain ones; word vectors the other way round."""
    if model == "linear":
        return RATES[name] * (0.3 if name == "sgd" else 3.0)
    return RATES[name] * (3.0 if name == "sgd" and model in SEQUENCE else 1.0)


def job(data: Data, model: str, name: str, draw: int) -> Job:
    """The run of one choice on one draw of its data."""
    a, b, c, d = data.split(draw)
    return {
        "model": factory(model, a, data.width, data.outputs, data.task == "sequence_labelling"),
        "loss": loss_of(data),
        "optimizer": optimiser(name, rate_of(model, name)),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": data.batch,
        "epochs": data.epochs,
        "shuffle": True,
        "task": data.task,
    }


def avoided(data: Data, model: str, name: str) -> bool:
    return any((d, m, o) in AVOIDED for d in (data.name, "") for m in (model, "") for o in (name, ""))


def choices(seed: int) -> list[Choice]:
    """Every healthy combination once; the sets take turns, in an order drawn with `seed`."""
    r = np.random.RandomState(seed)
    groups = []
    for data in DATA:
        group = [(data, m, o) for m in data.models for o in RATES if not avoided(data, m, o)]
        groups.append([group[i] for i in r.permutation(len(group))])
    return [each for each in chain.from_iterable(zip_longest(*groups)) if each is not None]


def healthy_jobs(count: int, seed: int) -> Iterator[tuple[str, Job]]:
    """`count` different healthy runs as (name, job); more than there are combinations means other draws of the data."""
    every = choices(seed)
    for number, (data, model, name) in enumerate(islice(cycle(every), count)):
        draw = 1000 * seed + number // len(every)
        yield f"{data.name}, {model}, {name}, draw {draw}", job(data, model, name, draw)


def reference(run: Job) -> float:
    """Validation score of a plain scikit-learn model on the same split; 1 for tags, whose rules are exact."""
    (a, b), (c, d) = ([each.numpy() for each in run[part].tensors] for part in ("train", "val"))
    if run["task"] == "sequence_labelling":
        return 1.0
    if run["task"] == "regression":
        models = (RidgeCV(), SVR(), HistGradientBoostingRegressor(random_state=0))
        return float(max(model.fit(a, b.ravel()).score(c, d.ravel()) for model in models))
    a, c = a.reshape(len(a), -1), c.reshape(len(c), -1)
    if b.ndim == 2 and b.shape[1] > 1:
        return float((MultiOutputClassifier(LogisticRegression()).fit(a, b).predict(c) == d).mean())
    scale = OneHotEncoder(handle_unknown="ignore") if a.dtype.kind == "i" else StandardScaler()
    models = (LogisticRegression(max_iter=500), SVC())
    return float(max(make_pipeline(scale, model).fit(a, b.ravel()).score(c, d.ravel()) for model in models))


def fault(run: Job) -> str:
    """What is wrong with the run, or nothing."""
    found, longer = measure(run), measure({**run, "epochs": 2 * run["epochs"]})
    train, score, after = (
        float(np.mean(each)) for each in (found["train_score"], found["val_score"], longer["val_score"])
    )
    plain = reference(run)
    worst = min(found["val_score"])
    return "; ".join(
        text
        for text, wrong in (
            (f"score {worst:.3f}, scikit-learn {plain:.3f}", worst < plain - SHORT),
            (f"training {train:.3f}, validation {score:.3f}", train - score > GAP),
            (f"twice the epochs {score:.3f} to {after:.3f}", after - score > MORE),
        )
        if wrong
    )


def main() -> None:
    arguments = parser(__doc__).parse_args()
    torch.set_num_threads(1)
    count, faults = 40 if arguments.quick else 400, 0
    for name, run in healthy_jobs(count, 0):
        problem = fault(run)
        faults += bool(problem)
        if problem:
            print(f"{name}: {problem}", flush=True)
    report(
        "healthy",
        [Row("runs that are not healthy", faults / count, unit="share", goal="<= 0.02", holds=faults <= 0.02 * count)],
        arguments.out,
    )


if __name__ == "__main__":
    main()

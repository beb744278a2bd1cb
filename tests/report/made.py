"""Small runs of every kind, made by hand: no training, so every number of a page is known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.evidence import Answer, Diagnosis
from goodfit.core.recipe import Recipe
from goodfit.core.run import Measurement, Outcome, Run
from goodfit.core.score import score
from goodfit.core.task import ACCURACY, IGNORED, PARTS, Part, Rows, Signature, Task, absolute_error, classes_of
from goodfit.report.views import Content

HOSTILE = "</script><img src=x onerror=alert(1)>"
RTL = "\N{RIGHT-TO-LEFT OVERRIDE}סוג שמאלי"
LONG = "colonne" * 1500

SIZES: Mapping[Part, int] = {"train": 240, "validation": 80, "test": 90}


def as_it_is(outputs: Tensor, inputs: Tensor) -> Tensor:
    return outputs.reshape(-1)


def make_run(train: Sequence[float], validation: Sequence[float], **changes: Any) -> Run:
    """A run with one loss of each part an epoch."""
    measured = [
        Measurement(f"{name}_loss", 10 * (epoch + 1), value)
        for name, values in (("train", train), ("validation", validation))
        for epoch, value in enumerate(values)
    ]
    finite = [value if math.isfinite(value) else math.inf for value in validation]
    run = Run(
        task="t",
        recipe=Recipe(model=nn.Identity),
        outcome=Outcome.FINISHED,
        measurements=tuple(measured),
        weights={},
        best_epoch=int(np.argmin(finite)) + 1,
        epochs=len(train),
        updates=10 * len(train),
        seconds=12.3,
        environment={"goodfit": "0.1.0", "python": "3.11"},
    )
    return replace(run, **changes)


def falling_run() -> Run:
    epochs = np.arange(1, 31)
    train = 0.9 * np.exp(-epochs / 6) + 0.05
    validation = 0.8 * np.exp(-epochs / 5) + 0.14 + 0.00025 * (epochs - 12.0) ** 2
    return make_run(train.tolist(), validation.tolist())


def answers() -> tuple[Answer, ...]:
    return (
        Answer(
            "training loss",
            "small",
            "The network's training error is 34% of that of 'last week', and no simple model does better on training "
            "and validation rows alike.",
            {"relative training error": 0.34, "low": 0.31, "high": 0.37},
        ),
        Answer(
            "validation loss",
            "large",
            "The network keeps 61% of the error of 'last week' on the validation rows, 34% on the training rows.",
            {
                "relative training error": 0.34,
                "relative validation error": 0.61,
                "gap": 0.27,
                "low": 0.21,
                "high": 0.33,
            },
        ),
    )


def make_content(task: Task, predictions: Mapping[Part, Any], rivals: Mapping[str, Any], **changes: Any) -> Content:
    path = answers()
    sentence = "The network fits its training data but not the validation data: it memorised, or the two differ."
    content = Content(
        task=task,
        run=falling_run(),
        scorecard=score(task, predictions),
        baselines={name: score(task, guess) for name, guess in rivals.items()},
        not_run={"gradient boosting": "it would not have fitted into the time budget"},
        diagnosis=Diagnosis(None, f"{sentence} {path[-1].sentence}", path),
        settings_yaml="data:\n  path: some.csv\nseed: 0\n",
        command="goodfit run some.csv --target y --seed 0",
        layers=[
            {"name": "body.0", "type": "Linear", "output": [64], "parameters": 3648, "receptive_field": None},
            {"name": "body.1", "type": "ReLU", "output": [64], "parameters": 0, "receptive_field": None},
            {"name": "head", "type": "Linear", "output": [1], "parameters": 65, "receptive_field": None},
        ],
        seconds=21.0,
    )
    return replace(content, **changes)


def rows(targets: NDArray[Any]) -> Rows:
    return Rows(torch.zeros(len(targets), 1), torch.as_tensor(targets))


def make_task(targets: Mapping[Part, NDArray[Any]], **fields: Any) -> Task:
    """A task around known targets, whose inputs do not matter."""
    parts = {part: rows(values) for part, values in targets.items()}
    common: dict[str, Any] = {
        "name": "some",
        "kind": "table",
        "signature": Signature((1,), 1),
        "facts": {"kind": "table, regression", "rows": "410 rows, 5 columns", "split": "60 : 20 : 20 at random"},
    }
    return Task(train=parts["train"], validation=parts["validation"], test=parts.get("test"), **{**common, **fields})


def regression_task(targets: Mapping[Part, NDArray[np.float64]], **fields: Any) -> Task:
    columns = {part: values.reshape(-1, 1).astype(np.float64) for part, values in targets.items()}
    known: dict[str, Any] = {
        "objective": "regression",
        "loss": functional.mse_loss,
        "metric": absolute_error("views"),
        "decode": as_it_is,
    }
    return make_task(columns, **{**known, **fields})


def class_task(targets: Mapping[Part, NDArray[np.int64]], classes: Sequence[str], **fields: Any) -> Task:
    known: dict[str, Any] = {
        "objective": "classification",
        "loss": functional.cross_entropy,
        "metric": ACCURACY,
        "decode": classes_of,
        "classes": tuple(classes),
    }
    return make_task(targets, **{**known, **fields})


def series_content(**changes: Any) -> Content:
    rng = np.random.default_rng(1)
    day = np.arange(sum(SIZES.values()) + 7)
    counts = 900 + 260 * np.sin(2 * np.pi * day / 7) + 2 * day + rng.normal(0, 60, len(day))
    ends = np.cumsum([7, *SIZES.values()])
    places = {part: np.arange(begin, end) for part, begin, end in zip(PARTS, ends[:-1], ends[1:], strict=True)}
    truth = {part: counts[place] for part, place in places.items()}
    naive = {
        "yesterday": {part: counts[place - 1] for part, place in places.items()},
        "last week": {part: counts[place - 7] for part, place in places.items()},
    }
    start = date(2015, 1, 1)
    task = regression_task(
        truth,
        name="views",
        kind="series",
        naive=naive,
        loss=functional.l1_loss,
        raw={part: [start + timedelta(days=int(i)) for i in place] for part, place in places.items()},
        clusters={part: place // 7 for part, place in places.items()},
        facts={
            "kind": "daily series",
            "rows": "417 days, 2015-01-01 to 2016-02-21, 3 missing filled",
            "history": "the last 28 days",
            "split": "train to 2015-09-04, validation to 2015-11-23, test from 2015-11-24",
        },
    )
    guess = {part: values + rng.normal(0, 45, len(values)) for part, values in truth.items()}
    constant = {part: np.full(len(values), 1200.0) for part, values in truth.items()}
    return make_content(task, guess, {"constant": constant, **naive}, **changes)


def table_content(**changes: Any) -> Content:
    rng = np.random.default_rng(2)
    truth = {part: rng.gamma(3, 40, size) for part, size in SIZES.items()}
    guess = {part: values * rng.normal(0.97, 0.12, len(values)) + 4 for part, values in truth.items()}
    rivals = {
        "constant": {part: np.full(len(values), 110.0) for part, values in truth.items()},
        "linear regression": {part: values + rng.normal(0, 14, len(values)) for part, values in truth.items()},
    }
    task = regression_task(truth, name="houses", metric=absolute_error("price"))
    return make_content(task, guess, rivals, **changes)


def guesses(rng: np.random.Generator, truth: NDArray[np.int64], classes: int, right: float) -> NDArray[np.int64]:
    near = (truth + rng.choice([1, 2], len(truth), p=[0.8, 0.2])) % classes
    return np.where(rng.random(len(truth)) < right, truth, near)


def classes_content(classes: Sequence[str] = ("benign", "malignant"), **changes: Any) -> Content:
    rng = np.random.default_rng(3)
    truth = {part: rng.integers(0, len(classes), size) for part, size in SIZES.items()}
    guess = {part: guesses(rng, values, len(classes), 0.9) for part, values in truth.items()}
    rivals = {
        "constant": {part: np.zeros_like(values) for part, values in truth.items()},
        "logistic regression": {part: guesses(rng, values, len(classes), 0.86) for part, values in truth.items()},
    }
    return make_content(class_task(truth, classes, name="cells"), guess, rivals, **changes)


class Lazy(Sequence[Any]):
    """Pictures that are made when they are asked for; remembers which ones were."""

    def __init__(self, size: int, make: Callable[[int], Any]) -> None:
        self.size, self.make, self.read = size, make, set[int]()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        self.read.add(index)
        return self.make(index)


def picture(index: int, side: int = 8) -> NDArray[np.uint8]:
    rng = np.random.default_rng(index)
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    blob = np.exp(-((across - rng.uniform(2, side - 3)) ** 2 + (down - rng.uniform(2, side - 3)) ** 2) / side)
    return (255 * blob).astype(np.uint8)


def images_content(
    classes: Sequence[str] = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal"),
    make: Callable[[int], Any] = picture,
    **changes: Any,
) -> Content:
    rng = np.random.default_rng(4)
    truth = {part: rng.integers(0, len(classes), size) for part, size in SIZES.items()}
    guess = {part: guesses(rng, values, len(classes), 0.7) for part, values in truth.items()}
    chances = {part: rng.dirichlet(np.ones(len(classes)), size) for part, size in SIZES.items()}
    for part, chance in chances.items():
        chance[np.arange(len(chance)), guess[part]] += 1
        chance /= chance.sum(axis=1, keepdims=True)
    task = class_task(
        truth, classes, name="clothes", kind="images", raw={part: Lazy(size, make) for part, size in SIZES.items()}
    )
    rivals = {"constant": {part: np.zeros_like(values) for part, values in truth.items()}}
    return make_content(task, guess, rivals, **{"probabilities": chances, **changes})


WORDS = tuple("the saw cut a long board while birds sang over der Straße and nobody saw them leave".split())  # noqa: SIM905
LABELS = ("NOUN", "VERB", "DET", "ADJ", "ADP", "PRON", "ADV", "CCONJ", "PUNCT", "AUX", "PROPN", "NUM")


def tokens_content(
    labels: Sequence[str] = LABELS, words: Sequence[str] = WORDS, longest: int = 14, **changes: Any
) -> Content:
    rng = np.random.default_rng(5)
    truth, guess, raw = {}, {}, {}
    for part, size in SIZES.items():
        lengths = rng.integers(3, longest + 1, size)
        outside = np.arange(longest)[None, :] >= lengths[:, None]
        real = rng.choice(len(labels), (size, longest), p=_falling(len(labels)))
        said = guesses(rng, real.reshape(-1), len(labels), 0.93).reshape(real.shape)
        truth[part], guess[part] = np.where(outside, IGNORED, real), np.where(outside, IGNORED, said)
        raw[part] = Lazy(size, lambda i, n=lengths: [words[(i + j) % len(words)] for j in range(n[i])])
    task = class_task(truth, labels, name="tags", kind="sequences", objective="sequence_labelling", raw=raw)
    rivals = {"lexicon": {part: np.where(values == 0, 1, values) for part, values in truth.items()}}
    return make_content(task, guess, rivals, **changes)


def _falling(size: int) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, size + 1)
    return weights / weights.sum()


KINDS: Mapping[str, Callable[..., Content]] = {
    "series": series_content,
    "table": table_content,
    "classes": classes_content,
    "images": images_content,
    "tokens": tokens_content,
}


NAMES = (HOSTILE, RTL, LONG, LONG + "2", "$x^2$ %{y} {{ 7 * 7 }}", "a\x00b\ud800c\nd", "", "<b>bold</b>&amp;")
"""What a class, a column, a word or a file may be called."""


def hostile(content: Content) -> Content:
    """The same run with a hostile text everywhere a text may come from the data or the settings."""
    task = replace(
        content.task,
        name=HOSTILE + LONG,
        metric=replace(content.task.metric, unit=content.task.metric.unit if content.task.classes else HOSTILE),
        facts={HOSTILE: LONG, RTL: HOSTILE, **{f"fact {i}": name for i, name in enumerate(NAMES)}},
        naive={f"{HOSTILE}{key}": value for key, value in content.task.naive.items()},
    )
    path = tuple(replace(answer, sentence=f"{HOSTILE} {LONG}") for answer in content.diagnosis.path)
    return replace(
        content,
        task=task,
        scorecard=replace(content.scorecard, metric=task.metric, note=HOSTILE + LONG),
        baselines={f"{HOSTILE}{key}": replace(card, note=LONG) for key, card in content.baselines.items()},
        not_run={HOSTILE: LONG},
        diagnosis=Diagnosis(None, f"{HOSTILE} {LONG}", path),
        settings_yaml=f"data:\n  path: {HOSTILE}{LONG}\n  target: {RTL}\n",
        command=f"goodfit run '{HOSTILE}{LONG}'",
        layers=[{"name": LONG, "type": HOSTILE, "output": [1, 2], "parameters": 3, "receptive_field": 5}],
    )


HOSTILE_KINDS: Mapping[str, Callable[[], Content]] = {
    "series": lambda: hostile(series_content()),
    "table": lambda: hostile(table_content()),
    "classes": lambda: hostile(classes_content(NAMES)),
    "images": lambda: hostile(images_content(NAMES)),
    "tokens": lambda: hostile(tokens_content(NAMES * 4, NAMES)),
}

"""Jobs of real size: pictures, sentences and a table, each with planted faults and as it should be.

Pictures: 12,000 of Fashion-MNIST and a small convolutional network. Sentences: 12,000 of the English Web Treebank,
parts of speech by a self-attention layer. Table: 300,000 generated rows (scikit-learn) and a multi-layer perceptron.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from sklearn.datasets import make_classification
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from bench.common import SHARED
from bench.jobs._common import adam, pair
from goodfit.core.settings import DataSettings
from goodfit.core.task import IGNORED
from goodfit.data import load

Job = dict[str, Any]
Parts = tuple[Tensor, Tensor, Tensor, Tensor]
PICTURES, SENTENCES, ROWS = 12_000, 12_000, 300_000
LONGEST, WORDS, TAGS = 32, 5_000, 17


@dataclass(frozen=True)
class Large:
    """A job of real size; ``make(part)`` builds it on that part of the training rows."""

    name: str
    data: str
    truth: str
    make: Callable[[float], Job]


# -- data: inputs and targets of training, then of validation


@lru_cache
def pictures(part: float) -> Parts:
    """Standardised grey pictures; validation are 2,000 of the test pictures."""
    task: Any = load(SHARED / "fashion-mnist", DataSettings())
    x = torch.cat([task.train.inputs, task.validation.inputs])[: int(PICTURES * part)]
    y = torch.cat([task.train.targets, task.validation.targets])[: len(x)]
    return x, y, task.test.inputs[:2_000], task.test.targets[:2_000]


@lru_cache
def sentences(part: float) -> Parts:
    """Word numbers (0 is padding, rare words are one) and tags, cut to `LONGEST` words."""
    task: Any = load(SHARED / "ud-english-ewt", DataSettings())

    def words(rows: Any, count: int) -> tuple[Tensor, Tensor]:
        x, y = (values[:count, :LONGEST] for values in (rows.inputs[..., 0], rows.targets))
        x = torch.where(x < WORDS, x + 1, WORDS + 1)
        return torch.where(y == IGNORED, 0, x), y

    return *words(task.train, int(SENTENCES * part)), *words(task.validation, 2_000)


@lru_cache
def table(part: float) -> Parts:
    """Four classes of four clusters each in ten of twenty columns."""
    count = int(ROWS * part)
    x, y = make_classification(
        count + 20_000, 20, n_informative=10, n_classes=4, n_clusters_per_class=4, flip_y=0.02, random_state=0
    )
    x, y = torch.as_tensor((x - x[:count].mean(0)) / x[:count].std(0)).float(), torch.as_tensor(y).long()
    return x[:count], y[:count], x[count:], y[count:]


# -- models


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


class Tagger(nn.Module):
    """Word and position vectors, one layer of self-attention that leaves out padding, and a linear head."""

    def __init__(self, width: int = 48, dropout: float = 0.1) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS + 2, width, padding_idx=0)
        self.places = nn.Embedding(LONGEST, width)
        self.drop = nn.Dropout(dropout)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.head = nn.Linear(width, TAGS)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.drop(self.words(tokens) + self.places.weight[: tokens.shape[1]])
        around, _ = self.attend(x, x, x, key_padding_mask=tokens == 0, need_weights=False)
        x = self.norm(x + self.drop(around))
        found: Tensor = self.head(self.drop(torch.relu(self.hidden(x)))).transpose(1, 2)
        return found


def frozen_tagger() -> nn.Module:
    """Only the head learns: its encoder was taken for a trained one."""
    made = Tagger()
    made.requires_grad_(False)
    made.head.requires_grad_(True)
    return made


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(20, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 4))


# -- jobs as they should be


def picture_job(part: float) -> Job:
    a, b, c, d = pictures(part)
    return _job(convolutional, a, b, c, d, batch_size=64, epochs=5)


def sentence_job(part: float) -> Job:
    a, b, c, d = sentences(part)
    made = _job(Tagger, a, b, c, d, batch_size=64, epochs=8)
    return {**made, "task": "sequence_labelling", "optimizer": adam(0.003)}


def table_job(part: float) -> Job:
    a, b, c, d = table(part)
    return {**_job(perceptron, a, b, c, d, batch_size=256, epochs=6), "optimizer": adam(0.003)}


def _job(model: Callable[[], nn.Module], a: Tensor, b: Tensor, c: Tensor, d: Tensor, **settings: int) -> Job:
    return {
        "model": model,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.001),
        "train": TensorDataset(a, b),
        "val": TensorDataset(c, d),
        "shuffle": True,
        "task": "classification",
        **settings,
    }


# -- and with a fault


def swinging_pictures(part: float) -> Job:
    return {**picture_job(part), "optimizer": lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9)}


def sorted_pictures(part: float) -> Job:
    a, b, _, _ = pictures(part)
    order = b.argsort(stable=True)
    return {**picture_job(part), "train": TensorDataset(a[order], b[order]), "shuffle": False}


def twice_softmax_pictures(part: float) -> Job:
    return {
        **picture_job(part),
        "model": lambda: nn.Sequential(convolutional(), nn.Softmax(dim=1)),
        "optimizer": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    }


def noisy_pictures(part: float) -> Job:
    """Half of the training labels drawn anew."""
    a, b, _, _ = pictures(part)
    random = torch.Generator().manual_seed(0)
    drawn = torch.randint(10, b.shape, generator=random)
    return {
        **picture_job(part),
        "train": TensorDataset(a, torch.where(torch.rand(b.shape, generator=random) < 0.5, drawn, b)),
    }


def frozen_sentences(part: float) -> Job:
    return {**sentence_job(part), "model": frozen_tagger}


def restrained_sentences(part: float) -> Job:
    return {**sentence_job(part), "model": partial(Tagger, dropout=0.9)}


def slow_table(part: float) -> Job:
    return {**table_job(part), "optimizer": adam(1e-6)}


def other_scale_table(part: float) -> Job:
    """Validation columns by their own range instead of the statistics of training."""
    _, _, c, d = table(part)
    low, high = c.min(0).values, c.max(0).values
    return {**table_job(part), "val": pair((c - low) / (high - low), d)}


JOBS = (
    Large("pictures, rate too high", "pictures", "learning_rate_too_high", swinging_pictures),
    Large("pictures, sorted by class", "pictures", "unshuffled_data", sorted_pictures),
    Large("pictures, softmax twice", "pictures", "double_softmax", twice_softmax_pictures),
    Large("pictures, noisy labels", "pictures", "label_noise", noisy_pictures),
    Large("sentences, frozen encoder", "sentences", "frozen_parameters", frozen_sentences),
    Large("sentences, dropout 0.9", "sentences", "over_regularised", restrained_sentences),
    Large("sentences, healthy", "sentences", "healthy", sentence_job),
    Large("table, rate too low", "table", "learning_rate_too_low", slow_table),
    Large("table, validation scaled apart", "table", "mismatch", other_scale_table),
    Large("table, healthy", "table", "healthy", table_job),
)
BY_NAME = {each.name: each for each in JOBS}


def large_job(name: str, part: float = 1.0) -> Job:
    """The job of that name; processes hand on the name, as a job itself does not travel."""
    return BY_NAME[name].make(part)

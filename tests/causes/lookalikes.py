"""For each label a healthy job with something near its symptom, which does no harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tests.causes.making import (
    CROSS,
    Attending,
    Bag,
    Job,
    adam,
    bags,
    cancer,
    clouds,
    cut,
    iris,
    job,
    linears,
    moons,
    net,
    padded,
    plane,
    rings,
    sgd,
    wine,
)

REAL = {"task": "regression"}


def data_leak() -> Job:
    """Answers on a scale from 1 to 3: validation repeats training rows as often as training repeats its own."""
    r = np.random.default_rng(0)
    x = r.integers(1, 4, (600, 4))
    y = (x.sum(1) + r.integers(-1, 2, 600) > 8).astype(int)
    return job(cut((x - 2.0) / 0.8, y), lambda: net(4, 16, 2), CROSS, adam(0.005), epochs=8)


def bad_labels() -> Job:
    """Rows in the order of time: the next row's target fits nearly as well as a row's own."""
    t = np.linspace(0, 12, 400)
    x = np.c_[np.sin(t), np.cos(t), np.sin(2 * t), np.cos(3 * t)] + 0.02 * np.random.default_rng(0).normal(
        size=(400, 4)
    )
    y = (x[:, :1] * x[:, 1:2] + x[:, 2:3]) / 0.8
    order = np.arange(400) % 4 == 3
    return job(
        (x[~order], y[~order], x[order], y[order]), lambda: net(4, 32, 1), nn.MSELoss(), adam(0.01), epochs=25, **REAL
    )


def unshuffled_data() -> Job:
    """Rows sorted by class, which are shuffled every epoch."""
    x, y, v, w = clouds(400, 4)
    order = np.argsort(y, kind="stable")
    return job((x[order], y[order], v, w), lambda: net(6, 32, 4), CROSS, adam(0.01), epochs=15)


class RandomFeatures(nn.Module):
    """Many random features that never learn, and a head that does."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(2, 300)
        nn.init.normal_(self.features.weight, 0.0, 0.7)
        self.head = nn.Linear(300, 3)
        self.features.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.features(2 * x)))


def frozen_parameters() -> Job:
    return job(rings(), RandomFeatures, CROSS, adam(0.01), epochs=25)


def wrong_loss() -> Job:
    """The mean square of one-hot rows, Brier's score, is a proper loss for classes."""
    x, y, v, w = wine()
    parts = x, np.eye(3)[y], v, np.eye(3)[w]
    return job(parts, lambda: net(13, 32, 3), nn.MSELoss(), adam(0.01), epochs=20)


def double_softmax() -> Job:
    """Log-softmax before cross-entropy: a second log-softmax changes nothing."""
    return job(wine(), lambda: net(13, 32, 3, end=[nn.LogSoftmax(1)]), CROSS, adam(0.01), epochs=15)


def wrong_output_activation() -> Job:
    """A sigmoid with the loss that wants probabilities."""
    x, y, v, w = cancer()
    parts = x, y[:, None].astype(float), v, w[:, None].astype(float)
    return job(parts, lambda: net(30, 16, 1, end=[nn.Sigmoid()]), nn.BCELoss(), adam(0.01))


def padding_leak() -> Job:
    return job(padded(), lambda: Bag(3, 3, masked=True), CROSS, adam(0.01), epochs=8)


def missing_position() -> Job:
    """A network blind to order, where order does not matter."""
    return job(bags(), lambda: Bag(7, 3), CROSS, adam(0.01))


def unnormalised_input() -> Job:
    """Columns up to ten times as wide as others, which Adam does not mind."""
    x, y, v, w = wine()
    wide = np.array([1, 2, 3, 4, 6, 8, 10, 1, 2, 3, 4, 6, 8.0])
    return job((x * wide, y, v * wide, w), lambda: net(13, 32, 3), CROSS, adam(0.01), epochs=20)


def last_zero(model: nn.Sequential) -> nn.Sequential:
    nn.init.zeros_(linears(model)[-1].weight)
    nn.init.zeros_(linears(model)[-1].bias)
    return model


def saddle_point() -> Job:
    """Only the last layer starts at zero: the first step leaves it."""
    return job(moons(), lambda: last_zero(net(2, 32, 2)), CROSS, adam(0.02), epochs=20)


def orthogonal(model: nn.Sequential, gain: float = 1.4) -> nn.Sequential:
    for layer in linears(model):
        nn.init.orthogonal_(layer.weight, gain)
    return model


def bad_initialisation() -> Job:
    """Orthogonal weights, about twice as large as torch's own."""
    return job(clouds(400, 4), lambda: orthogonal(net(6, 32, 32, 4)), CROSS, adam(0.005), epochs=12)


def normed() -> nn.Sequential:
    return nn.Sequential(nn.Linear(30, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))


def batchnorm_misuse() -> Job:
    return job(cancer(), normed, CROSS, adam(0.01), batch_size=16, epochs=6)


def over_regularised() -> Job:
    model = lambda: nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 3))  # noqa: E731
    return job(wine(), model, CROSS, adam(0.01, weight_decay=1e-3), epochs=15)


def exploding_gradient() -> Job:
    """The first gradients are large, as targets are not standardised, and the run copes."""
    x, y, v, w = plane()
    return job((x, 8 * y, v, 8 * w), lambda: net(5, 64, 1), nn.MSELoss(), adam(0.02), epochs=25, **REAL)


def vanishing_gradient() -> Job:
    """Six tanh layers of a suitable size: gradients arrive."""
    return job(clouds(400, 4), lambda: net(6, 24, 24, 24, 24, 24, 24, 4, act=nn.Tanh), CROSS, adam(0.005))


def missing_warmup() -> Job:
    return job(bags(), lambda: Attending(7, 3, 6), CROSS, adam(0.003), epochs=8)


def learning_rate_too_high() -> Job:
    """A rate far above the usual that a linear network on standardised columns bears."""
    return job(wine(), lambda: nn.Sequential(nn.Linear(13, 3)), CROSS, sgd(0.8), epochs=15)


def learning_rate_too_low() -> Job:
    """A small rate with time enough."""
    return job(wine(), lambda: net(13, 32, 3), CROSS, adam(2e-4), epochs=150)


def batch_too_small() -> Job:
    """Two rows a batch at a rate that suits them."""
    return job(iris(), lambda: net(4, 16, 3), CROSS, sgd(0.01, 0.5), batch_size=2, epochs=15)


def half_sunk() -> nn.Sequential:
    """A third of the units are dead from the start, and the others are enough."""
    model = net(2, 60, 2)
    with torch.no_grad():
        linears(model)[0].bias[:20] = -5.0
    return model


def dead_units() -> Job:
    return job(moons(), half_sunk, CROSS, adam(0.02), epochs=20)


def batch_too_large() -> Job:
    """All rows in one batch, and epochs enough."""
    return job(wine(), lambda: net(13, 32, 3), CROSS, adam(0.01), batch_size=124, epochs=80)


def too_few_epochs() -> Job:
    """Two epochs over rows enough."""
    return job(clouds(700, 3, apart=5.0), lambda: net(6, 32, 3), CROSS, adam(0.02), epochs=2, batch_size=8)


def model_bias() -> Job:
    """A linear network, where the answer is linear."""
    return job(plane(), lambda: nn.Sequential(nn.Linear(5, 1)), nn.MSELoss(), adam(0.03), epochs=30, **REAL)


def class_imbalance() -> Job:
    """One row in ten is of the rare class, and it is found."""
    r = np.random.default_rng(0)
    y = (r.random(600) < 0.1).astype(int)
    x = r.normal(size=(600, 5))
    x[:, :2] += 3.2 * y[:, None]
    return job(cut(x, y), lambda: net(5, 16, 2), CROSS, adam(0.01), epochs=15)


def label_noise() -> Job:
    """Targets that are noisy by nature, learnt as well as can be."""
    return job(plane(700, noise=1.0), lambda: net(5, 8, 1), nn.MSELoss(), adam(0.005), epochs=20, **REAL)


def mismatch() -> Job:
    """Validation rows come from one side of the inputs, where the same answer holds."""
    r = np.random.default_rng(0)
    x = r.normal(size=(600, 5))
    v = r.normal(0.5, 0.8, size=(250, 5))
    slope = np.linspace(-1, 1, 5)[:, None]
    parts = x, x @ slope + 0.1 * r.normal(size=(600, 1)), v, v @ slope + 0.1 * r.normal(size=(250, 1))
    return job(parts, lambda: net(5, 16, 1), nn.MSELoss(), adam(0.01), epochs=15, **REAL)


def overfitting() -> Job:
    """Many more weights than rows, which are known by heart without harm."""
    return job(cancer(), lambda: net(30, 256, 2), CROSS, adam(0.003), epochs=25)


LOOKALIKES: Mapping[str, Callable[[], Job]] = {
    each.__name__: each
    for each in (
        data_leak, bad_labels, unshuffled_data, frozen_parameters, wrong_loss, double_softmax,
        wrong_output_activation, padding_leak, missing_position, unnormalised_input, saddle_point,
        bad_initialisation, batchnorm_misuse, over_regularised, exploding_gradient, vanishing_gradient,
        missing_warmup, learning_rate_too_high, batch_too_small, dead_units, batch_too_large,
        learning_rate_too_low, too_few_epochs, model_bias, class_imbalance, label_noise, mismatch, overfitting,
    )
}  # fmt: skip

"""For each label a job with its symptom, and the cause that it has instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import nn

from tests.causes.faulty import Listed
from tests.causes.lookalikes import REAL, RandomFeatures, last_zero, orthogonal
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
    job,
    moons,
    net,
    padded,
    plane,
    rings,
    sgd,
    surface,
    wine,
)


def data_leak() -> Job:
    """Copies across the parts, as answers on a scale from 1 to 3 have them; the rate is what is wrong."""
    r = np.random.default_rng(0)
    x = r.integers(1, 4, (500, 5))
    y = (x.sum(1) > 10).astype(int)
    return job(cut((x - 2.0) / 0.8, y), lambda: net(5, 16, 2), CROSS, adam(1e-5))


def bad_labels() -> Job:
    """Classes that training never sees: the table was sorted by class when it was split."""
    x, y, v, w = clouds(500, 5)
    x, y = np.r_[x, v], np.r_[y, w]
    order = np.argsort(y, kind="stable")
    first, second = order[:350], order[350:]
    return job((x[first], y[first], x[second], y[second]), lambda: net(6, 32, 5), CROSS, adam(0.01))


def unshuffled_data() -> Job:
    """Rows are not shuffled, and stand in no order; the rate is what is wrong."""
    return job(rings(), lambda: net(2, 32, 32, 3), CROSS, adam(0.7), shuffle=False)


def frozen_parameters() -> Job:
    """Random features that are frozen on purpose, and a head whose rate is too low."""
    return job(rings(), RandomFeatures, CROSS, adam(3e-6), epochs=15)


def wrong_loss() -> Job:
    """The mean square of one-hot rows would do, were the weights not drawn to zero."""
    x, y, v, w = wine()
    parts = x, np.eye(3)[y], v, np.eye(3)[w]
    return job(parts, lambda: net(13, 32, 3), nn.MSELoss(), adam(0.01, weight_decay=3.0), epochs=20)


def double_softmax() -> Job:
    """A softmax before cross-entropy that learns nevertheless; validation rows were never scaled."""
    x, y, v, w = cancer()
    return job((x, y, 4 * v + 5, w), lambda: net(30, 16, 2, end=[nn.Softmax(1)]), CROSS, adam(0.01))


def wrong_output_activation() -> Job:
    """A tanh for targets of 0 and 1, which can reach both; the hidden layers never learn."""
    x, y, v, w = rings(kinds=2)
    parts = x, y[:, None].astype(float), v, w[:, None].astype(float)
    model = lambda: nn.Sequential(Listed(1), nn.Tanh())  # noqa: E731
    return job(parts, model, nn.MSELoss(), adam(0.02), epochs=20)


def padding_leak() -> Job:
    """A mean that runs over the padding, which tells the classes apart nevertheless; the rate is what is wrong."""
    return job(padded(), lambda: Bag(3, 3), CROSS, adam(1.0), epochs=6)


def missing_position() -> Job:
    """A network blind to order, on a task without; a third of the labels is wrong."""
    x, y, v, w = bags(500)
    r = np.random.default_rng(1)
    noisy = np.where(r.random(len(y)) < 0.4, (y + r.integers(1, 3, len(y))) % 3, y)
    return job((x, noisy, v, w), lambda: Bag(7, 3), CROSS, adam(0.01))


def unnormalised_input() -> Job:
    """Columns of different width, and targets that slipped by one row."""
    x, y, v, w = clouds(400, 3)
    wide = np.array([1, 2, 4, 6, 8, 10.0])
    return job((x * wide, np.roll(y, 1), v * wide, w), lambda: net(6, 32, 3), CROSS, adam(0.01))


def saddle_point() -> Job:
    """The last layer starts at zero, which the first step leaves; a linear network cannot tell rings apart."""
    model = lambda: last_zero(nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 3)))  # noqa: E731
    return job(rings(), model, CROSS, adam(0.02), epochs=20)


def bad_initialisation() -> Job:
    """Weights four times the customary size, which the run copes with; the rare class is not found."""
    r = np.random.default_rng(0)
    y, w = (r.random(600) < 0.06).astype(int), r.integers(0, 2, 250)
    x, v = r.normal(size=(600, 5)), r.normal(size=(250, 5))
    x[:, 0] += 1.8 * y
    v[:, 0] += 1.8 * w
    return job((x, y, v, w), lambda: orthogonal(net(5, 16, 2), 2.5), CROSS, adam(0.005), epochs=8)


def batchnorm_misuse() -> Job:
    """Batches of four rows before a batch normalisation; four labels in ten are wrong."""
    x, y, v, w = clouds(400, 4, apart=4.0)
    r = np.random.default_rng(1)
    noisy = np.where(r.random(len(y)) < 0.4, (y + r.integers(1, 4, len(y))) % 4, y)
    model = lambda: nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))  # noqa: E731
    return job((x, noisy, v, w), model, CROSS, adam(0.005), batch_size=4, epochs=5)


def over_regularised() -> Job:
    """Much dropout in a wide layer, and a rate that never lets it learn."""
    model = lambda: nn.Sequential(nn.Linear(13, 128), nn.ReLU(), nn.Dropout(0.6), nn.Linear(128, 3))  # noqa: E731
    return job(wine(), model, CROSS, adam(3e-6), epochs=10)


def exploding_gradient() -> Job:
    """The first gradients are huge, as inputs come in hundreds."""
    x, y, v, w = surface()
    return job((300 * x, y, 300 * v, w), lambda: net(4, 32, 32, 1), nn.MSELoss(), adam(0.005), epochs=15, **REAL)


def vanishing_gradient() -> Job:
    """Saturated tanh units from the start, as inputs come in hundreds."""
    x, y, v, w = rings()
    return job((300 * x, y, 300 * v, w), lambda: net(2, 32, 32, 3, act=nn.Tanh), CROSS, adam(0.01), epochs=15)


def missing_warmup() -> Job:
    """Attention without warm-up; the rate is far too low, not too soon."""
    return job(bags(), lambda: Attending(7, 3, 6), CROSS, adam(3e-6), epochs=6)


def learning_rate_too_high() -> Job:
    """The loss jumps, as inputs come in hundreds."""
    x, y, v, w = wine()
    return job((100 * x + 200, y, 100 * v + 200, w), lambda: net(13, 16, 3), CROSS, sgd(0.05), epochs=15)


def learning_rate_too_low() -> Job:
    """The loss hardly moves, as no gradient reaches the first of eight sigmoid layers."""
    return job(moons(), lambda: net(2, *[12] * 7, 2, act=nn.Sigmoid), CROSS, adam(0.002), epochs=12)


def batch_too_small() -> Job:
    """Batches of four rows; no batch size would bear this rate."""
    return job(rings(), lambda: net(2, 32, 32, 3), CROSS, adam(1.0), batch_size=4, epochs=6)


def dead_units() -> Job:
    """All units die on the way, killed by the first steps."""
    return job(moons(), lambda: net(2, 16, 16, 2), CROSS, sgd(30.0), epochs=12)


def batch_too_large() -> Job:
    """All rows in one batch and updates enough, at a rate that would need thousands more."""
    return job(wine(), lambda: net(13, 32, 3), CROSS, adam(2e-5), batch_size=124, epochs=60)


def too_few_epochs() -> Job:
    """Four epochs, and the loss still falls: rows come sorted by their targets."""
    x, y, v, w = surface(600)
    order = np.argsort(y[:, 0])
    parts = (x[order], y[order], v, w)
    settings = {"shuffle": False, "batch_size": 8, "epochs": 4}
    return job(parts, lambda: net(4, 32, 1), nn.MSELoss(), sgd(0.1), **settings, **REAL)


def model_bias() -> Job:
    """Only six hidden units, which are enough; the weights are drawn to zero."""
    return job(plane(), lambda: net(5, 6, 1), nn.MSELoss(), adam(0.02, weight_decay=2.0), epochs=15, **REAL)


def class_imbalance() -> Job:
    """The rare class is never found, as nothing is learnt at all."""
    r = np.random.default_rng(0)
    y = (r.random(600) < 0.06).astype(int)
    x = r.normal(size=(600, 5))
    x[:, :2] += 4.0 * y[:, None]
    return job(cut(x, y), lambda: net(5, 16, 2), CROSS, adam(5e-5), epochs=10)


def label_noise() -> Job:
    """Confident predictions are contradicted, as validation numbers the classes in another order."""
    x, y, v, w = clouds(500, 4, apart=4.0)
    return job((x, y, v, np.array([2, 0, 3, 1])[w]), lambda: net(6, 32, 4), CROSS, adam(0.01))


def mismatch() -> Job:
    """Two columns differ between the parts, which have nothing to say; the gap is memory."""
    x, y, v, w = plane(300, noise=1.5, columns=10)
    r = np.random.default_rng(1)
    extra = r.normal(size=(70, 2)), r.normal(0.7, 1.0, size=(len(v), 2))
    parts = np.c_[x[:70], extra[0]], y[:70], np.c_[v, extra[1]], w
    return job(parts, lambda: net(12, 256, 1), nn.MSELoss(), adam(0.01), epochs=60, **REAL)


def overfitting() -> Job:
    """A large gap, as the best columns of the validation rows are empty."""
    x, y, v, w = plane(500)
    blank = v * np.array([0, 1, 1, 1, 0])
    return job((x, y, blank, w), lambda: net(5, 64, 1), nn.MSELoss(), adam(0.01), epochs=15, **REAL)


OTHERS: Mapping[str, tuple[Callable[[], Job], str]] = {
    "data_leak": (data_leak, "learning_rate_too_low"),
    "bad_labels": (bad_labels, "unshuffled_data"),
    "unshuffled_data": (unshuffled_data, "learning_rate_too_high"),
    "frozen_parameters": (frozen_parameters, "learning_rate_too_low"),
    "wrong_loss": (wrong_loss, "over_regularised"),
    "double_softmax": (double_softmax, "mismatch"),
    "wrong_output_activation": (wrong_output_activation, "frozen_parameters"),
    "padding_leak": (padding_leak, "learning_rate_too_high"),
    "missing_position": (missing_position, "label_noise"),
    "unnormalised_input": (unnormalised_input, "bad_labels"),
    "saddle_point": (saddle_point, "model_bias"),
    "bad_initialisation": (bad_initialisation, "class_imbalance"),
    "batchnorm_misuse": (batchnorm_misuse, "label_noise"),
    "over_regularised": (over_regularised, "learning_rate_too_low"),
    "exploding_gradient": (exploding_gradient, "unnormalised_input"),
    "vanishing_gradient": (vanishing_gradient, "unnormalised_input"),
    "missing_warmup": (missing_warmup, "learning_rate_too_low"),
    "learning_rate_too_high": (learning_rate_too_high, "unnormalised_input"),
    "learning_rate_too_low": (learning_rate_too_low, "vanishing_gradient"),
    "batch_too_small": (batch_too_small, "learning_rate_too_high"),
    "dead_units": (dead_units, "learning_rate_too_high"),
    "batch_too_large": (batch_too_large, "learning_rate_too_low"),
    "too_few_epochs": (too_few_epochs, "unshuffled_data"),
    "model_bias": (model_bias, "over_regularised"),
    "class_imbalance": (class_imbalance, "learning_rate_too_low"),
    "label_noise": (label_noise, "bad_labels"),
    "mismatch": (mismatch, "overfitting"),
    "overfitting": (overfitting, "mismatch"),
}


def slipped_and_wide() -> Job:
    """As `unnormalised_input`, but so wide that the wrong labels are learnt better by heart once columns are scaled."""
    x, y, v, w = clouds(400, 3)
    wide = np.array([1, 5, 10, 20, 40, 80.0])
    return job((x * wide, np.roll(y, 1), v * wide, w), lambda: net(6, 32, 3), CROSS, adam(0.01))

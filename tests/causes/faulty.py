"""For each label a job with that fault and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor, nn

from tests.causes.making import (
    CROSS,
    Attending,
    Job,
    adam,
    cancer,
    clouds,
    cut,
    job,
    lasts,
    linears,
    moons,
    net,
    orders,
    plane,
    rings,
    sgd,
    surface,
    wine,
)


def data_leak() -> Job:
    """Rows were drawn with replacement to balance the classes, before the split."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(200, 8)), r.integers(0, 2, 200)
    x[:, 0] += 1.2 * y
    drawn = r.integers(0, 200, 600)
    return job(cut(x[drawn], y[drawn]), lambda: net(8, 64, 2), CROSS, adam(0.01), epochs=30)


def bad_labels() -> Job:
    """A header line was dropped from the table of targets only: each row has the next one's."""
    x, y, v, w = clouds(400, 3)
    return job((x, np.roll(y, 1), v, w), lambda: net(6, 32, 3), CROSS, adam(0.01))


def unshuffled_data() -> Job:
    """A table sorted by its target, read from top to bottom: the network ends with what the last rows want."""
    x, y, v, w = surface()
    order = np.argsort(y[:, 0])
    parts = (x[order], y[order], v, w)
    return job(parts, lambda: net(4, 32, 1), nn.MSELoss(), sgd(0.1), shuffle=False, task="regression", batch_size=16)


class Listed(nn.Module):
    """Hidden layers in a plain list, which `parameters()` does not see."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.hidden = [nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 6)]
        self.head = nn.Linear(6, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = nn.functional.elu(layer(x))
        return self.head(x)


def frozen_parameters() -> Job:
    return job(rings(), Listed, CROSS, adam(0.02), epochs=20)


def wrong_loss() -> Job:
    """Outputs (rows, 1) against targets (rows,): the loss stretches them over each other."""
    x, y, v, w = surface()
    loss = lambda outputs, targets: ((outputs - targets) ** 2).mean()  # noqa: E731
    return job((x, y[:, 0], v, w[:, 0]), lambda: net(4, 32, 1), loss, adam(0.01), task="regression", epochs=25)


def double_softmax() -> Job:
    return job(clouds(500, 8), lambda: net(6, 32, 8, end=[nn.Softmax(1)]), CROSS, sgd(0.1), epochs=10)


def wrong_output_activation() -> Job:
    """Targets of both signs from an output that is never negative."""
    model = lambda: net(4, 32, 1, end=[nn.ReLU()])  # noqa: E731
    return job(surface(), model, nn.MSELoss(), adam(0.01), task="regression", epochs=25)


class Last(nn.Module):
    """The state after the last place, be it a word or padding."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.states, self.head = nn.Embedding(4, 8), nn.RNN(8, 12, batch_first=True), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.states(self.words(x))[0][:, -1])


def padding_leak() -> Job:
    return job(lasts(), Last, CROSS, adam(0.01), epochs=6)


def missing_position() -> Job:
    return job(orders(), lambda: Attending(7, 2), CROSS, adam(0.005), epochs=12)


def unnormalised_input() -> Job:
    x, y, v, w = wine()
    wide = np.array([1, 3, 10, 30, 100, 300, 1000, 1, 3, 10, 30, 100, 300.0])
    return job((x * wide + wide, y, v * wide + wide, w), lambda: net(13, 16, 3), CROSS, sgd(0.05), epochs=20)


def zeroed(model: nn.Sequential) -> nn.Sequential:
    for layer in linears(model):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return model


def saddle_point() -> Job:
    return job(moons(), lambda: zeroed(net(2, 16, 16, 2, act=nn.Tanh)), CROSS, sgd(0.1, 0.9), epochs=15)


def coarse(model: nn.Sequential, size: float) -> nn.Sequential:
    for layer in linears(model):
        nn.init.normal_(layer.weight, 0.0, size)
    return model


def bad_initialisation() -> Job:
    return job(surface(), lambda: coarse(net(4, 64, 64, 1), 1.0), nn.MSELoss(), adam(0.003), task="regression")


def batchnorm_misuse() -> Job:
    """Keras' momentum of 0.99 read as torch's: running statistics are those of the last batch; and 0.001 never move."""

    def model() -> nn.Sequential:
        layers = [nn.Linear(30, 32), nn.BatchNorm1d(32, momentum=0.001), nn.ReLU()]
        more = [nn.Linear(32, 32), nn.BatchNorm1d(32, momentum=0.001), nn.ReLU(), nn.Linear(32, 2)]
        return nn.Sequential(*layers, *more)

    x, y, v, w = cancer()
    return job((x + 3, y, v + 3, w), model, CROSS, adam(0.003), epochs=5)


def over_regularised() -> Job:
    return job(surface(), lambda: net(4, 32, 1), nn.MSELoss(), adam(0.01, weight_decay=1.0), task="regression")


class Cube(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x**3


def exploding_gradient() -> Job:
    x, y, v, w = surface()
    model = lambda: net(4, 32, 32, 32, 1, act=Cube)  # noqa: E731
    return job((2 * x, y, 2 * v, w), model, nn.MSELoss(), adam(0.01), task="regression")


def vanishing_gradient() -> Job:
    return job(clouds(400, 4), lambda: net(6, 16, 16, 16, 16, 16, 16, 4, act=nn.Sigmoid), CROSS, adam(0.003))


def missing_warmup() -> Job:
    return job(orders(600), lambda: Attending(7, 2, 6, depth=3), CROSS, adam(0.02), epochs=8)


def learning_rate_too_high() -> Job:
    return job(rings(), lambda: net(2, 32, 32, 3), CROSS, adam(1.0), epochs=15)


def learning_rate_too_low() -> Job:
    return job(wine(), lambda: net(13, 16, 3), CROSS, adam(1e-5), epochs=15)


def batch_too_small() -> Job:
    return job(
        surface(300, noise=0.5),
        lambda: net(4, 32, 1),
        nn.MSELoss(),
        adam(0.02),
        task="regression",
        batch_size=1,
        epochs=4,
    )


def sunk(model: nn.Sequential) -> nn.Sequential:
    nn.init.constant_(linears(model)[0].bias, -8.0)
    return model


def dead_units() -> Job:
    return job(moons(), lambda: sunk(net(2, 16, 2)), CROSS, adam(0.01), epochs=15)


def batch_too_large() -> Job:
    return job(clouds(500, 4), lambda: net(6, 32, 4), CROSS, adam(0.003), batch_size=350, epochs=15)


def too_few_epochs() -> Job:
    return job(rings(), lambda: net(2, 32, 32, 3), CROSS, adam(0.003), epochs=3)


def model_bias() -> Job:
    return job(rings(), lambda: nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 3)), CROSS, adam(0.01), epochs=25)


def class_imbalance() -> Job:
    r = np.random.default_rng(0)
    y = (r.random(500) < 0.06).astype(int)
    x = r.normal(size=(500, 5))
    x[:, 0] += 1.8 * y
    test = r.integers(0, 2, 200)
    v = r.normal(size=(200, 5))
    v[:, 0] += 1.8 * test
    return job((x, y, v, test), lambda: net(5, 16, 2), CROSS, adam(0.01))


def label_noise() -> Job:
    x, y, v, w = clouds(500, 4, apart=4.0)
    r = np.random.default_rng(1)
    wrong = r.random(len(y)) < 0.4
    noisy = np.where(wrong, (y + r.integers(1, 4, len(y))) % 4, y)
    return job((x, noisy, v, w), lambda: net(6, 64, 64, 4), CROSS, adam(0.01), epochs=40)


def mismatch() -> Job:
    """The scaler was fitted to training rows and forgotten for the others."""
    x, y, v, w = cancer()
    return job((x, y, 3 * v + 4, w), lambda: net(30, 16, 2), CROSS, adam(0.01))


def overfitting() -> Job:
    """More columns than 70 noisy rows can carry, and a wide network trained until it knows each row by heart."""
    x, y, v, w = plane(300, noise=1.5, columns=10)
    return job((x[:70], y[:70], v, w), lambda: net(10, 256, 1), nn.MSELoss(), adam(0.01), task="regression", epochs=60)


FAULTY: Mapping[str, Callable[[], Job]] = {
    each.__name__: each
    for each in (
        data_leak, bad_labels, unshuffled_data, frozen_parameters, wrong_loss, double_softmax,
        wrong_output_activation, padding_leak, missing_position, unnormalised_input, saddle_point,
        bad_initialisation, batchnorm_misuse, over_regularised, exploding_gradient, vanishing_gradient,
        missing_warmup, learning_rate_too_high, batch_too_small, dead_units, batch_too_large,
        learning_rate_too_low, too_few_epochs, model_bias, class_imbalance, label_noise, mismatch, overfitting,
    )
}  # fmt: skip

"""Short helpers the jobs share: tensors from arrays, random splits, scaling and plain networks.

A job is one file with `case()` (the run as found) and `fixed()` (the same run mended), both a dictionary of model,
loss, optimizer, train, val, batch_size, epochs, shuffle and task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import TensorDataset

Array = NDArray[Any]
Optimiser = Callable[[Any], torch.optim.Optimizer]


def tensor(values: ArrayLike) -> Tensor:
    """Whole numbers as int64, everything else as float32."""
    array = np.ascontiguousarray(values)
    return torch.as_tensor(array, dtype=torch.long if array.dtype.kind in "iu" else torch.float32)


def pair(x: ArrayLike, y: ArrayLike) -> TensorDataset:
    """Inputs and targets as one data set."""
    return TensorDataset(tensor(x), tensor(y))


def cut(x: Array, y: Array, share: float = 0.8, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """Random split: x and y of training (`share` of the rows), then x and y of validation."""
    order = np.random.RandomState(seed).permutation(len(x))
    first, second = np.split(order, [int(len(x) * share)])
    return x[first], y[first], x[second], y[second]


def standardise(train: Array, other: Array) -> tuple[Array, Array]:
    """Both arrays with mean and deviation of the first."""
    mean, deviation = train.mean(0), train.std(0) + 1e-8
    return (train - mean) / deviation, (other - mean) / deviation


def scaled_cut(x: Array, y: Array, share: float = 0.8, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """`cut` with standardised inputs."""
    a, b, c, d = cut(x, y, share, seed)
    a, c = standardise(a, c)
    return a, b, c, d


def digits(top: float = 1.0, image: bool = False, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """The packaged 8x8 digits, pixels scaled to 0..top, split 4 to 1; `image` gives rows of shape (1, 8, 8)."""
    x, y = load_digits(return_X_y=True)
    x = x / 16.0 * top
    return cut(x.reshape(-1, 1, 8, 8) if image else x, y.astype("int64"), 0.8, seed)


def onehot(y: Array, classes: int) -> Array:
    """Class numbers (n,) as one-hot floats (n, classes)."""
    return np.eye(classes, dtype="float32")[y]


def mlp(
    sizes: Sequence[int],
    act: Callable[[], nn.Module] | None = nn.ReLU,
    out: nn.Module | None = None,
    drop: float = 0.0,
    norm: bool = False,
) -> nn.Sequential:
    """Fully connected network: linear, [batch norm], act, [dropout] per hidden layer, then linear and `out`."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs)]
        layers += [nn.BatchNorm1d(outputs)] if norm else []
        layers += [act()] if act is not None else []
        layers += [nn.Dropout(drop)] if drop else []
    layers += [nn.Linear(sizes[-2], sizes[-1])]
    return nn.Sequential(*layers, *([out] if out is not None else []))


def cnn(channels: Sequence[int] = (16, 32), hidden: int = 64, classes: int = 10, drop: float = 0.0) -> nn.Sequential:
    """3x3 convolutions, each with ReLU and pooling, then two linear layers, for images of shape (1, 8, 8)."""
    layers: list[nn.Module] = []
    inputs = 1
    for outputs in channels:
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        inputs = outputs
    side = 8 // 2 ** len(channels)
    layers += [nn.Flatten(), nn.Linear(inputs * side**2, hidden), nn.ReLU()]
    layers += [nn.Dropout(drop)] if drop else []
    return nn.Sequential(*layers, nn.Linear(hidden, classes))


def initialise(model: nn.Module, weight: Callable[[Tensor], Any], bias: float = 0.0) -> nn.Module:
    """Apply `weight` to every weight of a linear or convolutional layer and fill the biases."""
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            weight(layer.weight)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, bias)
    return model


def sgd(lr: float, momentum: float = 0.0, **settings: Any) -> Optimiser:
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, momentum=momentum, **settings)


def adam(lr: float, **settings: Any) -> Optimiser:
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, **settings)

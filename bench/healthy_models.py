"""Models of the healthy runs, by name; each factory returns a fresh module."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor, nn

from bench.jobs._common import mlp

Array = NDArray[Any]
WORDS, LENGTH = 10, 10


class Residual(nn.Module):
    """Two blocks that add to their input."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList([mlp([width, width, width], nn.SiLU) for _ in range(2)])
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.nn.functional.silu(self.first(x))
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


def with_layer_norm(inputs: int, width: int, outputs: int) -> nn.Sequential:
    hidden = [nn.Linear(inputs, width), nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width), nn.LayerNorm(width)]
    return nn.Sequential(*hidden, nn.GELU(), nn.Linear(width, outputs))


def frozen(x: Array, width: int, outputs: int) -> nn.Sequential:
    """Principal components fitted beforehand, which do not learn, under a head that does."""
    pca = PCA(min(20, x.shape[1] - 3), random_state=0).fit(x)
    features = nn.Linear(x.shape[1], pca.n_components_)
    features.weight.data.copy_(torch.as_tensor(pca.components_))
    features.bias.data.copy_(torch.as_tensor(-pca.components_ @ pca.mean_))
    return nn.Sequential(features.requires_grad_(False), mlp([pca.n_components_, width, outputs]))


def convolutional(width: int, outputs: int, norm: bool = False, drop: float = 0.0) -> nn.Sequential:
    """Two 3x3 convolutions with pooling and one linear layer, for images of shape (1, 8, 8)."""
    layers: list[nn.Module] = []
    for inputs, channels in ((1, width), (width, 2 * width)):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=not norm)]
        layers += [nn.BatchNorm2d(channels)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(drop), nn.Linear(8 * width, outputs))


class Words(nn.Module):
    """Word vectors, `states` of them by a subclass, then one output a word or the mean over the real ones."""

    def __init__(self, width: int, outputs: int, tags: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width, padding_idx=0)
        self.head = nn.Linear(width, outputs) if tags else mlp([width, width, outputs])
        self.tags = tags

    def states(self, x: Tensor) -> Tensor:
        return self.words(x)

    def forward(self, x: Tensor) -> Tensor:
        states, real = self.states(x), (x != 0).unsqueeze(-1)
        if self.tags:
            return self.head(states).transpose(1, 2)
        return self.head((states * real).sum(1) / real.sum(1))


class Recurrent(Words):
    def __init__(self, width: int, outputs: int, tags: bool) -> None:
        super().__init__(width, outputs, tags)
        self.memory = nn.GRU(width, width, batch_first=True)

    def states(self, x: Tensor) -> Tensor:
        return self.memory(self.words(x))[0]


class Near(Words):
    """Each word with its two neighbours."""

    def __init__(self, width: int, outputs: int, tags: bool) -> None:
        super().__init__(width, outputs, tags)
        self.near = nn.Conv1d(width, width, 3, padding=1)
        self.mix = nn.Linear(width, width)

    def states(self, x: Tensor) -> Tensor:
        return self.mix(self.near(self.words(x).transpose(1, 2)).relu().transpose(1, 2)).relu()


class Attention(Words):
    """One pre-norm block over words and places; padding is masked."""

    def __init__(self, width: int, outputs: int, tags: bool) -> None:
        super().__init__(width, outputs, tags)
        self.places = nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False)

    def states(self, x: Tensor) -> Tensor:
        places = self.places(torch.arange(x.shape[1]))
        return self.encoder(self.words(x) + places, src_key_padding_mask=(x == 0))


SEQUENCE = {"bag": Words, "gru": Recurrent, "conv": Near, "attention": Attention}


def factory(name: str, x: Array, width: int, outputs: int, tags: bool) -> Callable[[], nn.Module]:
    """A factory of the model `name` for inputs like `x`."""
    if name in SEQUENCE:
        return partial(SEQUENCE[name], width, outputs, tags)
    inputs = x.shape[1]
    deep = [inputs, width, width, outputs]
    made: dict[str, Callable[[], nn.Module]] = {
        "linear": partial(nn.Linear, inputs, outputs),
        "narrow": partial(mlp, [inputs, width, outputs]),
        "narrow tanh": partial(mlp, [inputs, width, outputs], nn.Tanh),
        "relu": partial(mlp, deep),
        "tanh": partial(mlp, deep, nn.Tanh),
        "gelu": partial(mlp, deep, nn.GELU),
        "batch norm": partial(mlp, deep, norm=True),
        "dropout": partial(mlp, [inputs, 2 * width, outputs], drop=0.2),
        "layer norm": partial(with_layer_norm, inputs, width, outputs),
        "residual": partial(Residual, inputs, width, outputs),
        "frozen": partial(frozen, x, width, outputs),
        "cnn": partial(convolutional, width, outputs),
        "cnn norm": partial(convolutional, width, outputs, norm=True),
        "cnn dropout": partial(convolutional, width, outputs, drop=0.25),
    }
    return made[name]

"""Convolutional network: filters that see a small field of the picture and share their weights everywhere."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.core.task import Signature
from goodfit.models.units import ACTIVATIONS

NORMALISATIONS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    # One group is layer normalisation over channels and places (Wu & He 2018).
    "layer": lambda channels: nn.GroupNorm(1, channels),
}

POOLINGS: Mapping[str, Callable[[int], nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}

Gain = Literal["relu", "sigmoid", "tanh"]
GAINS: Mapping[str, Gain] = {"sigmoid": "sigmoid", "tanh": "tanh"}
"""Activations whose initial scale is not the one of the ReLU family."""

LEAST = 2
"""Maps are not subsampled below this side: of one place, batch normalisation has a single value in a batch of one."""

MOST_WIDENING = 8
"""Channels double where a block subsamples, up to this many times the width."""


def cnn(
    signature: Signature,
    *,
    width: int = 32,
    depth: int = 3,
    kernel: int = 3,
    stride: int = 1,
    padding: str = "same",
    pooling: str = "max",
    activation: str = "relu",
    normalisation: str = "batch",
    residual: bool = True,
    dropout: float = 0.0,
) -> nn.Sequential:
    """``depth`` blocks of three convolutions on pictures (batch, channels, height, width) of at least 4 x 4.

    A block is convolution, normalisation, activation, pooling, and then two more convolutions with a skip
    around them (He et al. 2016, basic block; pooling comes first so that the skip needs no projection).
    ``stride`` is that of a block's first convolution. There are ``width`` channels, and twice as many after
    each block that subsamples. The head averages over all places; with ``pooling="none"`` it weighs each
    place on its own, since a person who turns pooling off (Go has none) says that places matter.

    SettingsError where ``padding="valid"`` leaves nothing of the picture.
    """
    plan = _Plan(width, depth, kernel, stride, padding, pooling)
    style = _Style(kernel, padding, pooling, activation, normalisation, residual)
    stages = list(plan.stages(signature))
    everywhere, last = pooling == "none", stages[-1]
    features = last.outputs * last.height * last.breadth if everywhere else last.outputs
    network = nn.Sequential(
        OrderedDict[str, nn.Module](
            layout=ChannelsLast(),
            blocks=nn.Sequential(*(style.block(stage) for stage in stages)),
            gather=nn.Flatten() if everywhere else GlobalAverage(),
            dropout=nn.Dropout(dropout),
            head=nn.Linear(features, signature.outputs),
        )
    )
    _initialise(network, activation)
    return network


class ChannelsLast(nn.Module):
    """Lay a batch out with the channels of a place side by side: the same numbers, and a step a quarter faster.

    Weights keep their usual layout. (`Tensor.to` would leave pictures of one channel as they are: both layouts
    are one to it, and the convolution then takes the slow one.)
    """

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format).permute(0, 3, 1, 2)


class GlobalAverage(nn.Module):
    """Mean over all places: (batch, channels, height, width) to (batch, channels)."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3))


class Skip(nn.Sequential):
    """``x + block(x)`` for modules in a row; where they shrink their input, the middle of ``x``."""

    def forward(self, maps: Tensor) -> Tensor:
        out = maps
        for module in self:
            out = module(out)
        top, left = ((maps.shape[axis] - out.shape[axis]) // 2 for axis in (2, 3))
        return maps[:, :, top : top + out.shape[2], left : left + out.shape[3]] + out


class Field(NamedTuple):
    """What one value of a layer's output sees of the picture, in pixels along the height."""

    layer: str
    field: int
    stride: int
    """How far apart the fields of two neighbours are."""


def receptive_field(model: nn.Module) -> list[Field]:
    """The receptive field after each convolution and pooling of a network that applies its modules in order.

    Where branches join, this is the field of the longer one. Source: Araujo, Norris & Sim 2019, Computing
    receptive fields of convolutional neural networks, Distill, eq. 2.
    """
    found: list[Field] = []
    field = stride = 1
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            dilation = 1 if isinstance(module, nn.AvgPool2d) else _along_height(module.dilation)
            field += (_along_height(module.kernel_size) - 1) * dilation * stride
            stride *= _along_height(module.stride)
            found.append(Field(name, field, stride))
    return found


def _along_height(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


@dataclass(frozen=True)
class _Stage:
    """The numbers of one block; height and breadth are those of its output."""

    inputs: int
    outputs: int
    stride: int
    pools: bool
    height: int
    breadth: int


@dataclass(frozen=True)
class _Plan:
    """How channels grow and maps shrink from block to block."""

    width: int
    depth: int
    kernel: int
    stride: int
    padding: str
    pooling: str

    def stages(self, signature: Signature) -> Iterator[_Stage]:
        channels, height, breadth = signature.inputs
        outputs = self.width
        for index in range(self.depth):
            stride = self.stride if self._after(min(height, breadth), self.stride) >= LEAST else 1
            height, breadth = self._after(height, stride), self._after(breadth, stride)
            pools = self.pooling != "none" and min(height, breadth) >= 2 * LEAST
            if pools:
                height, breadth = height // 2, breadth // 2
            for _ in range(2):
                height, breadth = self._after(height), self._after(breadth)
            if min(height, breadth) < LEAST:
                raise self._nothing_left(signature, index)
            yield _Stage(channels, outputs, stride, pools, height, breadth)
            channels = outputs
            if pools or stride > 1:
                outputs = min(2 * outputs, MOST_WIDENING * self.width)

    def _after(self, side: int, stride: int = 1) -> int:
        return -(-side // stride) if self.padding == "same" else (side - self.kernel) // stride + 1

    def _nothing_left(self, signature: Signature, fitting: int) -> SettingsError:
        _, height, breadth = signature.inputs
        return SettingsError(
            f"with the 'model.padding' setting 'valid' and 'model.kernel' {self.kernel}, block {fitting + 1} of "
            f"'model.depth' {self.depth} leaves nothing of a picture of {height} x {breadth}",
            f"Set model.padding to 'same', lower model.kernel, or set model.depth to {fitting}."
            if fitting
            else "Set model.padding to 'same' or lower model.kernel.",
        )


@dataclass(frozen=True)
class _Style:
    """What the blocks of one network are made of."""

    kernel: int
    padding: str
    pooling: str
    activation: str
    normalisation: str
    residual: bool

    def block(self, stage: _Stage) -> nn.Sequential:
        wide, sequential = stage.outputs, Skip if self.residual else nn.Sequential
        body = sequential(
            OrderedDict([*self._unit("1", wide, wide), self._activate("1"), *self._unit("2", wide, wide)])
        )
        return nn.Sequential(
            OrderedDict[str, nn.Module](
                [
                    *self._unit("", stage.inputs, wide, stage.stride),
                    self._activate(""),
                    *([("pool", POOLINGS[self.pooling](2))] if stage.pools else []),
                    ("body", body),
                    self._activate("_last"),
                ]
            )
        )

    def _unit(self, suffix: str, inputs: int, outputs: int, stride: int = 1) -> Iterator[tuple[str, nn.Module]]:
        normalised = self.normalisation != "none"
        before, after = ((self.kernel - 1) // 2, self.kernel // 2) if self.padding == "same" else (0, 0)
        if before != after:
            yield f"pad{suffix}", nn.ZeroPad2d((before, after, before, after))
            before = 0
        # A bias would be taken away again by the normalisation's mean.
        yield f"conv{suffix}", nn.Conv2d(inputs, outputs, self.kernel, stride, before, bias=not normalised)
        if normalised:
            yield f"norm{suffix}", NORMALISATIONS[self.normalisation](outputs)

    def _activate(self, suffix: str) -> tuple[str, nn.Module]:
        return f"activation{suffix}", ACTIVATIONS[self.activation]()


def _initialise(network: nn.Module, activation: str) -> None:
    """Weights that keep the variance from layer to layer (He et al. 2015); torch's own are 0.4 times as large."""
    gain: Gain = GAINS.get(activation, "relu")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity=gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

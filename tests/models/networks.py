"""Small networks of many kinds, with inputs and targets, for the tests of anatomy and surgery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4, momentum=0.9),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


def deep_linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Linear(8, 3))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        x = functional.dropout(x, 0.1, self.training)
        x = self.second(x).relu_()
        return torch.softmax(self.last(x), dim=1).view(len(x), -1)


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8, padding_idx=0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(tokens))).transpose(1, 2)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


class Exp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(x)


class Scale(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


class Custom(nn.Module):
    """A person's own activations: one class for the hidden units, one for the output."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.first, self.unit = Scale(), nn.Linear(5, 8), Exp()
        self.last, self.end = nn.Linear(8, 1), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.last(self.unit(self.first(self.scale(x))))).squeeze(-1)


class Listed(nn.Module):
    """Layers in a plain list, a weight in a dict, a frozen head."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8)]
        self.extra = {"bias": nn.Parameter(torch.zeros(8))}
        self.head = nn.Linear(8, 3)
        self.head.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(torch.relu(x + self.extra["bias"]))


class Shared(nn.Module):
    """One activation module for hidden units and output alike."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.unit = nn.Linear(5, 8), nn.Linear(8, 3), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(self.last(self.unit(self.first(x))))


class Attention(nn.Module):
    """Attention and gates by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.gate = (nn.Linear(4, 4) for _ in range(4))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        shares = functional.softmax(self.q(x) @ self.k(x).transpose(1, 2), dim=-1)
        x = shares @ self.v(x) * torch.sigmoid(self.gate(x))
        return self.head(torch.tanh(x).mean(1))


class Bare(nn.Module):
    """Weights without layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Parameter(torch.randn(5, 8)), nn.Parameter(torch.zeros(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.first).clamp(min=0) @ self.last


@dataclass(frozen=True)
class Net:
    factory: Callable[[], nn.Module]
    shape: tuple[int, ...]
    tokens: bool = False

    def sample(self, rows: int = 6) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        if self.tokens:
            return torch.randint(1, 11, (rows, *self.shape), generator=generator)
        return torch.randn(rows, *self.shape, generator=generator)


NETS: dict[str, Net] = {
    "mlp": Net(mlp, (5,)),
    "cnn": Net(cnn, (1, 8, 8)),
    "deep_linear": Net(deep_linear, (5,)),
    "functional": Net(Functional, (5,)),
    "tagger": Net(Tagger, (7,), tokens=True),
    "recurrent": Net(Recurrent, (5, 4)),
    "custom": Net(Custom, (5,)),
    "listed": Net(Listed, (5,)),
    "shared": Net(Shared, (5,)),
    "attention": Net(Attention, (5, 4)),
    "bare": Net(Bare, (5,)),
}


def state(module: nn.Module) -> dict[str, Any]:
    """Everything a measurement must leave alone."""
    from goodfit.models.held import every_module, every_tensor

    return {
        "tensors": {name: each.detach().clone() for name, each in every_tensor(module).items()},
        "modes": {name: each.training for name, each in every_module(module).items()},
        "hooks": sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in every_module(module).values()),
        "attributes": {name: sorted(vars(each)) for name, each in every_module(module).items()},
        "rng": torch.get_rng_state(),
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)

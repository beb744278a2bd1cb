"""Small models of every kind a person may bring, with a batch of inputs for each."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def tokens(rows=32, length=7, codes=9):
    return torch.randint(1, codes, (rows, length), generator=torch.Generator().manual_seed(1))


def floats(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.hidden = nn.Linear(16, 12)
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.norm(self.conv1(x))), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        return self.out(torch.tanh(self.hidden(x.flatten(1))))


class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.zeros(5, 16)), nn.Parameter(torch.full((16,), -8.0))
        self.w2, self.b2 = nn.Parameter(torch.zeros(3, 16)), nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return torch.relu(x @ self.w1 + self.b1) @ self.w2.T + self.b2


class Recurrent(nn.Module):
    def __init__(self, kind=nn.GRU, labels=True):
        super().__init__()
        self.embed = nn.Embedding(9, 8, padding_idx=0)
        self.read = kind(8, 12, batch_first=True)
        self.out = nn.Linear(12, 3)
        self.labels = labels

    def forward(self, x):
        states = self.read(self.embed(x))[0]
        return self.out(states).transpose(1, 2) if self.labels else self.out(states[:, -1])


class Transformer(nn.Module):
    def __init__(self, table=False, norm_first=False):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.table = nn.Parameter(torch.randn(7, 8) * 0.3) if table else None
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=norm_first)
        self.encode = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        z = self.embed(x)
        return self.out(self.encode(z if self.table is None else z + self.table)).transpose(1, 2)


class Steps(nn.Module):
    """Attention on features as they are, one number a row."""

    def __init__(self):
        super().__init__()
        self.encode = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.encode(x).mean(1)).squeeze(-1)


class Bag(nn.Module):
    """The mean over all steps, padding included."""

    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(1, 8), nn.Tanh())
        self.out = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return self.out(self.each(x.unsqueeze(-1)).mean(1))


def perceptron():
    return nn.Sequential(
        nn.Linear(5, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
        nn.Sigmoid(),
        nn.Sequential(nn.Linear(2, 8), nn.ReLU()),
        nn.Linear(8, 3),
    )


def square():
    return nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)
    )


def pictures():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(96, 3),
    )


MODELS = {
    "perceptron": (perceptron, floats(32, 5)),
    "square": (square, floats(32, 5)),
    "pictures": (pictures, floats(32, 1, 8, 8)),
    "digits": (Digits, floats(32, 1, 8, 8)),
    "by hand": (ByHand, floats(32, 5)),
    "gru tagger": (Recurrent, tokens()),
    "lstm classifier": (lambda: Recurrent(nn.LSTM, labels=False), tokens()),
    "transformer": (Transformer, tokens()),
    "transformer with positions": (lambda: Transformer(table=True, norm_first=True), tokens()),
    "steps": (Steps, floats(32, 6, 4)),
    "bag": (Bag, floats(32, 9)),
}


def learns(model, inputs):
    """One update of every parameter that got a gradient; the names of the others."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model(inputs).square().sum().backward()
    optimizer.step()
    assert torch.isfinite(model(inputs)).all()
    return [name for name, each in model.named_parameters() if each.grad is None]

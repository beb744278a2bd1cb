import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Encoder(nn.Module):
    """Tokens (batch, 8) to the two class scores."""

    def __init__(self, places):
        super().__init__()
        self.embed = nn.Embedding(10, 32)
        self.place = nn.Parameter(0.1 * torch.randn(8, 32)) if places else None
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        h = self.embed(x)
        if self.place is not None:
            h = h + self.place
        return self.head(self.block(h).mean(1))


def data():
    """Does token 0 come before token 1?"""
    draw = torch.Generator().manual_seed(8)
    x = torch.randint(2, 10, (700, 8), generator=draw)
    spots = torch.rand(700, 8, generator=draw).argsort(1)[:, :2]
    x.scatter_(1, spots, torch.tensor([[0, 1]]).expand(700, 2))
    return x.numpy(), (spots[:, 0] < spots[:, 1]).long().numpy()


def case():
    a, b, c, d = cut(*data())
    return {
        "model": lambda: Encoder(False),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 32,
        "epochs": 12,
        "shuffle": True,
        "task": "classification",
    }


def fixed():
    return {**case(), "model": lambda: Encoder(True)}

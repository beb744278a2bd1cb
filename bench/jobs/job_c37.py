import torch
from torch import nn

from bench.jobs._common import adam, cut, pair


class Recurrent(nn.Module):
    """ReLU recurrence over (batch, 18, 2) whose state is multiplied by `size` times an orthogonal matrix."""

    def __init__(self, size):
        super().__init__()
        self.rnn = nn.RNN(2, 24, nonlinearity="relu", batch_first=True)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)
        with torch.no_grad():
            self.rnn.weight_hh_l0.mul_(size)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[1][0])


def data():
    """Sum of the two marked numbers."""
    draw = torch.Generator().manual_seed(3)
    value = torch.rand(900, 18, generator=draw) - 0.5
    mark = torch.zeros(900, 18)
    mark.scatter_(1, torch.rand(900, 18, generator=draw).argsort(1)[:, :2], 1.0)
    x, y = torch.stack([value, mark], 2), (value * mark).sum(1, keepdim=True)
    return x.numpy(), (2 * y).numpy()


def case():
    a, b, c, d = cut(*data())
    return {
        "model": lambda: Recurrent(2.5),
        "loss": nn.MSELoss(),
        "optimizer": adam(0.003),
        "train": pair(a, b),
        "val": pair(c, d),
        "batch_size": 24,
        "epochs": 20,
        "shuffle": True,
        "task": "regression",
    }


def fixed():
    return {**case(), "model": lambda: Recurrent(0.98)}

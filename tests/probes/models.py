"""Small models with a known answer, and the check that a measurement changed nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn


def mlp(*sizes: int, act: type[nn.Module] = nn.ReLU, norm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        layers.append(nn.Linear(fan_in, fan_out))
        if index < len(sizes) - 2:
            layers += [nn.BatchNorm1d(fan_out)] * norm + [act()] + [nn.Dropout(dropout)] * (dropout > 0)
    return nn.Sequential(*layers)


class Tagger(nn.Module):
    """Codes (batch, length) to one answer a token (batch, classes, length), or one a row with ``pool``."""

    def __init__(self, *, position: bool = False, pool: bool = False, mask: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 16)
        self.position = nn.Parameter(torch.randn(12, 16)) if position else None
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(16, 3)
        self.pool, self.mask = pool, mask

    def forward(self, codes: Tensor) -> Tensor:
        vectors = self.table(codes)
        if self.position is not None:
            vectors = vectors + self.position
        padding = codes == 0
        vectors = self.encoder(vectors, src_key_padding_mask=padding if self.mask else None)
        if not self.pool:
            return self.out(vectors).transpose(1, 2)
        weight = (~padding)[..., None].float() if self.mask else torch.ones_like(vectors[..., :1])
        return self.out((vectors * weight).sum(1) / weight.sum(1))


def padded(rows: int = 40, length: int = 12, seed: int = 0) -> Tensor:
    """Codes 1 to 6 with 0 to 6 columns of padding at the end."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(1, 7, (rows, length), generator=generator)
    counts = torch.randint(length // 2, length + 1, (rows, 1), generator=generator)
    return codes * (torch.arange(length) < counts)


@contextmanager
def unchanged(model: nn.Module, *inputs: Tensor) -> Iterator[None]:
    """Fails unless weights, buffers, gradients, modes, hooks, random state and inputs are bit-identical afterwards."""
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    tensors = [*model.parameters(), *model.buffers(), *(each.grad for each in model.parameters()), *inputs]
    copies = [each.detach().clone() for each in tensors]
    modes = [each.training for each in model.modules()]
    states = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    fused = torch.backends.mha.get_fastpath_enabled()
    yield
    after = [*model.parameters(), *model.buffers(), *(each.grad for each in model.parameters()), *inputs]
    assert all(a is b for a, b in zip(tensors, after, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(copies, after, strict=True))
    assert modes == [each.training for each in model.modules()]
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), str(np.random.get_state()))
    assert not any(each._forward_hooks for each in model.modules())
    assert fused == torch.backends.mha.get_fastpath_enabled()

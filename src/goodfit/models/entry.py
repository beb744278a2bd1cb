"""From a row as the data give it to one vector: what every fully connected network begins with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.task import Signature

LARGEST_EMBEDDING = 50


def embedding_width(size: int) -> int:
    """Features for a category of ``size`` levels: 1.6 n^0.56, at most 50 (fastai's rule of thumb)."""
    return min(LARGEST_EMBEDDING, round(1.6 * math.pow(size, 0.56)))


class EmbedCategories(nn.Module):
    """Replace the whole-number codes at the end of a table row by learnt vectors: (batch, n) to (batch, width)."""

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.numbers = signature.inputs[0] - len(signature.categories)
        self.embeddings = nn.ModuleList(nn.Embedding(size, embedding_width(size)) for size in signature.categories)
        self.width = self.numbers + sum(embedding_width(size) for size in signature.categories)

    @property
    def tables(self) -> list[nn.Embedding]:
        return [each for each in self.embeddings if isinstance(each, nn.Embedding)]

    def forward(self, rows: Tensor) -> Tensor:
        codes = rows[:, self.numbers :].long()
        vectors = [embed(codes[:, i]) for i, embed in enumerate(self.embeddings)]
        return torch.cat([rows[:, : self.numbers], *vectors], dim=1)


def entry(signature: Signature) -> tuple[list[nn.Module], int]:
    """The first modules of a network on rows or pictures, and the width of the vector they give."""
    if len(signature.inputs) > 1:
        return [nn.Flatten()], math.prod(signature.inputs)
    if signature.categories:
        embed = EmbedCategories(signature)
        return [embed], embed.width
    return [], signature.inputs[0]


class TokenWindow(nn.Module):
    """Each token's features and those of its neighbours, embedded: (batch, length, features) codes to
    (batch, length, width). ``span`` tokens are seen (odd), centred on the one to be labelled; code 0 is padding.
    """

    def __init__(self, sizes: tuple[int, ...], span: int = 1, width: int = 32) -> None:
        super().__init__()
        self.span = span
        self.embeddings = nn.ModuleList(nn.Embedding(size, width, padding_idx=0) for size in sizes)
        self.width = span * len(sizes) * width

    def forward(self, codes: Tensor) -> Tensor:
        vectors = torch.cat([embed(codes[..., i]) for i, embed in enumerate(self.embeddings)], dim=-1)
        if self.span == 1:
            return vectors
        reach = self.span // 2
        around = functional.pad(vectors, (0, 0, reach, reach))
        return torch.cat([around[:, i : i + codes.shape[1]] for i in range(self.span)], dim=-1)


class ClassesFirst(nn.Module):
    """(batch, length, classes) to (batch, classes, length), the order torch's cross-entropy wants."""

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.transpose(1, 2)

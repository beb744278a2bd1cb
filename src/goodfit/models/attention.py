"""Self-attention encoder for sequence labelling: one label for each token, the whole sentence as its context."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.errors import SettingsError
from goodfit.core.task import Signature
from goodfit.models.entry import ClassesFirst
from goodfit.models.units import ACTIVATIONS

UNKNOWN = 1
"""Code of a value that was not seen in training; 0 is padding."""

REACH = 16
"""Relative positions further apart than this are treated alike."""

HIDDEN = 4
"""Units of a block's feed-forward layer for each of its width (Vaswani et al. 2017)."""

FAR = -1e9
"""Added to the score of padding. Finite, so that a row of nothing but padding gives numbers too."""


class TokenEmbedding(nn.Module):
    """The sum of one learnt vector a feature: codes (batch, length, features) to (batch, length, width).

    In training feature 0, the token itself, is now and then replaced by the code for unknown ones: otherwise the
    vector of that code is never trained, and the features that unknown tokens have are little used.
    """

    starts: Tensor

    def __init__(self, sizes: tuple[int, ...], width: int, forget: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Embedding(sum(sizes), width)
        self.forget = nn.Dropout(forget if len(sizes) > 1 else 0.0)
        self.register_buffer("starts", torch.tensor([0, *sizes[:-1]]).cumsum(0), persistent=False)
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(len(sizes)))

    def forward(self, codes: Tensor) -> Tensor:
        token, others = codes[..., :1], codes[..., 1:]
        kept = self.forget(torch.ones(token.shape, device=codes.device)) > 0
        codes = torch.cat([torch.where(kept, token, UNKNOWN), others], dim=-1)
        vectors: Tensor = self.table(codes + self.starts)
        return vectors.sum(dim=2)


class NoPosition(nn.Module):
    """The order of the tokens is not told: attention then sees a set."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors


class SinusoidalPosition(nn.Module):
    """Sines and cosines of the position added to the vectors (Vaswani et al. 2017, section 3.5)."""

    def forward(self, vectors: Tensor) -> Tensor:
        length, width = vectors.shape[1:]
        place = torch.arange(length, device=vectors.device)[:, None]
        rates = torch.exp(torch.arange(0, width, 2, device=vectors.device) * (-math.log(10_000.0) / width))
        waves = torch.stack([torch.sin(place * rates), torch.cos(place * rates)], dim=-1).flatten(1)
        return vectors + waves[:, :width].to(vectors.dtype)


class RelativeBias(nn.Module):
    """A learnt number for each head and distance, added to the attention scores (Raffel et al. 2020, T5).

    The heads begin with different places to look at, the token before, the one after, both sides, and everywhere,
    and fall off from there in straight lines (Press et al. 2022): neighbours need not be discovered.
    """

    def __init__(self, heads: int, reach: int = REACH) -> None:
        super().__init__()
        self.reach = reach
        distance = torch.arange(-reach, reach + 1)
        rows = [_falling(distance, head) for head in range(heads)]
        self.bias = nn.Parameter(torch.stack(rows))

    def forward(self, length: int) -> Tensor:
        """(heads, length, length), from the token that looks to the one looked at."""
        place = torch.arange(length, device=self.bias.device)
        distance = (place[None, :] - place[:, None]).clamp(-self.reach, self.reach)
        return self.bias[:, distance + self.reach]


def _falling(distance: Tensor, head: int) -> Tensor:
    further = head // 4
    centre, slope = ((-1 - further, 1.0), (1 + further, 1.0), (0, 0.5 ** (1 + further)), (0, 0.0))[head % 4]
    return -slope * (distance - centre).abs().float()


class NoBias(nn.Module):
    """Nothing is added to the attention scores."""

    def forward(self, length: int) -> float:
        return 0.0


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention of (batch, length, width) over itself."""

    def __init__(self, width: int, heads: int, bias: nn.Module) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.bias = bias
        self.output = nn.Linear(width, width)

    def forward(self, vectors: Tensor, padding: Tensor) -> Tensor:
        """``padding`` (batch, 1, 1, length) is added to the scores: 0 for tokens, `FAR` for padding."""
        batch, length, width = vectors.shape
        parts = self.queries_keys_values(vectors).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        scores = padding + self.bias(length)
        mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=scores)
        result: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, length, width))
        return result


class Block(nn.Module):
    """Self-attention, then the same small network at each token; normalised before (Xiong et al. 2020)."""

    def __init__(
        self, attention: SelfAttention, width: int, activation: str, dropout: float, normalisation: str, residual: bool
    ) -> None:
        super().__init__()
        self.residual = residual
        self.attention_norm = _norm(normalisation, width)
        self.attention = attention
        self.attention_dropout = nn.Dropout(dropout)
        self.feed_forward = nn.Sequential(
            _norm(normalisation, width),
            nn.Linear(width, HIDDEN * width),
            ACTIVATIONS[activation](),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, vectors: Tensor, padding: Tensor) -> Tensor:
        context = self.attention_dropout(self.attention(self.attention_norm(vectors), padding))
        vectors = vectors + context if self.residual else context
        changed: Tensor = self.feed_forward(vectors)
        return vectors + changed if self.residual else changed


class Encoder(nn.Module):
    """Embedding, position, blocks and a linear head: codes (batch, length, features) to (batch, outputs, length)."""

    def __init__(
        self, embedding: TokenEmbedding, position: nn.Module, blocks: list[Block], head: nn.Module, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.position = position
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.head = head

    def forward(self, codes: Tensor) -> Tensor:
        vectors = self.dropout(self.position(self.embedding(codes)))
        padding = torch.zeros_like(codes[..., 0], dtype=vectors.dtype).masked_fill(codes[..., 0] == 0, FAR)
        for block in self.blocks:
            vectors = block(vectors, padding[:, None, None, :])
        outputs: Tensor = self.head(vectors)
        return outputs


POSITIONS: Mapping[str, tuple[Callable[[], nn.Module], Callable[[int], nn.Module]]] = {
    "relative": (NoPosition, RelativeBias),
    "sinusoidal": (SinusoidalPosition, lambda heads: NoBias()),
    "none": (NoPosition, lambda heads: NoBias()),
}
"""What is added to the vectors once, and to the scores of each block."""


def attention(
    signature: Signature,
    *,
    width: int = 128,
    depth: int = 2,
    heads: int = 4,
    activation: str = "gelu",
    dropout: float = 0.1,
    position: str = "relative",
    normalisation: str = "layer",
    residual: bool = True,
) -> Encoder:
    """``depth`` blocks of self-attention over token codes. ``dropout`` is also the share of tokens shown as unknown."""
    if not signature.tokens:
        raise SettingsError("The model 'attention' labels tokens, and the data are not sequences", "Choose 'mlp'.")
    if width % heads:
        raise SettingsError(
            f"The 'model.heads' setting must divide the width of {width}. Got {heads} instead",
            f"Choose model.heads={max(n for n in range(1, heads) if width % n == 0)}, or a width that {heads} divides.",
        )
    if normalisation == "batch":
        raise SettingsError(
            "The 'model.normalisation' setting must be 'layer' or 'none' for attention. Got 'batch' instead"
        )
    added, bias = POSITIONS[position]
    blocks = [
        Block(SelfAttention(width, heads, bias(heads)), width, activation, dropout, normalisation, residual)
        for _ in range(depth)
    ]
    head = nn.Sequential(_norm(normalisation, width), nn.Linear(width, signature.outputs), ClassesFirst())
    return Encoder(TokenEmbedding(signature.categories, width, forget=dropout), added(), blocks, head, dropout)


def _norm(normalisation: str, width: int) -> nn.Module:
    return nn.LayerNorm(width) if normalisation == "layer" else nn.Identity()

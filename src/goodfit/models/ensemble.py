"""Several networks of one shape as one: their mean."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of what its members give (of logits: the geometric mean of the probabilities, up to a factor).

    Source: Hansen & Salamon 1990, "Neural network ensembles"; for members of cross-validation folds Krogh & Vedelsby
    1995.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(batch, ...)`` as each member takes it, to outputs of a member's shape."""
        return torch.stack([member(inputs) for member in self.members]).mean(dim=0)

"""Early stopping: remember the best epoch's weights, and say when patience has run out."""

from __future__ import annotations

import math

from torch import Tensor, nn


class BestEpoch:
    """The epoch with the lowest validation loss so far. Until a loss is finite the newest weights are kept."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.epoch = 0
        self.loss = math.inf
        self.weights: dict[str, Tensor] = {}

    def improves(self, loss: float) -> bool:
        """Whether an epoch with this loss is the one to keep."""
        return loss < self.loss or math.isinf(self.loss)

    def see(self, epoch: int, loss: float, model: nn.Module) -> None:
        """Take note of an epoch (counted from 1) and copy the weights to the CPU if it is the best."""
        if self.improves(loss):
            self.epoch = epoch
            self.loss = loss if math.isfinite(loss) else math.inf
            self.weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    def out_of_patience(self, epoch: int) -> bool:
        return self.patience is not None and epoch - self.epoch >= self.patience

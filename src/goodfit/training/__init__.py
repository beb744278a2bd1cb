"""The loop and what it is made of: batches, optimisers, schedules, stopping, evaluation."""

from goodfit.training.budget import Budget, within
from goodfit.training.evaluation import mean_loss, predict, probabilities
from goodfit.training.loop import fit
from goodfit.training.pace import quickest_threads

__all__ = ["Budget", "fit", "mean_loss", "predict", "probabilities", "quickest_threads", "within"]

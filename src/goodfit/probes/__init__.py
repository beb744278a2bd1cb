"""Measurements on a model at one moment. Each is a function that leaves the model exactly as it found it."""

from goodfit.probes.curvature import (
    Critical,
    Escape,
    Scale,
    Spectrum,
    critical_point,
    escape,
    extreme_eigenvalues,
)
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.invariance import (
    OrderBlind,
    TrainEvalGap,
    batch_coupled,
    order_blind,
    train_eval_gap,
)
from goodfit.probes.loss_surface import (
    Slice1D,
    Slice2D,
    TrainingPath,
    filter_normalised,
    linear_interpolation,
    slice_1d,
    slice_2d,
    training_path,
)
from goodfit.probes.padding import PaddingReach, padding_in_loss, padding_reach
from goodfit.probes.sharpness import Sharpness, sharpness
from goodfit.probes.signals import LayerSignal, OutputRange, Signals, output_range, signals, updated
from goodfit.probes.weights import weight_vector

__all__ = [
    "Critical",
    "Escape",
    "Hessian",
    "LayerSignal",
    "OrderBlind",
    "OutputRange",
    "PaddingReach",
    "Scale",
    "Sharpness",
    "Signals",
    "Slice1D",
    "Slice2D",
    "Spectrum",
    "TrainEvalGap",
    "TrainingPath",
    "batch_coupled",
    "critical_point",
    "escape",
    "extreme_eigenvalues",
    "filter_normalised",
    "hessian",
    "linear_interpolation",
    "order_blind",
    "output_range",
    "padding_in_loss",
    "padding_reach",
    "sharpness",
    "signals",
    "slice_1d",
    "slice_2d",
    "train_eval_gap",
    "training_path",
    "updated",
    "weight_vector",
]

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
    PaddingReach,
    TrainEvalGap,
    batch_coupled,
    order_blind,
    padding_in_loss,
    padding_reach,
    train_eval_gap,
)
from goodfit.probes.signals import LayerSignal, OutputRange, Signals, output_range, signals, updated

__all__ = [
    "Critical",
    "Escape",
    "Hessian",
    "LayerSignal",
    "OrderBlind",
    "OutputRange",
    "PaddingReach",
    "Scale",
    "Signals",
    "Spectrum",
    "TrainEvalGap",
    "batch_coupled",
    "critical_point",
    "escape",
    "extreme_eigenvalues",
    "hessian",
    "order_blind",
    "output_range",
    "padding_in_loss",
    "padding_reach",
    "signals",
    "train_eval_gap",
    "updated",
]

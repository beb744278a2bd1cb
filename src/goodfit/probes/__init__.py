"""Measurements on a model at one moment. Each is a function that leaves the model exactly as it found it."""

from goodfit.core.probe import Probe
from goodfit.probes.activations import (
    ACTIVATION_RMS,
    DEAD_SHARE,
    EFFECTIVE_RANK,
    SATURATED_SHARE,
    dead_share,
    effective_rank,
    rms,
    saturated_share,
)
from goodfit.probes.curvature import (
    Critical,
    Escape,
    Scale,
    Spectrum,
    critical_point,
    escape,
    extreme_eigenvalues,
)
from goodfit.probes.gradients import (
    GRADIENT_NORM,
    GRADIENT_SNR,
    UPDATE_RATIO,
    WEIGHT_NORM,
    alignment,
    norms,
    signal_to_noise,
    update_ratios,
)
from goodfit.probes.hessian import Hessian, hessian
from goodfit.probes.host import Host
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
from goodfit.probes.noise_scale import NoiseScale, NoiseScaleProbe, noise_scale
from goodfit.probes.nonfinite import Nonfinite, first_nonfinite
from goodfit.probes.padding import PaddingReach, padding_in_loss, padding_reach
from goodfit.probes.responses import Departure, Response, Responses, responses
from goodfit.probes.sentinel import Sentinel
from goodfit.probes.sharpness import Sharpness, sharpness
from goodfit.probes.signals import LayerSignal, OutputRange, Signals, output_range, signals, updated
from goodfit.probes.trace import NotExact, Trace, exact_trace, trace
from goodfit.probes.weights import weight_vector

PROBES: tuple[Probe, ...] = (
    GRADIENT_NORM,
    WEIGHT_NORM,
    UPDATE_RATIO,
    ACTIVATION_RMS,
    DEAD_SHARE,
    SATURATED_SHARE,
    GRADIENT_SNR,
    EFFECTIVE_RANK,
)
"""The probes a `Host` carries by default; the contract tests go through them."""

__all__ = [
    "PROBES",
    "Critical",
    "Departure",
    "Escape",
    "Hessian",
    "Host",
    "LayerSignal",
    "NoiseScale",
    "NoiseScaleProbe",
    "Nonfinite",
    "NotExact",
    "OrderBlind",
    "OutputRange",
    "PaddingReach",
    "Response",
    "Responses",
    "Scale",
    "Sentinel",
    "Sharpness",
    "Signals",
    "Slice1D",
    "Slice2D",
    "Spectrum",
    "Trace",
    "TrainEvalGap",
    "TrainingPath",
    "alignment",
    "batch_coupled",
    "critical_point",
    "dead_share",
    "effective_rank",
    "escape",
    "exact_trace",
    "extreme_eigenvalues",
    "filter_normalised",
    "first_nonfinite",
    "hessian",
    "linear_interpolation",
    "noise_scale",
    "norms",
    "order_blind",
    "output_range",
    "padding_in_loss",
    "padding_reach",
    "responses",
    "rms",
    "saturated_share",
    "sharpness",
    "signal_to_noise",
    "signals",
    "slice_1d",
    "slice_2d",
    "trace",
    "train_eval_gap",
    "training_path",
    "update_ratios",
    "updated",
    "weight_vector",
]
